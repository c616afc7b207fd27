package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// QueueConfig describes a queue.
type QueueConfig struct {
	Name         string // letters, digits, - and _
	MaxBytes     int64  // of all messages; Put refuses more with ErrFull; 0 is no limit
	LaneMessages int64  // most messages of one lane, those in hand included; Put refuses more with ErrLaneFull; 0 is no limit
}

// Queue is a work queue on disk whose messages stand in lanes. The lanes take turns: however many messages wait in one, the next of
// another waits for no more than one of each. Lanes come and go by themselves.
type Queue struct {
	stream *Stream
	prefix string // of subjects, before the lane
	wake   string // subject of the signals that a lane has something
}

// laneIdle is how long the server keeps what it knows of a lane that nobody asks about.
const laneIdle = time.Hour

// laneLook is how often consumers look for lanes whose signal was lost, or whose message comes again.
const laneLook = time.Second

// Queue creates the queue, or brings an existing one to c.
func (b *Bus) Queue(ctx context.Context, c QueueConfig) (*Queue, error) {
	s, err := b.Stream(ctx, StreamConfig{
		Name: c.Name, Subjects: []string{c.Name + ".*"}, WorkQueue: true, MaxBytes: c.MaxBytes, subjectMessages: c.LaneMessages,
	})
	if err != nil {
		return nil, err
	}
	return &Queue{stream: s, prefix: c.Name + ".", wake: "wake." + c.Name}, nil
}

// Put appends a message to a lane, whose name is a word of letters, digits, - and _, and waits until it is on disk.
func (q *Queue) Put(ctx context.Context, lane string, data []byte) error {
	if _, err := q.stream.Publish(ctx, q.prefix+lane, nil, data); err != nil {
		return err
	}
	return q.signal(lane)
}

func (q *Queue) signal(lane string) error { return q.stream.bus.Notify(q.wake, []byte(lane)) }

// Lanes counts the messages of each lane, those in hand included.
func (q *Queue) Lanes(ctx context.Context) (map[string]uint64, error) {
	subjects, err := q.stream.Subjects(ctx, q.prefix+"*")
	lanes := make(map[string]uint64, len(subjects))
	for s, n := range subjects {
		lanes[strings.TrimPrefix(s, q.prefix)] = n
	}
	return lanes, err
}

// State tells what the queue holds now, messages in hand included.
func (q *Queue) State(ctx context.Context) (State, error) { return q.stream.State(ctx) }

// Consume is what it is for streams, lane by lane. Filter is not for queues.
func (q *Queue) Consume(ctx context.Context, c ConsumerConfig, handle Handler) error {
	w, err := newWorker(q.stream, c, handle)
	if err != nil {
		return fmt.Errorf("consume %s as %s: %w", q.stream.name, c.Name, err)
	}
	t := &turns{worker: w, queue: q, known: map[string]jetstream.Consumer{}, hand: map[string]int{}, done: make(chan string, max(c.Concurrency, 1))}
	if err := t.run(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("consume %s as %s: %w", q.stream.name, c.Name, fault(err))
	}
	return nil
}

// turns hands out the messages of a queue. Only its own goroutine uses it.
type turns struct {
	*worker

	queue *Queue
	known map[string]jetstream.Consumer
	lanes []string       // that may have something, in the order of their turns
	held  []string       // that have as much in hand as one may
	hand  map[string]int // messages in hand, by lane
	busy  int            // messages in hand
	done  chan string    // lanes whose message was handled
}

// run hands out until ctx ends, and then waits for the handlers.
func (t *turns) run(ctx context.Context) error {
	signals := make(chan *nats.Msg, 1000)
	sub, err := t.stream.bus.nc.ChanSubscribe(t.queue.wake, signals)
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }()
	var handlers sync.WaitGroup
	defer handlers.Wait()
	look := time.NewTicker(laneLook)
	defer look.Stop()
	if err := t.look(ctx); err != nil {
		return err
	}
	for ctx.Err() == nil {
		if err := t.hear(ctx, signals, look.C, !t.ready()); err != nil {
			return err
		}
		if !t.ready() {
			continue
		}
		lane := t.lanes[0]
		t.lanes = t.lanes[1:]
		m, err := t.fetch(ctx, lane)
		if err != nil {
			return err
		}
		if m == nil {
			continue
		}
		t.lanes = append(t.lanes, lane)
		t.hand[lane]++
		t.busy++
		handlers.Go(func() {
			t.one(ctx, m)
			t.done <- lane
			if ctx.Err() != nil { // it went back, and somebody else may take it
				_ = t.queue.signal(lane)
			}
		})
	}
	return nil
}

// ready says whether there is a lane whose turn it is.
func (t *turns) ready() bool {
	if t.busy == max(t.Concurrency, 1) {
		return false
	}
	for len(t.lanes) > 0 && t.Share > 0 && t.hand[t.lanes[0]] >= t.Share {
		t.held, t.lanes = append(t.held, t.lanes[0]), t.lanes[1:]
	}
	return len(t.lanes) > 0
}

// hear takes note of what has happened; with wait it waits until something does.
func (t *turns) hear(ctx context.Context, signals <-chan *nats.Msg, look <-chan time.Time, wait bool) error {
	for {
		if wait {
			select {
			case m := <-signals:
				t.add(string(m.Data))
			case lane := <-t.done:
				t.free(lane)
			case <-look:
				if err := t.look(ctx); err != nil {
					return err
				}
			case <-ctx.Done():
				return nil
			}
			wait = false
			continue
		}
		select {
		case m := <-signals:
			t.add(string(m.Data))
		case lane := <-t.done:
			t.free(lane)
		default:
			return nil
		}
	}
}

// add gives a lane its turn, after those that have theirs already.
func (t *turns) add(lane string) {
	if !slices.Contains(t.lanes, lane) && !slices.Contains(t.held, lane) {
		t.lanes = append(t.lanes, lane)
	}
}

// free takes note that a message of a lane was handled.
func (t *turns) free(lane string) {
	t.busy--
	if t.hand[lane]--; t.hand[lane] == 0 {
		delete(t.hand, lane)
	}
	if i := slices.Index(t.held, lane); i >= 0 {
		t.held = slices.Delete(t.held, i, i+1)
		t.add(lane)
	}
}

// look adds the lanes that have more messages than are in hand here, and forgets those that have none.
func (t *turns) look(ctx context.Context) error {
	lanes, err := t.queue.Lanes(ctx)
	if errors.Is(err, ErrClosed) || ctx.Err() != nil {
		return err
	}
	if err != nil {
		t.stream.bus.log.Warn("lanes not seen", "queue", t.stream.name, "err", err)
		return nil
	}
	for lane, n := range lanes {
		if n > uint64(t.hand[lane]) {
			t.add(lane)
		}
	}
	for lane := range t.known {
		if lanes[lane] == 0 {
			delete(t.known, lane) // asked again, it is made again if the server has forgotten it
		}
	}
	return nil
}

// fetch takes the next message of a lane, nil when there is none. A lane in trouble is tried again at the next look.
func (t *turns) fetch(ctx context.Context, lane string) (jetstream.Msg, error) {
	m, err := t.ask(ctx, lane)
	switch {
	case errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, jetstream.ErrConnectionClosed):
		return nil, err
	case err != nil && ctx.Err() == nil:
		delete(t.known, lane)
		t.stream.bus.log.Warn("lane not read", "queue", t.stream.name, "lane", lane, "err", err)
	}
	return m, nil
}

func (t *turns) ask(ctx context.Context, lane string) (jetstream.Msg, error) {
	cons, ok := t.known[lane]
	if !ok {
		c := t.config()
		c.Durable, c.FilterSubject, c.InactiveThreshold = t.Name+"-"+lane, t.queue.prefix+lane, laneIdle
		var err error
		if cons, err = t.stream.consumer(ctx, c); err != nil {
			return nil, err
		}
		t.known[lane] = cons
	}
	batch, err := cons.FetchNoWait(1)
	if err != nil {
		return nil, err
	}
	for m := range batch.Messages() {
		return m, nil
	}
	return nil, batch.Error()
}
