// Package notebook keeps what people write down beside the data: queries that they saved, for themselves or for an organisation, and
// comments on instances. It knows neither queries nor the graph: whether a text is a query, and whether who comments may see the instance, is
// the caller's to check. Who may read what an organisation has, the caller says.
//
//	notes, err := notebook.New(notebook.Config{Store: store})
//	q, err := notes.Save(ctx, notebook.Query{Name: "new logins", TDQL: "events login last 1h", Owner: alice})
//	list, err := notes.Queries(ctx, notebook.Reader{User: bob, Orgs: orgs})
package notebook

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cybexp/cybexp/tahoe"
)

// Errors that callers tell apart.
var (
	ErrNotFound = errors.New("not found")         // or not for this reader
	ErrConflict = errors.New("changed meanwhile") // of a Store
	ErrExists   = errors.New("name is taken")
	ErrFull     = errors.New("too many are kept")
	ErrInvalid  = errors.New("invalid")         // the text around it says what
	ErrNotYours = errors.New("somebody else's") // who may read it may not change it
)

// Store keeps small values under keys such as saved.k7q…, each with a revision that changes with every write.
type Store interface {
	// Get reads a key, or returns an error that wraps ErrNotFound.
	Get(ctx context.Context, key string) (value []byte, revision uint64, err error)
	// Set writes a key that is at the given revision still, 0 being a key that is not there, or returns an error that wraps ErrConflict. A
	// nil value removes the key.
	Set(ctx context.Context, key string, value []byte, revision uint64) error
	// List reads the values of all keys that begin with prefix, which ends in a dot.
	List(ctx context.Context, prefix string) ([][]byte, error)
}

// Config is what a Service needs.
type Config struct {
	Store Store
	Now   func() time.Time // nil is time.Now
}

// Service keeps notes, safe for concurrent use.
type Service struct{ Config }

// New makes a Service.
func New(c Config) (*Service, error) {
	if c.Store == nil {
		return nil, errors.New("notebook: no store")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Service{c}, nil
}

// Reader is who reads: a user, and the organisations whose data they may read.
type Reader struct {
	User tahoe.Hash
	Orgs []tahoe.Hash
}

func newID() string { return strings.ToLower(rand.Text()) }

// isID tells what newID makes from what could be another key.
func isID(text string) bool {
	return len(text) == 26 && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

func load[T any](ctx context.Context, s *Service, key string) (value T, revision uint64, err error) {
	text, revision, err := s.Store.Get(ctx, key)
	if err != nil {
		return value, 0, err
	}
	if err := json.Unmarshal(text, &value); err != nil {
		return value, 0, fmt.Errorf("read stored %s: %w", key, err)
	}
	return value, revision, nil
}

func (s *Service) save(ctx context.Context, key string, value any, revision uint64) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return s.Store.Set(ctx, key, text, revision)
}

// forget removes a key, whoever else writes it; one that is not there is no error.
func (s *Service) forget(ctx context.Context, key string) error {
	for {
		_, revision, err := s.Store.Get(ctx, key)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if err = s.Store.Set(ctx, key, nil, revision); !errors.Is(err, ErrConflict) {
			return err
		}
	}
}

// mark puts down that there is something under a key, which may be there already.
func (s *Service) mark(ctx context.Context, key, value string) error {
	err := s.save(ctx, key, value, 0)
	if errors.Is(err, ErrConflict) {
		return nil
	}
	return err
}

// checkText asks for 1 to most characters, of which none controls anything but lines where these are allowed.
func checkText(what, text string, most int, lines bool) error {
	bad := func(r rune) bool { return unicode.IsControl(r) && (!lines || r != '\n' && r != '\t') }
	switch n := utf8.RuneCountInString(text); {
	case strings.TrimSpace(text) == "":
		return fmt.Errorf("%w: %s is empty", ErrInvalid, what)
	case n > most:
		return fmt.Errorf("%w: %s has %d characters, more than %d", ErrInvalid, what, n, most)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, bad):
		return fmt.Errorf("%w: %s holds what is no text", ErrInvalid, what)
	}
	return nil
}

func (r Reader) reads(org tahoe.Hash) bool { return !org.IsZero() && slices.Contains(r.Orgs, org) }
