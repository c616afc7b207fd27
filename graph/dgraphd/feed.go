package dgraphd

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

// errNotRead is why a source cannot write any more.
var errNotRead = errors.New("the load has ended")

// feed holds what a source writes until the loader reads it, so that the source works while Dgraph starts, and while the loader is busy.
type feed struct {
	mu    sync.Mutex
	moved sync.Cond // something came, went or ended
	parts [][]byte
	size  int
	most  int   // more waits for room
	whole bool  // all has come
	err   error // why nothing more comes and goes
}

// newFeed is a feed of what the source writes, which begins at once. Stop ends it, and returns when the source has returned.
func newFeed(source Source, most int) (f *feed, stop func()) {
	f = &feed{most: most}
	f.moved.L = &f.mu
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		f.end(source(f))
	}()
	return f, func() { f.end(errNotRead); <-returned }
}

// Write takes a copy of p when there is room.
func (f *feed) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.err == nil && f.size >= f.most {
		f.moved.Wait()
	}
	if f.err != nil {
		return 0, f.err
	}
	if len(p) > 0 {
		f.parts, f.size = append(f.parts, bytes.Clone(p)), f.size+len(p)
		f.moved.Broadcast()
	}
	return len(p), nil
}

// end tells that all has come, or why it will not. What was told first stays.
func (f *feed) end(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		f.whole = true
	} else if f.err == nil {
		f.err = err
	}
	f.moved.Broadcast()
}

// drain writes all that comes to w, and returns what the source or w gave for an error. From now on most is the size to hold.
func (f *feed) drain(w io.Writer, most int) error {
	for {
		part, err := f.take(most)
		if part == nil {
			return err
		}
		if _, err := w.Write(part); err != nil {
			f.end(err)
			return err
		}
	}
}

// take waits for the next part: nil after the last, and after a fault.
func (f *feed) take(most int) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.most = most
	for f.err == nil && !f.whole && len(f.parts) == 0 {
		f.moved.Wait()
	}
	if f.err != nil || len(f.parts) == 0 {
		return nil, f.err
	}
	part := f.parts[0]
	f.parts, f.size = f.parts[1:], f.size-len(part)
	f.moved.Broadcast()
	return part, nil
}
