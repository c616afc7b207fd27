package bus_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cybexp/cybexp/bus"
)

func lanes(tb testing.TB, b *bus.Bus, c bus.QueueConfig) *bus.Queue {
	tb.Helper()
	c.Name = "lanes"
	q, err := b.Queue(tb.Context(), c)
	if err != nil {
		tb.Fatal(err)
	}
	return q
}

func put(tb testing.TB, q *bus.Queue, lane string, texts ...string) {
	tb.Helper()
	for _, text := range texts {
		if err := q.Put(tb.Context(), lane, []byte(text)); err != nil {
			tb.Fatal(err)
		}
	}
}

// serve runs Consume until the test ends, or the returned function is called.
func serve(tb testing.TB, q *bus.Queue, c bus.ConsumerConfig, h bus.Handler) (stop func()) {
	tb.Helper()
	c.Name = "w"
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- q.Consume(ctx, c, h) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := within(tb, done); err != nil {
			tb.Errorf("consume: %v", err)
		}
	})
	tb.Cleanup(stop)
	return stop
}

func TestLanesTakeTurns(t *testing.T) {
	q := lanes(t, open(t, t.TempDir()), bus.QueueConfig{})
	for i := range 5 {
		put(t, q, "a", fmt.Sprint("a", i))
	}
	put(t, q, "b", "b0", "b1")
	put(t, q, "c", "c0")
	got := make(chan string, 8)
	serve(t, q, bus.ConsumerConfig{}, func(_ context.Context, m bus.Message) error { got <- string(m.Data); return nil })
	place := map[string]int{}
	for i := range 8 {
		place[within(t, got)] = i
	}
	for _, text := range []string{"a0", "b0", "c0"} {
		if place[text] > 2 {
			t.Errorf("%s was number %d, behind the second of another lane", text, place[text]+1)
		}
	}
	if place["b1"] > 4 {
		t.Errorf("b1 was number %d, behind the third of another lane", place["b1"]+1)
	}
	for i := 1; i < 5; i++ {
		if place[fmt.Sprint("a", i)] < place[fmt.Sprint("a", i-1)] {
			t.Error("a lane is not in order")
		}
	}
	until(t, "the queue is empty", func() bool { l, err := q.Lanes(t.Context()); return err == nil && len(l) == 0 })
}

func TestALaneLeavesRoomForOthers(t *testing.T) {
	q := lanes(t, open(t, t.TempDir()), bus.QueueConfig{})
	begun, end := make(chan string, 10), make(chan struct{})
	serve(t, q, bus.ConsumerConfig{Concurrency: 3, Share: 2}, func(ctx context.Context, m bus.Message) error {
		begun <- string(m.Data)
		select {
		case <-end:
		case <-ctx.Done():
		}
		return nil
	})
	put(t, q, "a", "a0", "a1", "a2")
	within(t, begun)
	within(t, begun)
	put(t, q, "b", "b0")
	if got := within(t, begun); got != "b0" {
		t.Errorf("%s began, want b0", got)
	}
	end <- struct{}{}
	end <- struct{}{}
	if got := within(t, begun); got != "a2" {
		t.Errorf("%s began, want a2", got)
	}
	close(end)
}

func TestALaneIsFullByItself(t *testing.T) {
	q := lanes(t, open(t, t.TempDir()), bus.QueueConfig{LaneMessages: 2})
	put(t, q, "a", "1", "2")
	if err := q.Put(t.Context(), "a", []byte("3")); !errors.Is(err, bus.ErrLaneFull) {
		t.Errorf("got %v, want ErrLaneFull", err)
	}
	put(t, q, "b", "1")
	if l, err := q.Lanes(t.Context()); err != nil || l["a"] != 2 || l["b"] != 1 {
		t.Errorf("lanes hold %v, %v", l, err)
	}
}

func TestAFailedMessageOfALaneComesBack(t *testing.T) {
	q := lanes(t, open(t, t.TempDir()), bus.QueueConfig{})
	got := make(chan int, 3)
	serve(t, q, bus.ConsumerConfig{Retry: soon}, func(_ context.Context, m bus.Message) error {
		got <- m.Delivered
		if m.Delivered < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	put(t, q, "a", "x")
	for want := 1; want <= 3; want++ {
		if n := within(t, got); n != want {
			t.Errorf("got try %d, want %d", n, want)
		}
	}
}

func TestAStoppedConsumerHandsItsMessagesOn(t *testing.T) {
	q := lanes(t, open(t, t.TempDir()), bus.QueueConfig{})
	begun := make(chan struct{}, 1)
	stop := serve(t, q, bus.ConsumerConfig{}, func(ctx context.Context, _ bus.Message) error {
		begun <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	})
	put(t, q, "a", "x")
	within(t, begun)
	got := make(chan string, 2)
	serve(t, q, bus.ConsumerConfig{}, func(_ context.Context, m bus.Message) error { got <- string(m.Data); return nil })
	stopped := time.Now()
	stop()
	if m := within(t, got); m != "x" {
		t.Errorf("got %q", m)
	}
	if took := time.Since(stopped); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestLanesOutliveTheirServer(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	put(t, lanes(t, b, bus.QueueConfig{}), "a", "x")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	serve(t, lanes(t, open(t, dir), bus.QueueConfig{}), bus.ConsumerConfig{}, func(_ context.Context, m bus.Message) error {
		got <- string(m.Data)
		return nil
	})
	if m := within(t, got); !strings.Contains(m, "x") {
		t.Errorf("got %q", m)
	}
}
