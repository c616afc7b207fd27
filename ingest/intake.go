package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cybexp/cybexp/bus"
)

// intake is an upload while it comes in.
type intake struct {
	*Service

	looked time.Time // for room

	mu sync.Mutex // guards what follows
	account
}

// inFlight is how many bytes of chunks are sealed and synced at a time, of all uploads together.
const inFlight = 64 << 20

// take moves body to the lake, and keeps the account up to date meanwhile, so that others see that it lives.
func (in *intake) take(ctx context.Context, body io.Reader) (Receipt, error) {
	fctx, cancel := context.WithCancelCause(ctx)
	var beats sync.WaitGroup
	beats.Go(func() { in.beat(fctx, cancel) })
	err := in.fill(fctx, body)
	if cause := context.Cause(fctx); errors.Is(cause, ErrTaken) {
		err = cause
	}
	cancel(nil)
	beats.Wait()
	in.Ended = time.Now().UTC()
	if err != nil {
		in.Failed = err.Error()
		in.Logger.Warn("upload broke off", "upload_id", in.ID, "records", in.Records, "err", err)
	}
	in.metrics.took(in.Typetag, in.receipt(), err)
	done, stop := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer stop()
	return in.receipt(), errors.Join(err, in.save(done))
}

// save fails with ErrTaken when somebody has begun to send the upload again.
func (in *intake) save(ctx context.Context) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	err := in.saveAccount(ctx, &in.account)
	if errors.Is(err, bus.ErrConflict) {
		return fmt.Errorf("%w: it is being sent again", ErrTaken)
	}
	return err
}

// beat saves the account from time to time.
func (in *intake) beat(ctx context.Context, stop context.CancelCauseFunc) {
	t := time.NewTicker(in.Silence / 3)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		err := in.save(ctx)
		if errors.Is(err, ErrTaken) {
			stop(err)
			return
		}
		if err != nil && ctx.Err() == nil {
			in.Logger.Warn("account of an upload not saved", "upload_id", in.ID, "err", err)
		}
	}
}

// fill moves body to the lake and counts it.
func (in *intake) fill(ctx context.Context, body io.Reader) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(4) // that many chunks are sealed and synced at a time
	err := in.chunks(gctx, body, func(l label, c *chunk) error {
		if err := in.waitForRoom(gctx); err != nil {
			return err
		}
		weight := min(int64(len(c.plain)), inFlight)
		if err := in.flight.Acquire(gctx, weight); err != nil {
			return err
		}
		g.Go(func() error {
			defer in.flight.Release(weight)
			defer c.release()
			if err := in.append(gctx, l, c); err != nil {
				return err
			}
			in.mu.Lock()
			defer in.mu.Unlock()
			in.Chunks++ // only what is there counts
			in.Records += l.Records
			return nil
		})
		return nil
	})
	if werr := g.Wait(); werr != nil {
		return fmt.Errorf("append to lake: %w", werr)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil && !errors.Is(err, ErrBusy) {
		return fmt.Errorf("%w: %w", ErrBody, err)
	}
	return err
}

// chunks cuts body up. If body breaks off, what came before is in a chunk too.
func (in *intake) chunks(ctx context.Context, body io.Reader, send func(label, *chunk) error) error {
	c, number := newChunk(), 0
	flush := func() error {
		if c.records == 0 {
			return nil
		}
		l := label{
			Upload: in.ID, Try: in.Try, Number: number, Records: c.records,
			Typetag: in.Typetag, Org: in.Org.String(), Timezone: in.Timezone, Marking: in.Marking,
		}
		full := c
		c, number = newChunk(), number+1
		return send(l, full)
	}
	next := records(in.Typetag, &counter{r: body, in: in}, in.MaxRecord)
	for ctx.Err() == nil {
		p, err := next()
		switch {
		case errors.Is(err, io.EOF):
			return flush()
		case err != nil:
			return errors.Join(err, flush())
		case p.tooLong:
			in.reject(p)
			continue
		}
		if !c.fits(p.text) {
			if err := flush(); err != nil {
				return err
			}
		}
		c.add(p.line, p.text)
	}
	return nil
}

func (in *intake) reject(p piece) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.Rejected++
	in.Problems.add(tooLong(p, in.MaxRecord))
}

// appendLimit is how long the lake may take to sync a chunk.
const appendLimit = 30 * time.Second

// append seals a chunk and puts it on disk. An append that was begun is waited for even when the sender goes away: to leave
// it half way would be not to know whether the chunk counts.
func (s *Service) append(ctx context.Context, l label, c *chunk) error {
	sealed, err := s.sealChunk(c)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendLimit)
	defer cancel()
	_, err = s.lake.Publish(ctx, l.subject(), l.header(), sealed)
	if errors.Is(err, bus.ErrFull) {
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return err
}

// counter counts the bytes of an upload.
type counter struct {
	r  io.Reader
	in *intake
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.in.mu.Lock()
	c.in.Bytes += int64(n)
	c.in.mu.Unlock()
	return n, err
}
