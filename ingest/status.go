package ingest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/tahoe"
)

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

	revision uint64    // in the bucket
	seen     time.Time // when it was last saved
}

func (a account) complete() bool   { return !a.Ended.IsZero() && a.Failed == "" }
func (a account) receipt() Receipt { return Receipt{a.ID, a.Records, a.Rejected, a.Bytes} }

// result is what became of a chunk, or of a record that left it.
type result struct {
	Mapped       int      `json:"mapped,omitempty"`
	Kept         int      `json:"kept,omitempty"`
	NotSupported int      `json:"not_supported,omitempty"`
	Invalid      int      `json:"invalid,omitempty"`
	Dead         int      `json:"dead,omitempty"`
	Events       int      `json:"events,omitempty"`
	Problems     problems `json:"problems"`

	// Refused has the records that left the chunk as dead letters, by their place. What became of one of them since is in a result of its own.
	Refused map[string]Problem `json:"refused,omitempty"`
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

// State says where an upload is on its way.
type State string

// The states of an upload.
const (
	Receiving   State = "receiving"   // it comes in
	Interrupted State = "interrupted" // it broke off; what came before is safe, and to send it again completes it
	Working     State = "working"     // all of it is on disk, and not yet in the graph
	Finished    State = "finished"    // all of it is in the graph
)

// Status tells how far an upload is. When it is done, Received = Mapped + Kept + NotSupported + Invalid + Dead.
type Status struct {
	ID           string     `json:"id"`
	Name         string     `json:"name"`
	Typetag      string     `json:"typetag"`
	Org          tahoe.Hash `json:"org"`
	Begun        time.Time  `json:"begun"`
	State        State      `json:"state"`
	Received     int        `json:"received"`      // records that are safe: in the lake or past it
	Rejected     int        `json:"rejected"`      // records that were too long to be received
	Mapped       int        `json:"mapped"`        // gave events or sessions
	Kept         int        `json:"kept"`          // valid, with nothing to map
	NotSupported int        `json:"not_supported"` // kept until there is a filter
	Invalid      int        `json:"invalid"`       // kept, and not of the format
	Dead         int        `json:"dead"`          // given up; kept outside the graph
	Events       int        `json:"events"`
	Parts        int        `json:"parts"`            // parts of records that could not be used
	Pending      int        `json:"pending"`          // chunks still to be worked on
	Done         bool       `json:"done"`             // nothing more will change, unless it is sent again
	Failed       string     `json:"failed,omitempty"` // why the upload broke off
	Reasons      []Reason   `json:"reasons"`          // what could not be used and why, fifty at most
	Problems     []Problem  `json:"problems"`         // the first hundred of them
	ProblemTotal int        `json:"problem_total"`
}

// Processed is how many of the records received are through.
func (s Status) Processed() int { return s.Mapped + s.Kept + s.NotSupported + s.Invalid + s.Dead }

// died is why an upload failed whose process went without a word.
const died = "the server stopped while the upload came in"

// Upload tells how far an upload is; ErrNotFound if there is none, or it was too long ago.
func (s *Service) Upload(ctx context.Context, id string) (Status, error) {
	a, err := s.account(ctx, id)
	if err != nil {
		return Status{}, err
	}
	if a.Final != nil {
		return *a.Final, nil
	}
	if a.Ended.IsZero() && time.Since(a.seen) > s.Silence {
		a.Failed = died
	}
	st, err := s.sum(ctx, a)
	if err != nil || !st.Done {
		return st, err
	}
	a.Final = &st
	err = s.saveAccount(ctx, &a)
	if errors.Is(err, bus.ErrConflict) {
		return st, nil // somebody else has seen it too, or sends it again
	}
	return st, err
}

func (s *Service) sum(ctx context.Context, a account) (Status, error) {
	// What is in the lake comes first: what leaves it meanwhile is then counted where it arrived.
	waiting, err := s.waiting(ctx, a)
	if err != nil {
		return Status{}, fmt.Errorf("sum up upload %s: %w", a.ID, err)
	}
	entries, err := s.accounts.List(ctx, chunkKeys(a.ID, a.Try)+"*")
	if err != nil {
		return Status{}, fmt.Errorf("sum up upload %s: %w", a.ID, err)
	}
	var total result
	total.Problems.merge(a.Problems)
	results := make(map[string]result, len(entries))
	for _, e := range entries {
		var r result
		if err := json.Unmarshal(e.Value, &r); err != nil {
			return Status{}, fmt.Errorf("read account %s: %w", e.Key, err)
		}
		total.add(r)
		results[e.Key] = r
		delete(waiting, e.Key)
	}
	total.addRefused(refused(chunkKeys(a.ID, a.Try), results, waiting))
	st := total.status()
	st.ID, st.Name, st.Typetag, st.Org, st.Begun, st.Failed = a.ID, a.Name, a.Typetag, a.Org, a.Begun, a.Failed
	st.Rejected, st.Pending, st.Received = a.Rejected, len(waiting), st.Processed()
	for _, records := range waiting {
		st.Received += records
	}
	switch {
	case a.Failed != "":
		st.State = Interrupted
	case a.Ended.IsZero():
		st.State = Receiving
	case st.Pending > 0 || st.Received < a.Records: // a dead letter may be on its way back into the lake
		st.State, st.Received = Working, a.Records
	default:
		st.State = Finished
	}
	st.Done = st.State == Finished || st.State == Interrupted && st.Pending == 0
	return st, nil
}

// refused gathers the records that are dead letters now: not those that are back in the lake, or were taken since.
func refused(keys string, results map[string]result, waiting map[string]int) (list []Problem) {
	for key, r := range results {
		for place, p := range r.Refused {
			_, again := results[keys+place]
			_, back := waiting[keys+place]
			if key == keys+place || !again && !back {
				list = append(list, p)
			}
		}
	}
	slices.SortFunc(list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), strings.Compare(a.Message, b.Message))
	})
	return list
}

// waiting counts the records of the chunks of a that are in the lake, by the keys of their accounts.
func (s *Service) waiting(ctx context.Context, a account) (map[string]int, error) {
	subjects, err := s.lake.Subjects(ctx, label{Typetag: "*", Org: "*", Upload: a.ID, Try: a.Try}.subjects())
	if err != nil {
		return nil, err
	}
	waiting := make(map[string]int, len(subjects))
	for subject := range subjects {
		key, records, err := readSubject(subject)
		if err != nil {
			return nil, err
		}
		waiting[key] = records
	}
	return waiting, nil
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

func (r *result) addRefused(list []Problem) {
	r.Dead += len(list)
	r.Problems.add(list...)
}

func (r *result) status() Status {
	return Status{
		Mapped: r.Mapped, Kept: r.Kept, NotSupported: r.NotSupported, Invalid: r.Invalid, Dead: r.Dead, Events: r.Events,
		Parts: r.Problems.Parts, Reasons: append([]Reason{}, r.Problems.ranked()...),
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
	a.revision, a.seen = e.Revision, e.Time
	return a, nil
}

// saveAccount writes an account that nobody else has written since it was read; bus.ErrConflict if somebody has.
func (s *Service) saveAccount(ctx context.Context, a *account) error {
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	if a.revision, err = replace(ctx, s.accounts, accountKey(a.ID), text, a.revision); err != nil {
		return fmt.Errorf("save account: %w", err)
	}
	return nil
}

// replace writes a key that is at revision, 0 being one that is not there; bus.ErrConflict if it is not. The revision stays if it fails.
func replace(ctx context.Context, kv *bus.KV, key string, value []byte, revision uint64) (uint64, error) {
	var next uint64
	var err error
	if revision == 0 {
		next, err = kv.Create(ctx, key, value)
	} else {
		next, err = kv.Update(ctx, key, value, revision)
	}
	switch {
	case errors.Is(err, bus.ErrExists):
		return revision, fmt.Errorf("%w: %w", bus.ErrConflict, err)
	case err != nil:
		return revision, err
	}
	return next, nil
}

func (s *Service) saveResult(ctx context.Context, l label, r result) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if _, err := s.accounts.Put(ctx, l.key(), text); err != nil {
		return fmt.Errorf("save account: %w", err)
	}
	return nil
}
