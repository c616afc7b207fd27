package bus_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cybexp/cybexp/bus"
)

func queue(tb testing.TB, b *bus.Bus) *bus.Stream {
	return stream(tb, b, bus.StreamConfig{Name: "q", Subjects: []string{"q.>"}, WorkQueue: true})
}

// consume runs Consume until the test ends, or the returned function is called.
func consume(tb testing.TB, s *bus.Stream, c bus.ConsumerConfig, h bus.Handler) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Consume(ctx, c, h) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := within(tb, done); err != nil {
			tb.Errorf("consume: %v", err)
		}
	})
	tb.Cleanup(stop)
	return stop
}

func soon(int) time.Duration { return time.Millisecond }

func TestHandledMessageLeavesTheQueue(t *testing.T) {
	s := queue(t, open(t, t.TempDir()))
	want := bus.Message{Subject: "q.a", Header: map[string]string{"K": "v"}, Data: []byte("one"), Delivered: 1}
	var err error
	if want.Sequence, err = s.Publish(t.Context(), want.Subject, want.Header, want.Data); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Pending(t.Context(), "w"); n != 1 || err != nil {
		t.Errorf("before the first consumer: got %d, %v pending, want 1", n, err)
	}
	got := make(chan bus.Message, 1)
	consume(t, s, bus.ConsumerConfig{Name: "w"}, func(_ context.Context, m bus.Message) error { got <- m; return nil })
	m := within(t, got)
	if m.Time.IsZero() {
		t.Error("no time")
	}
	m.Time = time.Time{}
	if fmt.Sprint(m) != fmt.Sprint(want) {
		t.Errorf("got %+v, want %+v", m, want)
	}
	until(t, "queue empty", func() bool { st, err := s.State(t.Context()); return err == nil && st.Messages == 0 })
	if n, err := s.Pending(t.Context(), "w"); n != 0 || err != nil {
		t.Errorf("got %d, %v pending, want 0", n, err)
	}
}

func TestFailedMessageComesBack(t *testing.T) {
	s := queue(t, open(t, t.TempDir()))
	publish(t, s, "q.a", "x")
	got := make(chan int, 10)
	retry := func(delivered int) time.Duration { return time.Duration(delivered) * time.Millisecond }
	consume(t, s, bus.ConsumerConfig{Name: "w", Retry: retry}, func(_ context.Context, m bus.Message) error {
		got <- m.Delivered
		switch m.Delivered {
		case 1:
			return errors.New("not yet")
		case 2:
			panic("not yet either")
		}
		return nil
	})
	for want := 1; want <= 3; want++ {
		if n := within(t, got); n != want {
			t.Errorf("got try %d, want %d", n, want)
		}
	}
	until(t, "queue empty", func() bool { n, err := s.Pending(t.Context(), "w"); return err == nil && n == 0 })
}

func TestBackoffDoublesToAnHour(t *testing.T) {
	for delivered, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 12: 2048 * time.Second} {
		if got := bus.Backoff(delivered); got < want || got > want+time.Second {
			t.Errorf("try %d: got %v, want %v and up to a second", delivered, got, want)
		}
	}
	for _, delivered := range []int{13, 100, 1 << 40} {
		if got := bus.Backoff(delivered); got != time.Hour {
			t.Errorf("try %d: got %v, want 1h", delivered, got)
		}
	}
}

func TestDeadLetterSaysWhy(t *testing.T) {
	b := open(t, t.TempDir())
	s := queue(t, b)
	dead := stream(t, b, bus.StreamConfig{Name: "dead", Subjects: []string{"dead.>"}})
	for _, body := range []string{"poison", "stubborn"} {
		if _, err := s.Publish(t.Context(), "q."+body, map[string]string{"K": body}, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	c := bus.ConsumerConfig{Name: "w", MaxDeliver: 3, DeadLetter: dead, Retry: soon}
	consume(t, s, c, func(_ context.Context, m bus.Message) error {
		if string(m.Data) == "poison" {
			return fmt.Errorf("handle: %w", bus.Permanent(errors.New("cannot\nbe opened")))
		}
		return errors.New("busy")
	})
	want := map[string][2]string{
		"dead.q.poison":   {"handle: cannot be opened", "1"},
		"dead.q.stubborn": {"busy", "3"},
	}
	for m, err := range dead.Read(t.Context(), "dead.>", 0) {
		if err != nil {
			t.Fatal(err)
		}
		got := [2]string{m.Header[bus.HeaderReason], m.Header[bus.HeaderDelivered]}
		if got != want[m.Subject] {
			t.Errorf("%s: got %q, want %q", m.Subject, got, want[m.Subject])
		}
		if m.Header["K"] != string(m.Data) || "dead."+m.Header[bus.HeaderSubject] != m.Subject {
			t.Errorf("%s: headers are %v", m.Subject, m.Header)
		}
		if delete(want, m.Subject); len(want) == 0 {
			break
		}
	}
	until(t, "queue empty", func() bool { n, err := s.Pending(t.Context(), "w"); return err == nil && n == 0 })
}

func TestLongHandlerKeepsItsMessage(t *testing.T) {
	s := queue(t, open(t, t.TempDir()))
	publish(t, s, "q.a", "x")
	const wait = 300 * time.Millisecond
	got, release := make(chan int, 10), make(chan struct{})
	consume(t, s, bus.ConsumerConfig{Name: "w", Concurrency: 2, AckWait: wait}, func(_ context.Context, m bus.Message) error {
		got <- m.Delivered
		<-release
		return nil
	})
	within(t, got)
	select {
	case n := <-got:
		t.Errorf("handed out again (%d) while being handled", n)
	case <-time.After(4 * wait):
	}
	close(release)
	until(t, "queue empty", func() bool { n, err := s.Pending(t.Context(), "w"); return err == nil && n == 0 })
}

func TestTwoConsumersShareAQueue(t *testing.T) {
	b := open(t, t.TempDir())
	s := queue(t, b)
	const n = 100
	var mu sync.Mutex
	seen, by := map[uint64]int{}, map[string]int{}
	both := make(chan struct{}) // closed when both have a message; until then neither finishes one
	for _, name := range []string{"left", "right"} {
		consume(t, s, bus.ConsumerConfig{Name: "w", Concurrency: 2}, func(ctx context.Context, m bus.Message) error {
			mu.Lock()
			seen[m.Sequence]++
			if by[name]++; by[name] == 1 && len(by) == 2 {
				close(both)
			}
			mu.Unlock()
			select {
			case <-both:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}
	for range n {
		publish(t, s, "q.a", "x")
	}
	until(t, "all handled", func() bool { mu.Lock(); defer mu.Unlock(); return len(seen) == n })
	for seq, times := range seen {
		if times != 1 {
			t.Errorf("message %d was handled %d times", seq, times)
		}
	}
}

// TestLostRequestIsMadeAgain loses a request for messages on its way to the server.
func TestLostRequestIsMadeAgain(t *testing.T) {
	s := queue(t, open(t, t.TempDir()))
	publish(t, s, "q.a", "x")
	ctx, cancel := context.WithCancel(context.Background())
	got, done := make(chan int, 10), make(chan error, 1)
	go func() {
		done <- s.ConsumeAfterALoss(ctx, bus.ConsumerConfig{Name: "w", AckWait: time.Second}, func(_ context.Context, m bus.Message) error {
			got <- m.Delivered
			return nil
		})
	}()
	defer func() {
		cancel()
		if err := within(t, done); err != nil {
			t.Errorf("consume: %v", err)
		}
	}()
	within(t, got)
}

func TestStopGivesMessagesBackAtOnce(t *testing.T) {
	s := queue(t, open(t, t.TempDir()))
	publish(t, s, "q.a", "x")
	got := make(chan bus.Message, 1)
	c := bus.ConsumerConfig{Name: "w", AckWait: time.Hour, MaxDeliver: 1}
	stop := consume(t, s, c, func(ctx context.Context, m bus.Message) error {
		got <- m
		<-ctx.Done()
		return ctx.Err()
	})
	within(t, got)
	stop()
	c.MaxDeliver = 0
	consume(t, s, c, func(_ context.Context, m bus.Message) error { got <- m; return nil })
	if m := within(t, got); m.Delivered != 2 {
		t.Errorf("got try %d, want 2", m.Delivered)
	}
}

func TestConsumeEndsWithAClosedBus(t *testing.T) {
	b := open(t, t.TempDir())
	s := queue(t, b)
	done, started := make(chan error, 1), make(chan struct{}, 1)
	go func() {
		done <- s.Consume(context.Background(), bus.ConsumerConfig{Name: "w"}, func(context.Context, bus.Message) error {
			started <- struct{}{}
			return nil
		})
	}()
	publish(t, s, "q.a", "x")
	within(t, started)
	_ = b.Close()
	if err := within(t, done); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

// TestKilledWhileHandling kills a process that has messages in hand, and expects every one from the next process on the folder.
func TestKilledWhileHandling(t *testing.T) {
	const env = "BUS_TEST_DIR"
	if dir := os.Getenv(env); dir != "" {
		handleForever(t, dir)
		return
	}
	dir := t.TempDir()
	b := open(t, dir)
	publish(t, queue(t, b), "q.a", "done", "held", "held too", "waiting")
	_ = b.Close()

	marks := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWhileHandling$")
	cmd.Env = append(os.Environ(), env+"="+dir, "BUS_TEST_MARKS="+marks)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "child holds two", func() bool {
		files, _ := os.ReadDir(marks)
		return slices.ContainsFunc(files, func(f os.DirEntry) bool { return f.Name() == "held too" }) && len(files) == 3
	})
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()

	got := make(chan bus.Message, 10)
	c := bus.ConsumerConfig{Name: "w", AckWait: 300 * time.Millisecond}
	consume(t, queue(t, open(t, dir)), c, func(_ context.Context, m bus.Message) error { got <- m; return nil })
	want := map[string]bool{"held": true, "held too": true, "waiting": true}
	for len(want) > 0 {
		m := within(t, got)
		if !want[string(m.Data)] {
			t.Errorf("got %q (try %d), which was done or came before", m.Data, m.Delivered)
		}
		delete(want, string(m.Data))
	}
}

// handleForever finishes the message "done" and holds all others, leaving a mark for each.
func handleForever(t *testing.T, dir string) {
	s, marks := queue(t, open(t, dir)), os.Getenv("BUS_TEST_MARKS")
	publishDone := func(m bus.Message) error {
		return os.WriteFile(filepath.Join(marks, strings.TrimSpace(string(m.Data))), nil, 0o600)
	}
	c := bus.ConsumerConfig{Name: "w", Concurrency: 2, AckWait: 300 * time.Millisecond}
	_ = s.Consume(context.Background(), c, func(ctx context.Context, m bus.Message) error {
		if string(m.Data) == "done" {
			return publishDone(m)
		}
		if err := publishDone(m); err != nil {
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	})
}

func TestFullQueueRefuses(t *testing.T) {
	b := open(t, t.TempDir())
	s := stream(t, b, bus.StreamConfig{Name: "q", Subjects: []string{"q.>"}, WorkQueue: true, MaxBytes: 10_000})
	body := strings.Repeat("x", 4000)
	publish(t, s, "q.a", body, body)
	if _, err := s.Publish(t.Context(), "q.a", nil, []byte(body)); !errors.Is(err, bus.ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
}

func TestPublishedTwiceUnderOneID(t *testing.T) {
	s := queue(t, open(t, t.TempDir()))
	h := map[string]string{bus.HeaderID: "upload/1"}
	one, err := s.Publish(t.Context(), "q.a", h, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	two, err := s.Publish(t.Context(), "q.a", h, []byte("x"))
	if err != nil || one != two {
		t.Errorf("got sequence %d, %v, want %d", two, err, one)
	}
	if n, err := s.Pending(t.Context(), "w"); err != nil || n != 1 {
		t.Errorf("got %d, %v messages, want 1", n, err)
	}
}

func TestMessageTooLarge(t *testing.T) {
	b := open(t, t.TempDir())
	s := queue(t, b)
	if _, err := s.Publish(t.Context(), "q.a", nil, make([]byte, b.MaxMessage()+1)); !errors.Is(err, bus.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
	if _, err := s.Publish(t.Context(), "q.a", nil, make([]byte, b.MaxMessage()-1000)); err != nil || b.MaxMessage() < 16<<20 {
		t.Errorf("%d bytes at most: %v", b.MaxMessage(), err)
	}
}
