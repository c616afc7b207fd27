package bus

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go"
)

// Notify sends a signal to whoever listens now. Nothing keeps it.
func (b *Bus) Notify(subject string, data []byte) error {
	if err := b.nc.Publish(subject, data); err != nil {
		return fmt.Errorf("notify %s: %w", subject, fault(err))
	}
	return nil
}

// Listen yields the signals on subject (wildcards allowed) from the moment Listen returns until ctx ends or the caller breaks
// off. A listener that falls 1000 signals behind loses the newest.
func (b *Bus) Listen(ctx context.Context, subject string) iter.Seq2[Message, error] {
	ch := make(chan *nats.Msg, 1000)
	sub, err := b.nc.ChanSubscribe(subject, ch)
	if err == nil {
		err = b.nc.FlushTimeout(5 * time.Second) // the server knows of us when this is answered
	}
	if err != nil {
		return func(yield func(Message, error) bool) {
			yield(Message{}, fmt.Errorf("listen %s: %w", subject, fault(err)))
		}
	}
	closed := make(chan struct{})
	sub.SetClosedHandler(func(string) { close(closed) })
	context.AfterFunc(ctx, func() { _ = sub.Unsubscribe() })
	return func(yield func(Message, error) bool) {
		defer func() { _ = sub.Unsubscribe() }()
		for {
			select {
			case m := <-ch:
				if !yield(Message{Subject: m.Subject, Header: flatten(m.Header), Data: m.Data}, nil) {
					return
				}
			case <-ctx.Done():
				return
			case <-closed:
				if ctx.Err() == nil {
					yield(Message{}, fmt.Errorf("listen %s: %w", subject, ErrClosed))
				}
				return
			}
		}
	}
}
