package dgraphd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	firstDelay = 200 * time.Millisecond // before the first restart; doubles
	maxDelay   = 5 * time.Second
	settled    = 30 * time.Second // a child that lived as long starts with a clean slate
	maxDeaths  = 12               // in a row, then it is given up
)

// child keeps one dgraph process running.
type child struct {
	name   string // zero or alpha
	bin    string
	args   []string
	env    []string
	grace  time.Duration // between TERM and KILL
	lock   *os.File      // inherited, see lockFolder
	log    *logFile
	forker *forker
	logger *slog.Logger

	restart atomic.Bool // before this is set, a death is final
	pid     atomic.Int64
}

// run blocks until ctx ends and the process is gone, or until the process cannot be kept alive.
func (c *child) run(ctx context.Context) error {
	delay := firstDelay
	for deaths := 0; ; {
		born := time.Now()
		err := c.once(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(born) > settled {
			deaths, delay = 0, firstDelay
		}
		deaths++
		if !c.restart.Load() || deaths == maxDeaths {
			return fmt.Errorf("dgraph %s: %w; the end of %s:\n%s", c.name, err, c.log.path, c.log.Tail())
		}
		c.logger.Error("dgraph process died, starting it again", "process", c.name, "deaths", deaths, "delay", delay, "err", err)
		if pause(ctx, delay) != nil {
			return nil
		}
		delay = min(2*delay, maxDelay)
	}
}

// once runs the process until it exits, or until ctx ends and it has been stopped.
func (c *child) once(ctx context.Context) error {
	cmd := exec.Command(c.bin, c.args...)
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Stdout, cmd.Stderr = c.log, c.log
	cmd.SysProcAttr = childAttr()
	cmd.ExtraFiles = []*os.File{c.lock}
	if err := c.forker.start(cmd); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	c.pid.Store(int64(cmd.Process.Pid))
	defer c.pid.Store(0)
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	select {
	case err := <-exited:
		return died(err)
	case <-ctx.Done():
		c.stop(cmd.Process, exited)
		return nil
	}
}

func died(err error) error {
	if err == nil {
		return errors.New("exited by itself")
	}
	return err
}

// stop asks the process to end, and makes it end after the grace. A kill loses nothing that Dgraph has acknowledged.
func (c *child) stop(p *os.Process, exited <-chan error) {
	_ = p.Signal(syscall.SIGTERM) // it may be gone already, which the wait below sees
	t := time.NewTimer(c.grace)
	defer t.Stop()
	select {
	case err := <-exited:
		c.logger.Debug("dgraph process stopped", "process", c.name, "err", err)
	case <-t.C:
		c.logger.Warn("dgraph process does not stop, killing it", "process", c.name, "grace", c.grace)
		_ = p.Kill()
		err := <-exited
		c.logger.Debug("dgraph process killed", "process", c.name, "err", err)
	}
}
