package dgraphd

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

// source writes so many parts of a kilobyte, and tells in written how many it could.
func source(n int, end error, written chan<- int) Source {
	return func(w io.Writer) error {
		part := make([]byte, 1000)
		_, _ = w.Write(nil) // is nothing, and not the end
		for i := range n {
			for j := range part {
				part[j] = byte('a' + i%26) // the source may use its slice again
			}
			if _, err := w.Write(part); err != nil {
				written <- i
				return err
			}
		}
		written <- n
		return end
	}
}

func TestFeedGivesWhatCameBeforeAnybodyRead(t *testing.T) {
	written := make(chan int, 1)
	f, stop := newFeed(source(100, nil, written), 1<<20)
	defer stop()
	if n := <-written; n != 100 {
		t.Fatalf("%d parts found room", n)
	}
	var out bytes.Buffer
	if err := f.drain(&out, 1); err != nil || out.Len() != 100_000 || out.String()[99_000:] != strings.Repeat("v", 1000) {
		t.Errorf("got %d bytes, %v", out.Len(), err)
	}
}

func TestFeedHoldsNoMoreThanItMay(t *testing.T) {
	written := make(chan int, 1)
	f, stop := newFeed(source(100, nil, written), 10_000)
	defer stop()
	out := watched{f: f, t: t}
	if err := f.drain(&out, 3000); err != nil || out.n != 100_000 {
		t.Errorf("got %d bytes, %v", out.n, err)
	}
}

// watched is a reader that looks how much waits for it.
type watched struct {
	f *feed
	t *testing.T
	n int
}

func (w *watched) Write(p []byte) (int, error) {
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	if w.f.size > 10_000 || w.n > 10_000 && w.f.size > 3000 {
		w.t.Errorf("%d bytes wait after %d", w.f.size, w.n)
	}
	w.n += len(p)
	return len(p), nil
}

func TestFeedEnds(t *testing.T) {
	broken := errors.New("broken")
	t.Run("with the source's error, which may be the end of its own input", func(t *testing.T) {
		for _, end := range []error{broken, io.EOF} {
			f, stop := newFeed(source(3, end, make(chan int, 1)), 1<<20)
			if err := f.drain(io.Discard, 1); !errors.Is(err, end) {
				t.Errorf("got %v", err)
			}
			stop()
		}
	})
	t.Run("with the reader's error, which the source sees", func(t *testing.T) {
		r, w := io.Pipe()
		if err := r.CloseWithError(broken); err != nil {
			t.Fatal(err)
		}
		written := make(chan int, 1)
		f, stop := newFeed(source(1000, nil, written), 5000)
		defer stop()
		if err := f.drain(w, 1); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
		if n := <-written; n == 1000 {
			t.Error("the source wrote on")
		}
	})
	t.Run("when nobody ever reads", func(t *testing.T) {
		written := make(chan int, 1)
		_, stop := newFeed(source(1000, nil, written), 5000)
		stop()
		if n := <-written; n > 5 {
			t.Errorf("%d parts were written", n)
		}
	})
}
