package bus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/cybexp/cybexp/telemetry"
)

// Headers of a dead letter, beside those that the message had.
const (
	HeaderReason    = "Dead-Reason"
	HeaderSubject   = "Dead-Subject"
	HeaderSequence  = "Dead-Sequence"
	HeaderDelivered = "Dead-Delivered"
	HeaderTime      = "Dead-Time" // when the stream got it, RFC 3339
)

// ConsumerConfig describes who takes messages out of a stream. All processes that use one name share the work.
type ConsumerConfig struct {
	Name        string
	Filter      string                            // subject, wildcards allowed; empty is all
	Concurrency int                               // handlers at a time here; 0 is 1
	Share       int                               // handlers at a time here of one lane of a queue; 0 is all
	AckWait     time.Duration                     // silence after which a message goes to somebody else; 0 is 15 s; handlers may take longer
	MaxDeliver  int                               // tries before a message is dead; 0 is no limit
	DeadLetter  *Stream                           // where dead messages go, under its first subject, which ends in ".>"; nil drops them with a log line
	Retry       func(delivered int) time.Duration // pause after a failed try; nil is Backoff

	// Gather is how often the server is told that messages were handled that had waited for longer than five seconds. It saves memory of
	// the server while very many come and go. Well below AckWait; 0 tells of each at once.
	Gather time.Duration
}

// Handler handles one message. Nil acknowledges it; an error brings it back after a pause; Permanent makes it a dead letter.
// The context ends when Consume is to stop: a handler that then returns an error gives its message back at once.
type Handler func(context.Context, Message) error

// Backoff is the pause after try number delivered: min(3600 s, 2^(delivered-1) s + up to 1 s).
func Backoff(delivered int) time.Duration {
	const most = time.Hour
	if delivered > 12 {
		return most
	}
	return min(most, time.Second<<max(delivered-1, 0)+rand.N(time.Second))
}

// Consume hands messages to handle until ctx ends (then it returns nil) or the bus is lost. Every message is handed out at least
// once, and again if its handler fails or its process dies.
func (s *Stream) Consume(ctx context.Context, c ConsumerConfig, handle Handler) error {
	w, err := s.worker(ctx, c, handle)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("consume %s as %s: %w", s.name, c.Name, fault(err))
	}
	if c.Gather > 0 {
		w.stale = &gatherer{nc: s.bus.nc, log: s.bus.log.With("stream", s.name, "consumer", c.Name)}
		defer w.stale.run(c.Gather)()
	}
	g, gctx := errgroup.WithContext(ctx)
	for range max(c.Concurrency, 1) {
		g.Go(func() error { return w.run(gctx) })
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("consume %s as %s: %w", s.name, c.Name, fault(err))
	}
	return nil
}

type worker struct {
	ConsumerConfig

	stream *Stream
	cons   jetstream.Consumer // of a stream
	stale  *gatherer          // nil when none gathers
	handle Handler
}

func (s *Stream) worker(ctx context.Context, c ConsumerConfig, handle Handler) (*worker, error) {
	w, err := newWorker(s, c, handle)
	if err != nil {
		return nil, err
	}
	config := w.config()
	config.Durable, config.FilterSubject = c.Name, c.Filter
	if w.cons, err = s.consumer(ctx, config); err != nil {
		return nil, err
	}
	return w, nil
}

// consumer makes a consumer, one at a time: to who asks for one that is being made the server says that it is there before it hears
// requests for its messages, and the first of them would be lost.
func (s *Stream) consumer(ctx context.Context, config jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	s.bus.making.Lock()
	defer s.bus.making.Unlock()
	return again(ctx, func(ctx context.Context) (jetstream.Consumer, error) { return s.js.CreateOrUpdateConsumer(ctx, config) })
}

func newWorker(s *Stream, c ConsumerConfig, handle Handler) (*worker, error) {
	if c.DeadLetter != nil && !strings.HasSuffix(c.DeadLetter.pre, ".>") {
		return nil, fmt.Errorf("dead-letter subject %q does not end in .>", c.DeadLetter.pre)
	}
	if c.AckWait == 0 {
		c.AckWait = 15 * time.Second
	}
	if c.Retry == nil {
		c.Retry = Backoff
	}
	return &worker{ConsumerConfig: c, stream: s, handle: handle}, nil
}

// config is what the server is told. The limit of tries is kept here, not in the server, which would drop a message silently.
func (w *worker) config() jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, AckWait: w.AckWait, MaxDeliver: -1, MaxAckPending: 10_000}
}

// run handles one message after the other. It asks for one at a time, so that none waits here while another process is idle. It asks again
// when the server is silent: the request may be lost, as when another process makes the consumer at this moment.
func (w *worker) run(ctx context.Context) error {
	msgs, err := w.cons.Messages(jetstream.PullMaxMessages(1), jetstream.PullHeartbeat(w.heartbeat()))
	if err != nil {
		return err
	}
	for {
		m, err := msgs.Next(jetstream.NextContext(ctx))
		if err == nil {
			w.one(ctx, m)
			continue
		}
		if ctx.Err() != nil {
			giveBack(msgs)
			return nil
		}
		if errors.Is(err, jetstream.ErrNoHeartbeat) {
			w.stream.bus.log.Warn("bus is silent, asking it again", "stream", w.stream.name, "consumer", w.Name)
			continue
		}
		msgs.Stop()
		return err
	}
}

// heartbeat is how often the server says that it has no message yet, within what it allows. Silence is twice that.
func (w *worker) heartbeat() time.Duration {
	return min(max(w.AckWait/3, 500*time.Millisecond), 10*time.Second)
}

// giveBack returns what arrived while we were stopping.
func giveBack(msgs jetstream.MessagesContext) {
	msgs.Drain()
	for {
		m, err := msgs.Next(jetstream.NextMaxWait(5 * time.Second))
		if err != nil {
			msgs.Stop()
			return
		}
		_ = m.Nak()
	}
}

func (w *worker) one(ctx context.Context, jm jetstream.Msg) {
	m, err := message(jm)
	if err != nil {
		w.stream.bus.log.Error("message without a place in its stream", "subject", jm.Subject(), "err", err)
		return
	}
	if w.MaxDeliver > 0 && m.Delivered > w.MaxDeliver {
		w.settle(ctx, jm, m, Permanent(errors.New("handed out too often and never finished")))
		return
	}
	stop := w.beat(jm)
	err = w.call(ctx, m)
	stop()
	w.settle(ctx, jm, m, err)
}

// beat tells the server every third of AckWait that the message is being worked on.
func (w *worker) beat(jm jetstream.Msg) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(w.AckWait / 3)
		defer t.Stop()
		for {
			select {
			case <-done:
				return
			case <-t.C:
				_ = jm.InProgress() // what is lost costs a redelivery, which must be harmless anyway
			}
		}
	}()
	return func() { close(done); <-ended }
}

func (w *worker) call(ctx context.Context, m Message) (err error) {
	defer func() {
		if p := recover(); p != nil {
			w.stream.bus.log.Error("message handler panicked", "consumer", w.Name, "subject", m.Subject, "sequence", m.Sequence,
				"panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	ctx, span := telemetry.StartConsumer(ctx, m.Header, "handle "+w.stream.name, "delivered", m.Delivered, "wait", time.Since(m.Time))
	defer func() { span.End(err) }()
	return w.handle(ctx, m)
}

// settle tells the server what became of the message. The answer is awaited, so that a message that was handled is handed out
// again only if the server or the wire died in between.
func (w *worker) settle(ctx context.Context, jm jetstream.Msg, m Message, err error) {
	log := w.stream.bus.log.With("consumer", w.Name, "subject", m.Subject, "sequence", m.Sequence, "delivered", m.Delivered)
	actx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	var told error
	switch dead := (permanent{}); {
	case err == nil && w.stale != nil && time.Since(m.Time) > staleAfter:
		w.stale.add(jm.Reply())
	case err == nil:
		told = jm.DoubleAck(actx)
	case errors.As(err, &dead), w.MaxDeliver > 0 && m.Delivered >= w.MaxDeliver && ctx.Err() == nil:
		log.Error("message given up", "err", err)
		if told = w.bury(actx, m, err); told == nil {
			told = jm.DoubleAck(actx)
		}
	case ctx.Err() != nil:
		told = jm.Nak()
	default:
		pause := w.Retry(m.Delivered)
		log.Warn("message will be tried again", "pause", pause, "err", err)
		told = jm.NakWithDelay(pause)
	}
	if told != nil {
		log.Warn("message outcome not told", "err", told)
	}
}

// bury copies m to the dead letters; a second time, after a crash, changes nothing.
func (w *worker) bury(ctx context.Context, m Message, why error) error {
	if w.DeadLetter == nil {
		return nil
	}
	h := make(map[string]string, len(m.Header)+6)
	maps.Copy(h, m.Header)
	seq := strconv.FormatUint(m.Sequence, 10)
	h[HeaderReason] = HeaderText(why.Error())
	h[HeaderSubject] = m.Subject
	h[HeaderSequence] = seq
	h[HeaderDelivered] = strconv.Itoa(m.Delivered)
	h[HeaderTime] = m.Time.Format(time.RFC3339Nano)
	h[HeaderID] = strings.Join([]string{w.stream.name, w.Name, seq}, "/")
	_, err := w.DeadLetter.Publish(ctx, strings.TrimSuffix(w.DeadLetter.pre, ">")+m.Subject, h, m.Data)
	return err
}

// HeaderText makes s fit on the one line that a header has: no control characters, at most 1000 bytes.
func HeaderText(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	if len(s) > 1000 {
		s = strings.ToValidUTF8(s[:1000], "")
	}
	return s
}
