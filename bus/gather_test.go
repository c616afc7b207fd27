package bus_test

import (
	"context"
	"crypto/rand"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cybexp/cybexp/bus"
)

// TestStaleMessagesTakeNoMemory puts much into a queue while somebody handles what has waited there. The server forgets what it wrote, however
// fast that was, and nothing is handed out twice. With an acknowledgement at a time it would keep nearly all of it.
func TestStaleMessagesTakeNoMemory(t *testing.T) {
	const size, old, fresh, most = 64 << 10, 200, 4000, 120 << 20
	s := queue(t, open(t, t.TempDir()))
	data := make([]byte, size)
	_, _ = rand.Read(data)
	put := func(ctx context.Context, n int) error {
		for range n {
			if _, err := s.Publish(ctx, "q.a", nil, data); err != nil {
				return err
			}
		}
		return nil
	}
	if err := put(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10500 * time.Millisecond) // from ten seconds on the server takes what it has for unused: this is what the test is about

	handled, twice := make(chan struct{}, old+fresh), make(chan struct{}, old+fresh)
	stop := consume(t, s, bus.ConsumerConfig{Name: "w", Gather: 3 * time.Second}, func(ctx context.Context, m bus.Message) error {
		if m.Delivered > 1 {
			twice <- struct{}{}
		}
		handled <- struct{}{}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
		return nil
	})
	g, ctx := errgroup.WithContext(t.Context())
	for range 4 {
		g.Go(func() error { return put(ctx, fresh/4) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("%d MiB came in while %d messages were handled; %d MiB are in memory", fresh*size>>20, len(handled), m.HeapAlloc>>20)
	if m.HeapAlloc > most {
		t.Errorf("%d MiB are in memory, more than %d", m.HeapAlloc>>20, most>>20)
	}
	stop() // tells what is gathered
	st, err := s.State(t.Context())
	if want := uint64(old + fresh - len(handled)); err != nil || st.Messages != want || len(twice) > 0 {
		t.Errorf("%d messages are left, %v, %d came twice; want %d and none", st.Messages, err, len(twice), want)
	}
}
