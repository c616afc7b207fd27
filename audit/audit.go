// Package audit keeps who did what: a trail of records that only grows, in which each names the one before it by its hash, so that one
// that was changed or taken out shows. It holds no passwords, no tokens and no uploaded data.
//
// What a record tells of who did it, and from where, comes with the context, see With; what was done is an Entry. It knows neither how
// records are stored (see Log) nor who may read which of them.
//
//	trail, err := audit.New(audit.Config{Log: journal, Logger: logger})
//	ctx = audit.With(ctx, audit.Actor{User: alice.Hash, Email: alice.Email})
//	err = trail.Do(ctx, audit.Entry{Action: audit.OrgMembers, Orgs: []tahoe.Hash{acme}}, change) // a right is changed
//	trail.Note(ctx, audit.Entry{Action: audit.Upload, Orgs: []tahoe.Hash{acme}, Object: id})   // anything else was done
package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/cybexp/cybexp/tahoe"
)

// Action is what was done.
type Action string

// The actions that there are.
const (
	SignIn       Action = "session.open"
	SignOut      Action = "session.close" // Detail all: every one of the user's
	Access       Action = "access"        // only refused: without a right, or a valid token
	UserCreate   Action = "user.create"
	UserPassword Action = "user.password"
	UserDisable  Action = "user.disable"
	UserEnable   Action = "user.enable"
	TokenCreate  Action = "token.create"
	TokenRevoke  Action = "token.revoke"
	TokenKeys    Action = "token.rotate-key" // the keys that sign tokens are others; Detail tells which
	OrgCreate    Action = "org.create"
	OrgMembers   Action = "org.members" // Detail tells what became of whom
	Upload       Action = "upload"
	Ask          Action = "report.ask"
	RawRead      Action = "raw.read"
	Export       Action = "export"
	DeadRead     Action = "dead.read"
	DeadRetry    Action = "dead.retry"
	DeadDelete   Action = "dead.delete"
	Backup       Action = "backup"
	Reprocess    Action = "reprocess.start"
	ReprocessEnd Action = "reprocess.cancel"
	SourceAdd    Action = "source.add"
	SourceStart  Action = "source.start"
	SourceStop   Action = "source.stop"
	SourceRemove Action = "source.remove"
	Category     Action = "event.category"
	Context      Action = "event.context"
	Marking      Action = "event.marking"
	Removal      Action = "remove" // Detail tells of what kind
	CommentAdd   Action = "comment.add"
	CommentDrop  Action = "comment.delete"
	AuditRead    Action = "audit.read"
)

// Outcome is what became of it.
type Outcome string

// The outcomes.
const (
	Done    Outcome = "done"
	Refused Outcome = "refused" // it was not allowed
	Failed  Outcome = "failed"  // a record before says done, and then it could not be
)

// Entry is something that somebody did or tried.
type Entry struct {
	Action  Action            `json:"action"`
	Outcome Outcome           `json:"outcome"`          // empty is Done
	Orgs    []tahoe.Hash      `json:"orgs,omitempty"`   // whose administrators may read it
	Object  string            `json:"object,omitempty"` // the hash or ID of what it was done to
	Detail  map[string]string `json:"detail,omitempty"`
	Query   string            `json:"query,omitempty"` // what was asked
}

// Actor is who acts in a request.
type Actor struct {
	User    tahoe.Hash
	Email   string // of a user; or System
	Token   string // the ID of a token, or of the session
	Address string // where the request came from
	Request string // its ID
}

// System is the Email of what the platform does by itself.
const System = "system"

type actorKey struct{}

// With makes a the actor of everything that is recorded under the context.
func With(ctx context.Context, a Actor) context.Context { return context.WithValue(ctx, actorKey{}, a) }

// Who is the actor of a context.
func Who(ctx context.Context) Actor {
	a, _ := ctx.Value(actorKey{}).(Actor)
	return a
}

// Log keeps records in order and never changes them.
type Log interface {
	// Append adds a record with its topic, and returns when it is on disk. It tells false and adds nothing unless the newest has the
	// number after.
	Append(ctx context.Context, topic string, after uint64, record []byte) (bool, error)
	// Last gives the newest record and its number; 0 if there never was one, nil if it is gone because it got old.
	Last(ctx context.Context) (number uint64, record []byte, err error)
	// Topics lists the topics of all records.
	Topics(ctx context.Context) ([]string, error)
	// Range gives the first n records of the topics (of all, if none are named) after a number, or for 0 from a time on.
	Range(ctx context.Context, topics []string, after uint64, since time.Time, n int) ([][]byte, error)
}

// Config is what a Trail needs.
type Config struct {
	Log    Log
	Logger *slog.Logger
	Now    func() time.Time // nil is time.Now
}

// Trail writes and reads records. It is safe for concurrent use, by several processes too. A nil Trail keeps nothing.
type Trail struct {
	Config

	thin thinner

	mu   sync.Mutex // held while a record is added
	last uint64     // the number of the newest record, as far as is known
	sum  sum        // and its hash
}

// New makes a Trail.
func New(c Config) (*Trail, error) {
	switch {
	case c.Log == nil:
		return nil, errors.New("audit: no log")
	case c.Logger == nil:
		return nil, errors.New("audit: no logger")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Trail{Config: c, thin: thinner{seen: map[string]*seen{}}}, nil
}

// ErrDown says that the trail cannot be written.
var ErrDown = errors.New("the audit trail cannot be written")

// Record adds an entry, and returns when it is on disk, or an error that wraps ErrDown.
func (t *Trail) Record(ctx context.Context, e Entry) error {
	if t == nil {
		return nil
	}
	for _, part := range partsOf(e) {
		if err := t.append(ctx, part); err != nil {
			return fmt.Errorf("%w: %w", ErrDown, err)
		}
	}
	return nil
}

// Do records an entry and then does it, which is how rights are changed: what cannot be recorded is not done. If it cannot be done, a
// second record says so.
func (t *Trail) Do(ctx context.Context, e Entry, do func() error) error {
	if err := t.Record(ctx, e); err != nil {
		return err
	}
	err := do()
	if err != nil {
		e.Outcome = Failed
		t.Note(ctx, e)
	}
	return err
}

// Note adds an entry about what changed no right, or was refused. That it cannot be is logged, and no reason not to go on. Of many that were
// refused for the same reason to the same caller some are left out.
func (t *Trail) Note(ctx context.Context, e Entry) {
	if t == nil {
		return
	}
	if e.Outcome == Refused {
		n, told := t.thin.count(t.Now(), refusalOf(Who(ctx), e))
		if !told {
			return
		}
		if n > 1 {
			e.Detail = maps.Clone(e.Detail)
			if e.Detail == nil {
				e.Detail = map[string]string{}
			}
			e.Detail["times"] = fmt.Sprint(n)
		}
	}
	// What was done is told even when the caller has gone.
	if err := t.Record(context.WithoutCancel(ctx), e); err != nil {
		t.Logger.ErrorContext(ctx, "not in the audit trail", "action", string(e.Action), "request_id", Who(ctx).Request, "err", err)
	}
}
