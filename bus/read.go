package bus

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// readAhead bounds what Read holds for a caller that is slow.
const readAhead = 8

// Read yields the messages of subject (wildcards allowed) that come after sequence number after, in order, each once, then those
// that are still to be written, until ctx ends or the caller breaks off. An error is yielded last. Readers do not disturb each
// other, and a slow one holds back nobody.
func (s *Stream) Read(ctx context.Context, subject string, after uint64) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		err := s.read(ctx, subject, after, yield)
		if err != nil && ctx.Err() == nil {
			yield(Message{}, fmt.Errorf("read %s: %w", subject, fault(err)))
		}
	}
}

// read returns nil when the caller broke off.
func (s *Stream) read(ctx context.Context, subject string, after uint64, yield func(Message, error) bool) error {
	cons, err := s.js.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects:    []string{subject},
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       after + 1,
		InactiveThreshold: time.Minute,
	})
	if err != nil {
		return err
	}
	msgs, err := cons.Messages(jetstream.PullMaxMessages(readAhead))
	if err != nil {
		return err
	}
	defer s.forget(ctx, cons, msgs)
	for {
		jm, err := msgs.Next(jetstream.NextContext(ctx))
		if errors.Is(err, jetstream.ErrMsgIteratorClosed) {
			return ErrClosed
		}
		if err != nil {
			return err
		}
		m, err := message(jm)
		if err != nil {
			return err
		}
		m.Delivered = 1
		if !yield(m, nil) {
			return nil
		}
	}
}

// forget takes the reader's place off the server, which would else keep it for a minute.
func (s *Stream) forget(ctx context.Context, cons jetstream.Consumer, msgs jetstream.MessagesContext) {
	msgs.Stop()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	err := s.js.DeleteConsumer(ctx, cons.CachedInfo().Name)
	if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		s.bus.log.Debug("reader not removed", "stream", s.name, "err", err)
	}
}
