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

// readBeat is how often the server says that there is nothing to read yet. After twice that the reader is made again: in a cluster its first
// request may reach a server before word does that somebody answers it.
const readBeat = 2 * time.Second

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
	cons, err := s.ordered(ctx, following(subject, after))
	if err != nil {
		return err
	}
	msgs, err := cons.Messages(jetstream.PullMaxMessages(readAhead), jetstream.PullHeartbeat(readBeat))
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

func (s *Stream) ordered(ctx context.Context, config jetstream.OrderedConsumerConfig) (jetstream.Consumer, error) {
	return again(ctx, func(context.Context) (jetstream.Consumer, error) { return s.js.OrderedConsumer(ctx, config) })
}

// following is a reader of the messages of subject that come after a sequence number.
func following(subject string, after uint64) jetstream.OrderedConsumerConfig {
	return jetstream.OrderedConsumerConfig{
		FilterSubjects:    []string{subject},
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       after + 1,
		InactiveThreshold: time.Minute,
	}
}

// HeaderSize is the length of a message in bytes, in the headers of a list.
const HeaderSize = "Nats-Msg-Size"

// listLimit is how long a list may take to come.
const listLimit = 10 * time.Second

// List gives the first n messages of subject (wildcards allowed) that come after sequence number after, without their data.
func (s *Stream) List(ctx context.Context, subject string, after uint64, n int) ([]Message, error) {
	config := following(subject, after)
	config.HeadersOnly = true
	list, err := s.some(ctx, config, n)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", subject, fault(err))
	}
	return list, nil
}

// some gives the first n messages that a reader finds, and does not wait for more to be written.
func (s *Stream) some(ctx context.Context, config jetstream.OrderedConsumerConfig, n int) (list []Message, err error) {
	cons, err := s.ordered(ctx, config)
	if err != nil {
		return nil, err
	}
	msgs, err := cons.Messages(jetstream.PullMaxMessages(min(max(n, 1), 500)), jetstream.PullHeartbeat(readBeat))
	if err != nil {
		return nil, err
	}
	defer s.forget(ctx, cons, msgs)
	wait, cancel := context.WithTimeout(ctx, listLimit)
	defer cancel()
	for left := min(n, int(cons.CachedInfo().NumPending)); left > 0; left-- {
		jm, err := msgs.Next(jetstream.NextContext(wait))
		if err != nil && ctx.Err() == nil && wait.Err() != nil {
			break // some of them were removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		m, err := message(jm)
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, nil
}

// Get reads the message at a sequence number; ErrNotFound if it is gone or never was.
func (s *Stream) Get(ctx context.Context, sequence uint64) (Message, error) {
	m, err := again(ctx, func(ctx context.Context) (*jetstream.RawStreamMsg, error) { return s.js.GetMsg(ctx, sequence) })
	if err != nil {
		return Message{}, fmt.Errorf("get message %d of %s: %w", sequence, s.name, fault(err))
	}
	return stored(m), nil
}

// Newest reads the newest message of a subject; ErrNotFound if there is none.
func (s *Stream) Newest(ctx context.Context, subject string) (Message, error) {
	m, err := again(ctx, func(ctx context.Context) (*jetstream.RawStreamMsg, error) {
		return s.js.GetLastMsgForSubject(ctx, subject)
	})
	if err != nil {
		return Message{}, fmt.Errorf("get newest of %s: %w", subject, fault(err))
	}
	return stored(m), nil
}

func stored(m *jetstream.RawStreamMsg) Message {
	return Message{Subject: m.Subject, Sequence: m.Sequence, Time: m.Time.UTC(), Header: flatten(m.Header), Data: m.Data}
}

// Delete removes the message at a sequence number. One that is gone is no error.
func (s *Stream) Delete(ctx context.Context, sequence uint64) error {
	err := s.js.DeleteMsg(ctx, sequence)
	if err == nil || errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if _, gone := s.Get(ctx, sequence); errors.Is(gone, ErrNotFound) {
		return nil
	}
	return fmt.Errorf("delete message %d of %s: %w", sequence, s.name, fault(err))
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
