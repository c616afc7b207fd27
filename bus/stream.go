package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cybexp/cybexp/telemetry"
)

// HeaderID names the header that makes publishing idempotent: a message whose ID the stream has seen within the last two minutes
// is not stored again, and Publish tells the sequence of the first.
const HeaderID = nats.MsgIdHdr

// StreamConfig describes a stream.
type StreamConfig struct {
	Name     string   // letters, digits, - and _
	Subjects []string // what it keeps: a.b, a.*, a.>; no two streams may share one
	Storage  Storage

	WorkQueue bool          // a message goes when it is handled, and there is one consumer a subject
	Latest    bool          // only the newest message of a subject is kept
	MaxAge    time.Duration // older messages go; 0 keeps them
	MaxBytes  int64         // 0 is no limit; a full work queue refuses with ErrFull, others drop the oldest

	subjectMessages int64 // of a work queue: most messages of one subject; 0 is no limit
	sealed          bool  // nobody may remove a message, until it is old; this cannot be taken back
}

// maxReaders bounds the consumers and running Reads of one stream.
const maxReaders = 1_000_000

// Stream keeps messages in order.
type Stream struct {
	bus  *Bus
	name string
	pre  string // the first subject up to its wildcard: where dead letters go
	js   jetstream.Stream
}

// Stream creates the stream, or brings an existing one to c.
func (b *Bus) Stream(ctx context.Context, c StreamConfig) (*Stream, error) {
	sc := jetstream.StreamConfig{
		Name:       c.Name,
		Subjects:   c.Subjects,
		Storage:    c.Storage.kind(),
		MaxAge:     c.MaxAge,
		MaxBytes:   -1,
		DenyDelete: c.sealed,
		DenyPurge:  c.sealed,
		// Each Read is a consumer. Without a number the server allows a thousand.
		MaxConsumers: maxReaders,
	}
	if c.MaxBytes > 0 {
		sc.MaxBytes = c.MaxBytes
	}
	if c.WorkQueue {
		sc.Retention, sc.Discard = jetstream.WorkQueuePolicy, jetstream.DiscardNew
	}
	sc.MaxMsgsPerSubject = -1
	switch {
	case c.Latest:
		sc.MaxMsgsPerSubject = 1
	case c.subjectMessages > 0:
		sc.MaxMsgsPerSubject, sc.DiscardNewPerSubject = c.subjectMessages, true
	}
	js, err := b.keptStream(ctx, sc)
	if err != nil {
		if err = fault(err); errors.Is(err, ErrFull) {
			err = fmt.Errorf("%w: NATS has no room for its %d MiB; give its folder a larger disk, or raise max_file_store", err, c.MaxBytes>>20)
		}
		return nil, fmt.Errorf("make stream %s: %w", c.Name, err)
	}
	s := &Stream{bus: b, name: c.Name, js: js}
	if len(c.Subjects) > 0 {
		s.pre = c.Subjects[0]
	}
	return s, nil
}

// keptStream makes a stream, and makes it again when the server lost it with its memory.
func (b *Bus) keptStream(ctx context.Context, sc jetstream.StreamConfig) (jetstream.Stream, error) {
	sc.Replicas = max(b.replicas, 1)
	sc.AllowDirect = direct(sc)
	made := func(ctx context.Context) (jetstream.Stream, error) {
		return again(ctx, func(ctx context.Context) (jetstream.Stream, error) { return b.makeStream(ctx, sc) })
	}
	js, err := made(ctx)
	if err == nil && sc.Storage == jetstream.MemoryStorage {
		b.keep(func(ctx context.Context) error {
			_, err := made(ctx)
			return err
		})
	}
	return js, err
}

// direct tells whether any server that has the stream may be asked for a message. Of several, one that is behind might answer: what was just
// written would not be there.
func direct(sc jetstream.StreamConfig) bool { return sc.Replicas == 1 }

// makeStream is what several processes may do at a time, as when a deployment starts.
func (b *Bus) makeStream(ctx context.Context, sc jetstream.StreamConfig) (jetstream.Stream, error) {
	js, err := b.js.Stream(ctx, sc.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) && sc.Storage == jetstream.MemoryStorage {
		sc.FirstSeq = firstInMemory()
		js, err = b.js.CreateStream(ctx, sc)
		if !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return js, err
		}
		js, err = b.js.Stream(ctx, sc.Name) // another process was faster
	}
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return b.js.CreateOrUpdateStream(ctx, sc)
	}
	if err != nil {
		return nil, err
	}
	have := js.CachedInfo().Config
	sc.FirstSeq = have.FirstSeq
	sc.MaxConsumers = have.MaxConsumers // it cannot be changed
	sc.Replicas = cmp.Or(b.replicas, have.Replicas)
	sc.AllowDirect = direct(sc)
	if sameStream(have, sc) {
		return js, nil
	}
	return b.js.CreateOrUpdateStream(ctx, sc)
}

// firstInMemory is the first sequence number of a stream in memory. One of the same name that comes after it has larger numbers, so that who reads on
// after what is gone hears what is new.
func firstInMemory() uint64 { return uint64(time.Now().UnixMicro()) } //nolint:gosec // it is after 1970

// sameStream tells whether a stream needs no update. The server is not safe against an update while it makes a consumer, so
// that one that changes nothing is better left out.
func sameStream(have, want jetstream.StreamConfig) bool {
	return slices.Equal(have.Subjects, want.Subjects) && have.Storage == want.Storage && have.Replicas == want.Replicas &&
		have.MaxAge == want.MaxAge && have.MaxBytes == want.MaxBytes && have.Retention == want.Retention &&
		have.Discard == want.Discard && have.AllowDirect == want.AllowDirect && have.MaxMsgsPerSubject == want.MaxMsgsPerSubject &&
		have.DiscardNewPerSubject == want.DiscardNewPerSubject && have.DenyDelete == want.DenyDelete && have.DenyPurge == want.DenyPurge
}

// Publish appends a message and waits until the stream has it: on disk, if it is a File stream.
func (s *Stream) Publish(ctx context.Context, subject string, header map[string]string, data []byte) (uint64, error) {
	return s.publish(ctx, subject, header, data)
}

func (s *Stream) publish(ctx context.Context, subject string, header map[string]string, data []byte, opts ...jetstream.PublishOpt) (uint64, error) {
	m := &nats.Msg{Subject: subject, Data: data, Header: make(nats.Header, len(header))}
	for k, v := range header {
		m.Header.Set(k, v)
	}
	telemetry.Inject(ctx, m.Header.Set) // who handles it goes on in this trace
	worth := unheard
	if header[HeaderID] != "" {
		worth = passing // a second time changes nothing
	}
	ack, err := retry(ctx, worth, func(context.Context) (*jetstream.PubAck, error) {
		return s.bus.js.PublishMsg(ctx, m, append(opts, jetstream.WithExpectStream(s.name))...)
	})
	if err != nil {
		return 0, fmt.Errorf("publish %s: %w", subject, fault(err))
	}
	return ack.Sequence, nil
}

// Purge removes the messages of a subject (wildcards allowed).
func (s *Stream) Purge(ctx context.Context, subject string) error {
	if err := s.js.Purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
		return fmt.Errorf("purge %s: %w", subject, fault(err))
	}
	return nil
}

// Pending counts the messages that the named consumer has not yet handled, those in hand included. All of them are pending for a
// consumer that never was.
func (s *Stream) Pending(ctx context.Context, consumer string) (uint64, error) {
	c, err := again(ctx, func(ctx context.Context) (jetstream.Consumer, error) { return s.js.Consumer(ctx, consumer) })
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		st, err := s.State(ctx)
		return st.Messages, err
	}
	if err != nil {
		return 0, fmt.Errorf("look at consumer %s: %w", consumer, fault(err))
	}
	i := c.CachedInfo()
	return i.NumPending + uint64(i.NumAckPending), nil
}

// State is what a stream holds.
type State struct {
	Messages, Bytes uint64
	First, Last     uint64 // sequence numbers; Last is the newest ever given
	Oldest          time.Time
	Readers         int // consumers and running Reads, of all processes
}

// State tells what the stream holds now.
func (s *Stream) State(ctx context.Context) (State, error) {
	i, err := again(ctx, func(ctx context.Context) (*jetstream.StreamInfo, error) { return s.js.Info(ctx) })
	if err != nil {
		return State{}, fmt.Errorf("look at stream %s: %w", s.name, fault(err))
	}
	return State{
		Messages: i.State.Msgs, Bytes: i.State.Bytes, First: i.State.FirstSeq, Last: i.State.LastSeq,
		Oldest: i.State.FirstTime, Readers: i.State.Consumers,
	}, nil
}

// Subjects counts the messages of each subject that filter fits.
func (s *Stream) Subjects(ctx context.Context, filter string) (map[string]uint64, error) {
	i, err := again(ctx, func(ctx context.Context) (*jetstream.StreamInfo, error) {
		return s.js.Info(ctx, jetstream.WithSubjectFilter(filter))
	})
	if err != nil {
		return nil, fmt.Errorf("look at subjects of %s: %w", s.name, fault(err))
	}
	return i.State.Subjects, nil
}

// flatten leaves out what Publish added.
func flatten(h nats.Header) map[string]string {
	var m map[string]string
	for k, v := range h {
		if len(v) == 0 || k == nats.ExpectedStreamHdr || k == nats.ExpectedLastSeqHdr {
			continue
		}
		if m == nil {
			m = make(map[string]string, len(h))
		}
		m[k] = v[0]
	}
	return m
}

func message(m jetstream.Msg) (Message, error) {
	md, err := m.Metadata()
	if err != nil {
		return Message{}, err
	}
	return Message{
		Subject:   m.Subject(),
		Sequence:  md.Sequence.Stream,
		Time:      md.Timestamp.UTC(),
		Header:    flatten(m.Headers()),
		Data:      m.Data(),
		Delivered: int(md.NumDelivered),
	}, nil
}
