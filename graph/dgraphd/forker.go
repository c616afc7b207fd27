package dgraphd

import (
	"os/exec"
	"runtime"
)

// forker starts processes from one OS thread that lives as long as the forker does. Linux sends a child its parent-death signal
// when the thread that forked it ends, and Go ends threads when it likes; this one is locked.
type forker struct {
	jobs chan func()
	done chan struct{}
}

func newForker() *forker {
	f := &forker{jobs: make(chan func()), done: make(chan struct{})}
	go func() {
		defer close(f.done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for job := range f.jobs {
			job()
		}
	}()
	return f
}

func (f *forker) start(cmd *exec.Cmd) error {
	result := make(chan error, 1)
	f.jobs <- func() { result <- cmd.Start() }
	return <-result
}

// close ends the thread; every child must be gone by then.
func (f *forker) close() {
	close(f.jobs)
	<-f.done
}
