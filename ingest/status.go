package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/tahoe"
)

// Problem is something in an upload that could not be used.
type Problem struct {
	Line    int    `json:"line,omitempty"`
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

// String is the problem in a line.
func (p Problem) String() string {
	s := p.Message
	if p.Field != "" {
		s = p.Field + ": " + s
	}
	if p.Line > 0 {
		s = strconv.Itoa(p.Line) + ": " + s
	}
	return s
}

// maxProblems is how many problems of an upload are told; the others are counted.
const maxProblems = 100

type problems struct {
	Total int       `json:"total,omitempty"`
	First []Problem `json:"first,omitempty"`
}

func (p *problems) add(more ...Problem) {
	p.Total += len(more)
	p.First = append(p.First, more[:min(len(more), maxProblems-len(p.First))]...)
}

func (p *problems) merge(q problems) {
	p.add(q.First...)
	p.Total += q.Total - len(q.First)
}

// account is what is known of an upload from the way in.
type account struct {
	Upload

	Try      string    `json:"try"`
	Begun    time.Time `json:"begun"`
	Ended    time.Time `json:"ended,omitzero"`
	Failed   string    `json:"failed,omitempty"`
	Chunks   int       `json:"chunks"`
	Records  int       `json:"records"`
	Rejected int       `json:"rejected"`
	Bytes    int64     `json:"bytes"`
	Problems problems  `json:"problems"`
	Final    *Status   `json:"final,omitempty"` // once all is done
}

func (a account) complete() bool   { return !a.Ended.IsZero() && a.Failed == "" }
func (a account) receipt() Receipt { return Receipt{a.ID, a.Records, a.Rejected, a.Bytes} }

// result is what became of a chunk.
type result struct {
	Mapped       int      `json:"mapped,omitempty"`
	Kept         int      `json:"kept,omitempty"`
	NotSupported int      `json:"not_supported,omitempty"`
	Invalid      int      `json:"invalid,omitempty"`
	Dead         int      `json:"dead,omitempty"`
	Events       int      `json:"events,omitempty"`
	Problems     problems `json:"problems"`
}

func (r *result) count(m Outcome) {
	r.Problems.add(m.Problems...)
	r.Events += len(m.Record.Events)
	switch m.Record.State {
	case tahoe.Mapped:
		r.Mapped++
	case tahoe.Kept:
		r.Kept++
	case tahoe.NotSupported:
		r.NotSupported++
	case tahoe.Invalid:
		r.Invalid++
	}
}

// Status tells how far an upload is. When it is done, Received = Mapped + Kept + NotSupported + Invalid + Dead.
type Status struct {
	ID           string     `json:"id"`
	Name         string     `json:"name"`
	Typetag      string     `json:"typetag"`
	Org          tahoe.Hash `json:"org"`
	Begun        time.Time  `json:"begun"`
	Received     int        `json:"received"`      // records in the lake or past it
	Rejected     int        `json:"rejected"`      // records that were too long to be received
	Mapped       int        `json:"mapped"`        // gave events or sessions
	Kept         int        `json:"kept"`          // valid, with nothing to map
	NotSupported int        `json:"not_supported"` // kept until there is a filter
	Invalid      int        `json:"invalid"`       // kept, and not of the format
	Dead         int        `json:"dead"`          // given up; kept outside the graph
	Events       int        `json:"events"`
	Pending      int        `json:"pending"`          // chunks still to be worked on
	Done         bool       `json:"done"`             // nothing more will change
	Failed       string     `json:"failed,omitempty"` // why the upload broke off; what came before it counts
	Problems     []Problem  `json:"problems"`         // the first hundred
	ProblemTotal int        `json:"problem_total"`
}

// Upload tells how far an upload is; ErrNotFound if there is none, or it was too long ago.
func (s *Service) Upload(ctx context.Context, id string) (Status, error) {
	a, err := s.account(ctx, id)
	if err != nil {
		return Status{}, err
	}
	if a.Final != nil {
		return *a.Final, nil
	}
	st, err := s.sum(ctx, a)
	if err != nil || !st.Done {
		return st, err
	}
	a.Final = &st
	return st, s.saveAccount(ctx, a)
}

func (s *Service) sum(ctx context.Context, a account) (Status, error) {
	entries, err := s.accounts.List(ctx, chunkKeys(a.ID, a.Try)+"*")
	if err != nil {
		return Status{}, fmt.Errorf("sum up upload %s: %w", a.ID, err)
	}
	var total result
	total.Problems.merge(a.Problems)
	for _, e := range entries {
		var r result
		if err := json.Unmarshal(e.Value, &r); err != nil {
			return Status{}, fmt.Errorf("read account %s: %w", e.Key, err)
		}
		total.add(r)
	}
	st := total.status()
	st.ID, st.Name, st.Typetag, st.Org, st.Begun, st.Failed = a.ID, a.Name, a.Typetag, a.Org, a.Begun, a.Failed
	st.Received, st.Rejected = a.Records, a.Rejected
	st.Pending = max(a.Chunks-len(entries), 0)
	st.Done = !a.Ended.IsZero() && st.Pending == 0
	if came := st.Mapped + st.Kept + st.NotSupported + st.Invalid + st.Dead; a.Ended.IsZero() || a.Failed != "" {
		// While chunks come, and when the lake did not say whether it took one, what came out of it is what went in.
		st.Received = max(st.Received, came)
	}
	return st, nil
}

func (r *result) add(other result) {
	r.Mapped += other.Mapped
	r.Kept += other.Kept
	r.NotSupported += other.NotSupported
	r.Invalid += other.Invalid
	r.Dead += other.Dead
	r.Events += other.Events
	r.Problems.merge(other.Problems)
}

func (r *result) status() Status {
	return Status{
		Mapped: r.Mapped, Kept: r.Kept, NotSupported: r.NotSupported, Invalid: r.Invalid, Dead: r.Dead, Events: r.Events,
		Problems: append([]Problem{}, r.Problems.First...), ProblemTotal: r.Problems.Total,
	}
}

func accountKey(id string) string     { return "upload." + id }
func chunkKeys(id, try string) string { return "chunk." + id + "." + try + "." }

func (s *Service) account(ctx context.Context, id string) (account, error) {
	if err := checkID(id); err != nil {
		return account{}, fmt.Errorf("%w: %.70q", ErrNotFound, id)
	}
	e, err := s.accounts.Get(ctx, accountKey(id))
	if errors.Is(err, bus.ErrNotFound) {
		return account{}, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	if err != nil {
		return account{}, fmt.Errorf("look up upload: %w", err)
	}
	var a account
	if err := json.Unmarshal(e.Value, &a); err != nil {
		return account{}, fmt.Errorf("read account of upload %s: %w", id, err)
	}
	return a, nil
}

func (s *Service) saveAccount(ctx context.Context, a account) error {
	return s.save(ctx, accountKey(a.ID), a)
}

func (s *Service) saveResult(ctx context.Context, l label, r result) error {
	return s.save(ctx, l.key(), r)
}

func (s *Service) save(ctx context.Context, key string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if _, err := s.accounts.Put(ctx, key, text); err != nil {
		return fmt.Errorf("save account: %w", err)
	}
	return nil
}
