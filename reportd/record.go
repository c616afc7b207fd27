package reportd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/tdql"
)

// Status is where a report stands in its life.
type Status string

// A report goes from wait to processing to one of the last three. One that may be shared is invalid before it waits: until it is
// sure to be made.
const (
	StatusInvalid    Status = "invalid"
	StatusWait       Status = "wait"
	StatusProcessing Status = "processing"
	StatusReady      Status = "ready"
	StatusFailed     Status = "failed"
	StatusCancelled  Status = "cancelled"
)

// Ended says whether the report will not change any more.
func (s Status) Ended() bool {
	return s == StatusReady || s == StatusFailed || s == StatusCancelled
}

// Report is a query that was asked, and what has become of it.
type Report struct {
	ID        string      `json:"id"`
	Status    Status      `json:"status"`
	Canonical string      `json:"canonical"`
	Classic   *Classic    `json:"classic,omitempty"` // the question, if it was asked in that form
	User      string      `json:"user"`
	Shared    bool        `json:"shared,omitempty"`
	Created   time.Time   `json:"created"`
	Started   *time.Time  `json:"started,omitempty"`
	Ended     *time.Time  `json:"ended,omitempty"`
	Rows      uint64      `json:"rows"`
	Scanned   uint64      `json:"scanned,omitempty"` // vertices that were read to make it
	ElapsedMS int64       `json:"elapsed_ms"`
	Error     *Failure    `json:"error,omitempty"` // why it failed
	Warnings  tdql.Errors `json:"warnings,omitempty"`
	// Position was about the report's place in the queue when it was asked, counting those that are being made; 0 when it
	// waits no more.
	Position int `json:"position,omitempty"`
}

// last returns the frame that ends the stream of a report that has ended.
func (r Report) last() Frame {
	if r.Status == StatusFailed && r.Error != nil {
		return errorFrame(*r.Error)
	}
	return endFrame(End{Status: r.Status, Rows: r.Rows, ElapsedMS: r.ElapsedMS, Warnings: r.Warnings})
}

// record is a report as it is kept, with what only the service needs.
type record struct {
	Report

	Tied      bool   `json:"tied,omitempty"` // asked over a websocket, and ends when nobody is connected for it
	Watch     bool   `json:"watch,omitempty"`
	Holders   int    `json:"holders,omitempty"`   // connections that are
	Cancel    bool   `json:"cancel,omitempty"`    // somebody asked to cancel while a worker had it
	Epoch     uint64 `json:"epoch,omitempty"`     // place in the log where the newest attempt begins
	Begun     int    `json:"begun,omitempty"`     // attempts; a stopping worker hands a job on without one
	Restarted bool   `json:"restarted,omitempty"` // the log of an earlier attempt is lost: nobody can resume from it
	Newer     string `json:"newer,omitempty"`     // the report that redid this shared one

	Audiences []string `json:"audiences,omitempty"` // with whose rights the newest attempt was made

	revision uint64
}

// records keeps the reports of all users, each under its user, so that nobody can name another's.
type records struct {
	kv *bus.KV
}

func recordKey(user, id string) string { return user + "." + id }

// load reads a report of a user; ErrNotFound when the user has none with that id.
func (rs records) load(ctx context.Context, user, id string) (*record, error) {
	if !isWord(user) || !isWord(id) {
		return nil, ErrNotFound
	}
	e, err := rs.kv.Get(ctx, recordKey(user, id))
	if errors.Is(err, bus.ErrNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("load report: %w", err)
	}
	return decodeRecord(e)
}

func decodeRecord(e bus.Entry) (*record, error) {
	r := &record{revision: e.Revision}
	if err := json.Unmarshal(e.Value, r); err != nil {
		return nil, fmt.Errorf("read report %s: %w", e.Key, err)
	}
	return r, nil
}

// create keeps a new report; bus.ErrExists when there is one with its id.
func (rs records) create(ctx context.Context, r *record) error {
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if r.revision, err = rs.kv.Create(ctx, recordKey(r.User, r.ID), data); err != nil {
		return fmt.Errorf("create report: %w", err)
	}
	return nil
}

// change applies f to the newest state of r and keeps the result, again from the start when somebody else was faster. Any
// error of f ends it without a change.
func (rs records) change(ctx context.Context, r *record, f func(*record) error) error {
	for {
		next := *r
		if err := f(&next); err != nil {
			return err
		}
		data, err := json.Marshal(next)
		if err != nil {
			return fmt.Errorf("write report: %w", err)
		}
		revision, err := rs.kv.Update(ctx, recordKey(r.User, r.ID), data, r.revision)
		if err == nil {
			next.revision = revision
			*r = next
			return nil
		}
		if !errors.Is(err, bus.ErrConflict) {
			return fmt.Errorf("change report: %w", err)
		}
		newest, err := rs.load(ctx, r.User, r.ID)
		if err != nil {
			return err
		}
		*r = *newest
	}
}

// isWord says whether s can stand as one word of a subject or a key.
func isWord(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 128
}
