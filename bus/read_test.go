package bus_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/cybexp/cybexp/bus"
)

func frames(tb testing.TB, b *bus.Bus) *bus.Stream {
	return stream(tb, b, bus.StreamConfig{Name: "f", Subjects: []string{"f.>"}, Storage: bus.Memory})
}

// TestReadResumesWhileWritten breaks off and resumes at every seventh message while two writers write on two subjects.
func TestReadResumesWhileWritten(t *testing.T) {
	const n = 2000
	s := frames(t, open(t, t.TempDir()))
	wrote := make(chan error, 2)
	for _, subject := range []string{"f.a", "f.b"} {
		go func() {
			for i := range n {
				if _, err := s.Publish(context.Background(), subject, nil, []byte(fmt.Sprint(subject, i))); err != nil {
					wrote <- err
					return
				}
			}
			wrote <- nil
		}()
	}
	var after uint64
	for got := 0; got < n; {
		turn := 7
		if got > 200 {
			turn = n // and the rest in one go
		}
		for m, err := range s.Read(t.Context(), "f.a", after) {
			if err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprint("f.a", got); string(m.Data) != want || m.Sequence <= after {
				t.Fatalf("got %q at %d after %d, want %q", m.Data, m.Sequence, after, want)
			}
			after = m.Sequence
			if got++; got == n {
				break
			}
			if turn--; turn == 0 {
				break
			}
		}
	}
	for range 2 {
		if err := within(t, wrote); err != nil {
			t.Error(err)
		}
	}
}

func TestReadFollowsLive(t *testing.T) {
	s := frames(t, open(t, t.TempDir()))
	first := publish(t, s, "f.a", "old", "older")
	got := make(chan string)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for m, err := range s.Read(ctx, "f.a", first-1) {
			if err != nil {
				t.Error(err)
				return
			}
			got <- string(m.Data)
		}
	}()
	if v := within(t, got); v != "older" {
		t.Errorf("got %q, want older", v)
	}
	publish(t, s, "f.b", "other")
	publish(t, s, "f.a", "new")
	if v := within(t, got); v != "new" {
		t.Errorf("got %q, want new", v)
	}
	cancel()
	within(t, ended)
}

func TestReadEndsWithAClosedBus(t *testing.T) {
	b := open(t, t.TempDir())
	s := frames(t, b)
	publish(t, s, "f.a", "x")
	var last error
	for _, err := range s.Read(t.Context(), "f.a", 0) {
		if last = err; err == nil {
			_ = b.Close()
		}
	}
	if !errors.Is(last, bus.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", last)
	}
}

func TestPurgeRemovesOneSubject(t *testing.T) {
	s := frames(t, open(t, t.TempDir()))
	publish(t, s, "f.a", "x", "y")
	publish(t, s, "f.b", "z")
	if err := s.Purge(t.Context(), "f.a"); err != nil {
		t.Fatal(err)
	}
	for m, err := range s.Read(t.Context(), "f.>", 0) {
		if err != nil || string(m.Data) != "z" {
			t.Errorf("got %q, %v, want z", m.Data, err)
		}
		break
	}
}

func TestReadersLeaveNothingBehind(t *testing.T) {
	s := frames(t, open(t, t.TempDir()))
	publish(t, s, "f.a", "x")
	for range 50 {
		for _, err := range s.Read(t.Context(), "f.a", 0) {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	if st, err := s.State(t.Context()); err != nil || st.Readers != 0 {
		t.Errorf("got %+v, %v, want no readers", st, err)
	}
}

// TestMoreThanAThousandReaders passes the limit that the server has for streams which name none.
func TestMoreThanAThousandReaders(t *testing.T) {
	s := stream(t, open(t, t.TempDir()), bus.StreamConfig{Name: "s", Subjects: []string{"s.*"}, Storage: bus.Memory})
	publish(t, s, "s.a", "x")
	const readers = 1010
	ctx, stop := context.WithCancel(t.Context())
	got := make(chan error, readers)
	var reading sync.WaitGroup
	for range readers {
		reading.Go(func() {
			for _, err := range s.Read(ctx, "s.a", 0) {
				got <- err
			}
		})
	}
	for range readers {
		if err := within(t, got); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	reading.Wait()
}
