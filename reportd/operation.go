package reportd

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/cybexp/cybexp/telemetry"
)

// operation is something that a client asked for over a websocket and that takes time. It has an id of the client's choosing.
type operation struct {
	id     string
	sock   *socket
	stop   context.CancelCauseFunc
	credit *credit

	report string // whose frames it sends
	held   bool   // whether it counts among the holders of the report
	ended  bool   // whether the report's last frame came
	sent   uint64 // number of the last row sent
	start  time.Time
}

// dispatch does what a message asks, or starts an operation that does. An error closes the connection.
func (k *socket) dispatch(ctx context.Context, m message) error {
	switch m.Op {
	case opAuth:
		return k.signIn(ctx, m.Token)
	case opPing:
		return k.write([]byte(`{"type":"pong"}`))
	case opQuery, opSubscribe, opReports, opCredit, opCancel:
	}
	if k.caller == nil {
		return errUnknown
	}
	switch m.Op {
	case opQuery:
		return k.begin(ctx, m, (*operation).query)
	case opSubscribe:
		return k.begin(ctx, m, (*operation).subscribe)
	case opReports:
		return k.begin(ctx, m, (*operation).reports)
	case opCredit:
		if o := k.operation(m.ID); o != nil { // one that has just ended needs none
			o.credit.add(m.N)
		}
	case opCancel:
		if o := k.operation(m.ID); o != nil {
			o.stop(errCancelled)
		}
	case opAuth, opPing:
	}
	return nil
}

func (k *socket) signIn(ctx context.Context, token string) error {
	if k.caller != nil {
		return errSignedIn
	}
	if k.cfg.SignIn == nil {
		return errUnknown
	}
	c, err := k.cfg.SignIn(ctx, token)
	if err != nil {
		k.Service.cfg.Logger.InfoContext(ctx, "websocket sign-in refused", "err", err)
		return errUnknown
	}
	k.caller = &c
	return k.enlist(ctx)
}

// checkSignIn closes a connection whose user is signed in no more.
func (k *socket) checkSignIn(ctx context.Context, c Caller) error {
	if err := c.still(ctx); err != nil && ctx.Err() == nil {
		k.Service.cfg.Logger.InfoContext(ctx, "websocket is signed in no more", "err", err)
		return errRevoked
	}
	return nil
}

func (k *socket) operation(id string) *operation {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ops[id]
}

// begin starts an operation in a goroutine of its own.
func (k *socket) begin(ctx context.Context, m message, do func(*operation, context.Context, message)) error {
	if err := k.checkSignIn(ctx, *k.caller); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, twice := k.ops[m.ID]; twice {
		return errTwice
	}
	if len(k.ops) >= k.Service.cfg.Socket.Operations {
		return errTooMany
	}
	ctx, stop := context.WithCancelCause(ctx)
	o := &operation{id: m.ID, sock: k, stop: stop, credit: newCredit(m.Credit), start: time.Now()}
	k.ops[m.ID] = o
	k.wg.Go(func() {
		defer stop(nil)
		ctx, span := telemetry.Start(ctx, "socket "+string(m.Op))
		do(o, ctx, m)
		span.Set("rows", o.sent)
		span.End(nil)
	})
	return nil
}

// leave makes the id free again. It is called before the last frame is sent, so that a client may use it as soon as it has that.
func (o *operation) leave() {
	o.sock.mu.Lock()
	defer o.sock.mu.Unlock()
	if o.sock.ops[o.id] == o {
		delete(o.sock.ops, o.id)
	}
}

// send sends a frame of the operation; the last one frees its id.
func (o *operation) send(f Frame) error {
	if f.Last() {
		o.leave()
	}
	return o.sock.write(f.answering(o.id))
}

// query asks a query and sends its report, which is a new one unless the client says that it need not be.
func (o *operation) query(ctx context.Context, m message) {
	s, c := o.sock.Service, *o.sock.caller
	if m.Redo != nil && !*m.Redo {
		o.shared(ctx, m)
		return
	}
	var j job
	orgs, err := s.rightsOf(ctx, c.ID) // the connection may be old
	if c.Orgs = orgs; err == nil {
		j, err = s.prepare(c, Request{TDQL: m.TDQL, Params: m.Params})
	}
	if err != nil {
		o.fail(ctx, err)
		return
	}
	j.Tied = true
	o.report, o.held = j.Report.ID, true

	// The log is opened while the query is on its way into the queue.
	fctx, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	var queued sync.WaitGroup
	queued.Go(func() {
		if err := s.enqueue(context.WithoutCancel(ctx), j); err != nil {
			lose(err)
			return
		}
		c.asked(ctx, j.Report)
	})
	e, deaf := s.listen(c.ID)
	defer deaf()
	err = o.stream(ctx, s.follow(fctx, e, o.report, 0))
	queued.Wait()
	o.conclude(ctx, err)
}

// shared sends the report of the hour, which is kept for others who ask, so that it goes on when nobody is connected.
func (o *operation) shared(ctx context.Context, m message) {
	s, c := o.sock.Service, *o.sock.caller
	var r Report
	orgs, err := s.rightsOf(ctx, c.ID)
	if c.Orgs = orgs; err == nil {
		r, err = s.Submit(context.WithoutCancel(ctx), c, Request{TDQL: m.TDQL, Params: m.Params, Shared: true})
	}
	if err != nil {
		o.fail(ctx, err)
		return
	}
	o.report = r.ID
	o.conclude(ctx, o.stream(ctx, s.Frames(ctx, c, r.ID, 0)))
}

// subscribe sends a report that was asked before.
func (o *operation) subscribe(ctx context.Context, m message) {
	s, c := o.sock.Service, *o.sock.caller
	o.report, o.sent = m.Report, m.After
	held, err := s.hold(ctx, c, m.Report)
	if err != nil {
		o.fail(ctx, err)
		return
	}
	o.held = held
	o.conclude(ctx, o.stream(ctx, s.Frames(ctx, c, m.Report, m.After)))
}

// reports sends the status of every report of the caller, and then each change.
func (o *operation) reports(ctx context.Context, _ message) {
	s, c := o.sock.Service, *o.sock.caller
	for e, err := range s.records.kv.Watch(ctx, recordKey(c.ID, ">")) {
		if err != nil {
			o.fail(ctx, err)
			return
		}
		if e.Deleted {
			continue
		}
		r, err := decodeRecord(e)
		if err != nil {
			o.fail(ctx, err)
			return
		}
		if o.send(statusFrame(r.ID, r.Status, r.Position)) != nil {
			return
		}
	}
	if errors.Is(context.Cause(ctx), errCancelled) {
		_ = o.send(o.cancelled())
	}
}

// stream sends frames as the client takes them and has credit for. It returns what ended it, nil when the last frame was sent.
func (o *operation) stream(ctx context.Context, frames iter.Seq2[Frame, error]) error {
	if o.held {
		kctx, stop := context.WithCancel(ctx)
		var wg sync.WaitGroup
		wg.Go(func() { o.sock.Service.keep(kctx, o.report) })
		defer wg.Wait()
		defer stop()
	}
	for f, err := range frames {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		if err := o.pass(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// pass sends one frame, in parts when there is not credit for all its rows.
func (o *operation) pass(ctx context.Context, f Frame) error {
	o.ended = f.Last()
	if f.Type != TypeRows {
		return o.send(f)
	}
	for o.sent < f.Seq {
		n, err := o.credit.take(ctx, f.Seq-max(o.sent, f.First-1))
		if err != nil {
			return err
		}
		part, err := f.cut(o.sent, n)
		if err != nil {
			return err
		}
		if err := o.send(part); err != nil {
			return err
		}
		o.sent = part.Seq
	}
	return nil
}

// conclude ends a query or a subscription: with nothing when its last frame was sent.
func (o *operation) conclude(ctx context.Context, err error) {
	s, c := o.sock.Service, *o.sock.caller
	switch {
	case errors.Is(err, errCancelled):
		o.held = false
		if err := s.Cancel(context.WithoutCancel(ctx), c, o.report); err != nil && !errors.Is(err, ErrFinished) && !errors.Is(err, ErrNotFound) {
			s.cfg.Logger.WarnContext(ctx, "report not cancelled", "report", o.report, "err", err)
		}
		_ = o.send(o.cancelled()) // nobody is there to be told that it failed
	case ctx.Err() != nil: // the connection is gone
		o.leave()
	case err != nil:
		o.fail(ctx, err)
	}
	if o.held && !o.ended {
		o.release(ctx, c)
	}
}

func (o *operation) cancelled() Frame {
	return endFrame(End{Status: StatusCancelled, Rows: o.sent, ElapsedMS: time.Since(o.start).Milliseconds()})
}

// fail sends an error frame.
func (o *operation) fail(ctx context.Context, err error) {
	f, ours := failure(err)
	if ours && ctx.Err() == nil {
		o.sock.Service.cfg.Logger.ErrorContext(ctx, "websocket operation failed", "report", o.report, "err", err)
	}
	_ = o.send(errorFrame(f)) // nobody is there to be told that it failed
}
