package graph

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/dgraph-io/dgo/v230"
	"github.com/dgraph-io/dgo/v230/protos/api"

	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/telemetry"
)

const (
	batchWeight = 1200 // instances of a batch, repeated ones counted each time: about 130 events
	commits     = 2    // transactions that are sent at once
	underWay    = commits + 1
	tryTimeout  = 30 * time.Second // of one try
)

// Write adds the records to the graph and returns how many vertices that made. When it returns nil, Dgraph has them for good, though it
// be killed at once (dgraphd.Config.Sync tells about power failures). They may be there already, in part or whole: of an instance that is known, only new edges, contexts, session times, organisations and a
// raw's later state are written. It may be called concurrently; small writes are then put together.
//
// An event and all that hangs on it are written in one transaction, a record of many events in several. An error wraps
// ErrUnavailable when Dgraph did not answer for as long as patience lasts, or joins a *RecordError for each record that cannot be
// written. When ctx ends, what was already sent may still be written.
func (s *Store) Write(ctx context.Context, records []tahoe.Record) (added int, err error) {
	ctx, span := telemetry.Start(ctx, "graph write", "records", len(records))
	defer func() { span.Set("added", added); span.End(err) }()
	added, err = s.writer.write(ctx, records)
	if err != nil {
		return added, fmt.Errorf("write graph: %w", err)
	}
	return added, nil
}

// call is one call of Write.
type call struct {
	left  int // pieces that are not written
	added int
	errs  []error
	done  chan struct{}
}

// piece is a record, or a part of one with many events.
type piece struct {
	call   *call
	index  int // of the record
	record tahoe.Record
	weight int
}

// writer writes batches, several at a time.
type writer struct {
	store  *Store
	ctx    context.Context // ends with the store
	cancel context.CancelFunc
	active sync.WaitGroup

	turn  chan struct{} // held by the one who resolves; guards lease
	lease lease
	lanes chan *lane    // those that nobody uses
	edits chan *removal // the one that makes changes which are not writes
	send  chan struct{} // held by those whose request is on the way

	mu      sync.Mutex
	closed  bool
	queue   []*piece
	running int
	known   *cache
	gone    map[uint64]bool // vertices that known may hold, and that were about to be removed
	claims  map[tahoe.Hash]claim

	register register
	keeper   *keeper
}

func newWriter(s *Store, cacheSize, hotDegree int) *writer {
	w := &writer{
		store: s, turn: make(chan struct{}, 1), send: make(chan struct{}, commits),
		lease: lease{conn: s.conn}, known: newCache(cacheSize), claims: map[tahoe.Hash]claim{},
		lanes: make(chan *lane, underWay), edits: make(chan *removal, 1), keeper: newKeeper(s, hotDegree),
	}
	w.edits <- newRemoval(w)
	for range underWay {
		w.lanes <- &lane{}
	}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	w.active.Go(func() { w.keeper.run(w.ctx) })
	return w
}

func (w *writer) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.cancel()
	w.active.Wait()
}

func (w *writer) write(ctx context.Context, records []tahoe.Record) (int, error) {
	c := &call{done: make(chan struct{})}
	pieces := split(c, records)
	if c.left = len(pieces); c.left == 0 {
		return 0, nil
	}
	if !w.enqueue(pieces) {
		return 0, ErrClosed
	}
	select {
	case <-c.done:
		return c.added, errors.Join(c.errs...)
	case <-ctx.Done():
		w.mu.Lock()
		defer w.mu.Unlock()
		w.queue = slices.DeleteFunc(w.queue, func(p *piece) bool { return p.call == c })
		return c.added, ctx.Err()
	}
}

// split cuts the records into pieces that fit into a batch. Each has the raw, and the last one the sessions, whose events are then
// already there.
func split(c *call, records []tahoe.Record) []*piece {
	var pieces []*piece
	for i, r := range records {
		marking := r.Strictest() // of the raw, which is in every piece
		p := &piece{call: c, index: i, record: tahoe.Record{Raw: r.Raw, State: r.State, Received: r.Received, Marking: marking}, weight: 1}
		for _, e := range r.Events {
			weight := 1 + len(e.Refs())
			if len(p.record.Events) > 0 && p.weight+weight > batchWeight {
				pieces = append(pieces, p)
				p = &piece{call: c, index: i, record: tahoe.Record{Raw: r.Raw, State: r.State, Received: r.Received, Marking: marking}, weight: 1}
			}
			p.record.Events, p.weight = append(p.record.Events, e), p.weight+weight
		}
		p.record.Sessions = r.Sessions
		for _, s := range r.Sessions {
			p.weight += 1 + len(s.Refs())
		}
		pieces = append(pieces, p)
	}
	return pieces
}

// enqueue hands the pieces to goroutines that take them in batches, and starts those. It returns false after close.
func (w *writer) enqueue(pieces []*piece) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.queue = append(w.queue, pieces...)
	for w.running < underWay {
		batch := w.take(w.running)
		if batch == nil {
			break
		}
		w.running++
		w.active.Go(func() { w.run(batch) })
	}
	return true
}

// take removes a batch from the queue. While others are under way it leaves a small one to grow: a transaction for each of many small
// writes would cost more than it gains. The caller holds mu.
func (w *writer) take(others int) []*piece {
	n, weight := 0, 0
	for n < len(w.queue) && (n == 0 || weight+w.queue[n].weight <= batchWeight) {
		weight += w.queue[n].weight
		n++
	}
	if n == 0 || others > 0 && n == len(w.queue) && weight < batchWeight/2 {
		return nil
	}
	taken := slices.Clone(w.queue[:n])
	w.queue = slices.Delete(w.queue, 0, n)
	return taken
}

// run writes a batch, and then others until there are none.
func (w *writer) run(pieces []*piece) {
	for pieces != nil {
		w.process(pieces)
		w.mu.Lock()
		if pieces = w.take(w.running - 1); pieces == nil {
			w.running--
		}
		w.mu.Unlock()
	}
}

// process writes the pieces. If Dgraph or the resolver refuses them it halves them, until the one that is refused stands alone.
func (w *writer) process(pieces []*piece) {
	added, err := w.persist(pieces)
	if err == nil || len(pieces) == 1 || errors.Is(err, ErrUnavailable) || w.ctx.Err() != nil {
		w.report(pieces, added, err)
		return
	}
	half := len(pieces) / 2
	w.process(pieces[:half])
	w.process(pieces[half:])
}

// report tells the callers what became of their pieces; added is by piece.
func (w *writer) report(pieces []*piece, added []int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, p := range pieces {
		c := p.call
		switch {
		case err == nil:
			c.added += added[i]
		case w.ctx.Err() != nil:
			c.errs = []error{ErrClosed}
		case errors.Is(err, ErrUnavailable):
			c.errs = []error{err}
		default:
			c.errs = append(c.errs, &RecordError{Index: p.index, Err: err})
		}
		if c.left--; c.left == 0 {
			close(c.done)
		}
	}
}

// persist tries until the pieces are in the graph, patience ends, or they are refused.
func (w *writer) persist(pieces []*piece) (added []int, err error) {
	b, err := gather(pieces)
	if err != nil {
		return nil, err
	}
	var a *attempt
	begun := time.Now()
	defer func() { w.store.metrics.wrote(begun, a, err) }()
	if err := w.again(w.ctx, func(ctx context.Context) error {
		var err error
		a, err = w.try(ctx, b)
		return err
	}); err != nil {
		return nil, err
	}
	return a.counts(len(pieces)), nil
}

// again tries until it is done, patience or ctx ends, or it is refused.
func (w *writer) again(ctx context.Context, try func(context.Context) error) error {
	var down time.Time // since when Dgraph is unavailable
	delay := 50 * time.Millisecond
	for n := 1; ; n++ {
		err := inTime(ctx, try)
		switch {
		case err == nil:
			return nil
		case w.ctx.Err() != nil:
			return ErrClosed
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errAborted):
			w.store.logger.Debug("transaction aborted, trying again", "try", n)
			w.store.metrics.conflicts.Add(1)
			down, delay = time.Time{}, 50*time.Millisecond
			_ = pause(ctx, time.Duration(1+rand.IntN(10*min(n, 20)))*time.Millisecond)
		case errors.Is(err, ErrUnavailable):
			w.store.metrics.unavailable.Add(1, "write")
			if down.IsZero() {
				down = time.Now()
				w.store.logger.Warn("graph does not take writes, trying again", "err", err)
			}
			if time.Since(down) > w.store.patience {
				return err
			}
			_ = pause(ctx, delay)
			delay = min(2*delay, 2*time.Second)
		default:
			return err
		}
	}
}

// inTime gives a try its time.
func inTime(ctx context.Context, try func(context.Context) error) error {
	within, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	err := try(within)
	if err != nil && errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return fmt.Errorf("%w: no answer in %v", ErrUnavailable, tryTimeout)
	}
	return err
}

// try writes the batch once, in one transaction.
func (w *writer) try(ctx context.Context, b *batch) (a *attempt, err error) {
	l := <-w.lanes
	defer func() { w.lanes <- l }()
	if a, err = w.resolve(ctx, b, l); err != nil {
		return nil, err
	}
	defer func() { w.finish(a, err == nil) }()
	q := a.spell()
	if len(q.set) == 0 {
		return a, a.settled(ctx)
	}
	q.set = append(q.set, a.beat())
	return a, w.commit(ctx, a, &api.Mutation{Set: q.set, Del: q.del})
}

// commit sends the quads. When others are still making vertices that they point at, it commits after them.
func (w *writer) commit(ctx context.Context, a *attempt, m *api.Mutation) error {
	last := len(a.needs) == 0
	req := &api.Request{Mutations: []*api.Mutation{m}, CommitNow: last}
	err := w.sending(ctx, func() error {
		_, err := a.txn.Do(ctx, req)
		return err
	})
	if err != nil || last {
		return err
	}
	if err := a.settled(ctx); err != nil {
		discard(a.txn)
		return err
	}
	return w.sending(ctx, func() error { return a.txn.Commit(ctx) })
}

// sending runs f when it is its turn. Nobody waits for another attempt in f, so all get their turn.
func (w *writer) sending(ctx context.Context, f func() error) error {
	select {
	case w.send <- struct{}{}:
		defer func() { <-w.send }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return readable(ctx, f())
}

func discard(txn *dgo.Txn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = txn.Discard(ctx) // if this fails, Dgraph drops the transaction after some minutes
}

// counts tells how many vertices each of n pieces made.
func (a *attempt) counts(n int) []int {
	added := make([]int, n)
	for _, it := range a.batch.made() {
		added[it.piece]++
	}
	return added
}
