package bus_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/cybexp/cybexp/bus"
)

func open(tb testing.TB, dir string) *bus.Bus {
	tb.Helper()
	b, err := bus.Open(context.Background(), bus.Config{Dir: dir, Logger: quiet(tb)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = b.Close() })
	return b
}

// quiet shows errors only, and nothing once the test is over.
func quiet(tb testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(tb.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
}

func stream(tb testing.TB, b *bus.Bus, c bus.StreamConfig) *bus.Stream {
	tb.Helper()
	s, err := b.Stream(context.Background(), c)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func bucket(tb testing.TB, b *bus.Bus, c bus.KVConfig) *bus.KV {
	tb.Helper()
	k, err := b.KV(context.Background(), c)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func publish(tb testing.TB, s *bus.Stream, subject string, bodies ...string) (last uint64) {
	tb.Helper()
	for _, body := range bodies {
		var err error
		if last, err = s.Publish(context.Background(), subject, nil, []byte(body)); err != nil {
			tb.Fatal(err)
		}
	}
	return last
}

// patience is for what comes at once on a machine that has nothing else to do.
const patience = time.Minute

// within fails the test when ch gives nothing in time.
func within[T any](tb testing.TB, ch <-chan T) T {
	tb.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		tb.Fatalf("nothing came in %v", patience)
	}
	panic("not reached")
}

// until polls cond.
func until(tb testing.TB, what string, cond func() bool) {
	tb.Helper()
	deadline, tick := time.After(patience), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			tb.Fatalf("not so after %v: %s", patience, what)
		}
	}
}

func TestConfigNamesOnePlace(t *testing.T) {
	for name, c := range map[string]bus.Config{
		"nothing":  {},
		"both":     {Dir: "d", URL: "nats://h"},
		"replicas": {Dir: "d", Replicas: 3},
		"creds":    {Dir: "d", Creds: "c"},
		"password": {URL: "nats://u:secret@h"},
	} {
		if _, err := bus.Open(t.Context(), c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestWhatWasAcknowledgedIsThereAfterReopening(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	s := stream(t, b, bus.StreamConfig{Name: "s", Subjects: []string{"s.>"}})
	k := bucket(t, b, bus.KVConfig{Bucket: "k"})
	last := publish(t, s, "s.a", "one", "two")
	rev, err := k.Put(t.Context(), "key", []byte("value"))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}

	b = open(t, dir)
	s = stream(t, b, bus.StreamConfig{Name: "s", Subjects: []string{"s.>"}})
	k = bucket(t, b, bus.KVConfig{Bucket: "k"})
	if st, err := s.State(t.Context()); err != nil || st.Messages != 2 || st.Last != last {
		t.Errorf("got %+v, %v, want 2 messages up to %d", st, err, last)
	}
	if e, err := k.Get(t.Context(), "key"); err != nil || string(e.Value) != "value" || e.Revision != rev {
		t.Errorf("got %+v, %v", e, err)
	}
}

func TestFolderInUseIsRefused(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	if _, err := bus.Open(t.Context(), bus.Config{Dir: dir}); !errors.Is(err, bus.ErrInUse) {
		t.Errorf("got %v, want ErrInUse", err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
}

func TestReadyTellsOfALostBus(t *testing.T) {
	b := open(t, t.TempDir())
	if err := b.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = b.Close()
	if err := b.Ready(t.Context()); err == nil {
		t.Error("a closed bus is ready")
	}
}

func TestStreamsAndBucketsTakeANewShape(t *testing.T) {
	ctx, b := t.Context(), open(t, t.TempDir())
	s := stream(t, b, bus.StreamConfig{Name: "s", Subjects: []string{"s.>"}})
	publish(t, s, "s.a", "x")
	k := bucket(t, b, bus.KVConfig{Bucket: "k"})
	if _, err := k.Put(ctx, "a", []byte("x")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s = stream(t, b, bus.StreamConfig{Name: "s", Subjects: []string{"s.>", "more.>"}, MaxAge: time.Hour})
		k = bucket(t, b, bus.KVConfig{Bucket: "k", TTL: time.Hour, History: 5})
	}
	publish(t, s, "more.a", "y")
	if st, err := s.State(ctx); err != nil || st.Messages != 2 {
		t.Errorf("got %+v, %v, want 2 messages", st, err)
	}
	if e, err := k.Get(ctx, "a"); err != nil || string(e.Value) != "x" {
		t.Errorf("got %+v, %v", e, err)
	}
}
