package bus_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/bus"
)

// TestRestoreGoesOnWhereSnapshotWas copies a queue that is half worked off, and a bucket, to another bus.
func TestRestoreGoesOnWhereSnapshotWas(t *testing.T) {
	ctx, one, dir := t.Context(), open(t, t.TempDir()), t.TempDir()
	config := bus.StreamConfig{Name: "lake", Subjects: []string{"lake.>"}, WorkQueue: true}
	lake, err := one.Stream(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 10 {
		if _, err := lake.Publish(ctx, "lake."+strconv.Itoa(n), map[string]string{"Of": "test"}, []byte("sealed")); err != nil {
			t.Fatal(err)
		}
	}
	take(t, lake, 4)
	kv, err := one.KV(ctx, bus.KVConfig{Bucket: "identity"})
	if err != nil {
		t.Fatal(err)
	}
	revision, err := kv.Put(ctx, "user.1", []byte("alice"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := one.KV(ctx, bus.KVConfig{Bucket: "leases", Storage: bus.Memory}); err != nil {
		t.Fatal(err)
	}

	stored, err := one.Stored(ctx)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	two := open(t, t.TempDir())
	for _, s := range stored {
		names[s.Name] = s.WorkQueue
		part := filepath.Join(dir, s.Name)
		if err := one.Snapshot(ctx, s.Name, part); err != nil {
			t.Fatal(err)
		}
		if err := two.Restore(ctx, s.Name, part); err != nil {
			t.Fatal(err)
		}
		if err := two.Restore(ctx, s.Name, part); !errors.Is(err, bus.ErrExists) {
			t.Errorf("again: %v", err)
		}
	}
	if diff := cmp.Diff(map[string]bool{"lake": true, "KV_identity": false}, names); diff != "" {
		t.Errorf("stored: %s", diff)
	}
	if lake, err = two.Stream(ctx, config); err != nil {
		t.Fatal(err)
	}
	got := take(t, lake, 6)
	slices.Sort(got) // one may have been in hand, and comes again
	if diff := cmp.Diff([]uint64{5, 6, 7, 8, 9, 10}, got); diff != "" {
		t.Errorf("what was left: %s", diff)
	}
	if kv, err = two.KV(ctx, bus.KVConfig{Bucket: "identity"}); err != nil {
		t.Fatal(err)
	}
	if e, err := kv.Get(ctx, "user.1"); err != nil || string(e.Value) != "alice" || e.Revision != revision {
		t.Errorf("got %+v %v, want revision %d", e, err, revision)
	}
}

// take works off n messages and returns their sequence numbers.
func take(t *testing.T, s *bus.Stream, n int) (sequences []uint64) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got := make(chan uint64)
	gone := make(chan error, 1)
	go func() {
		gone <- s.Consume(ctx, bus.ConsumerConfig{Name: "worker", AckWait: time.Second}, func(ctx context.Context, m bus.Message) error {
			select {
			case got <- m.Sequence:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	for range n {
		sequences = append(sequences, <-got)
	}
	for { // the last one is still to be acknowledged
		st, err := s.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if st.First > slices.Max(sequences) {
			break
		}
	}
	cancel()
	<-gone
	return sequences
}
