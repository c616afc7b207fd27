package source

import (
	"bytes"
	"context"
	"time"
)

// Bounds of a batch of records that came by themselves.
const (
	batchRecords = 1000
	batchBytes   = 1 << 20
)

// lastChance is how long the intake has to take the batch in hand when a source is stopped.
const lastChance = 10 * time.Second

// pump hands records on, in batches, until records is closed; what is in hand then, or when ctx ends, is handed on too. While the intake
// takes nothing, a batch is held and nothing more is read: who sends over a connection has to wait.
func (o *outlet) pump(ctx context.Context, records <-chan []byte) error {
	for {
		batch, open := o.gather(ctx, records)
		if len(batch) > 0 {
			if err := o.insist(ctx, batch); err != nil {
				return err
			}
		}
		if !open {
			return nil
		}
	}
}

// gather collects a batch. The second result is false at the end.
func (o *outlet) gather(ctx context.Context, records <-chan []byte) (batch []byte, open bool) {
	full := time.NewTimer(o.svc.BatchDelay)
	defer full.Stop()
	for n := 0; n < batchRecords && len(batch) < batchBytes; n++ {
		select {
		case record, open := <-records:
			if !open {
				return batch, false
			}
			batch = append(append(batch, record...), '\n')
		case <-full.C:
			if n == 0 {
				o.caughtUp()
			}
			return batch, true
		case <-ctx.Done():
			return waiting(batch, records), false
		}
	}
	return batch, true
}

// waiting adds the records that wait already.
func waiting(batch []byte, records <-chan []byte) []byte {
	for {
		select {
		case record, open := <-records:
			if !open {
				return batch
			}
			batch = append(append(batch, record...), '\n')
		default:
			return batch
		}
	}
}

// insist sends a batch until the intake has it, or until ctx has ended and a last try was in vain.
func (o *outlet) insist(ctx context.Context, batch []byte) error {
	for failures := 1; ; failures++ {
		err := o.patiently(ctx, func(ctx context.Context) error { return o.send(ctx, bytes.NewReader(batch)) })
		if err == nil {
			return o.patiently(ctx, func(ctx context.Context) error { return o.commit(ctx, nil) })
		}
		told := clean(err, o.secret)
		if ctx.Err() != nil {
			o.log.Error("records that cannot be asked for again were lost", "bytes", len(batch), "err", told)
			return ctx.Err()
		}
		o.log.Warn("records wait for the intake", "err", told)
		// If this finds that another process runs the source, that is told when the batch is safe.
		_ = o.keep(ctx, func(st *state) { st.Tried, st.Error, st.Failures = o.svc.Now().UTC(), told, failures })
		_ = sleep(ctx, o.svc.Backoff(failures)) // when ctx ends there is a last try
	}
}

// patiently calls f with a context that outlives ctx by a last chance.
func (o *outlet) patiently(ctx context.Context, f func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(lastChance, cancel) })
	defer stop()
	return f(bounded)
}
