// Package identity knows who may do what: users with their passwords, organisations with their members, administrators and reading
// lists, and the tokens that users sign in with. An organisation's reading list decides who reads its data, its users are its
// members, and its administrators may upload for it and change it.
//
// It does not know how it is stored (see Store) nor how a request carries a token.
//
//	ids, err := identity.New(identity.Config{Store: store, Keys: keys})
//	alice, err := ids.CreateUser(ctx, identity.User{Email: "alice@example.org", Name: "Alice"})
//	acme, err := ids.CreateOrg(ctx, alice.Hash, identity.Org{Name: "acme", Title: "Acme Inc."})
//	err = ids.SetPassword(ctx, alice.Hash, "a long sentence of hers")
//	alice, err = ids.SignIn(ctx, "alice@example.org", "a long sentence of hers", address)
//	token, err := ids.Issue(ctx, alice.Hash, 24*time.Hour)
//	caller, err := ids.Authenticate(ctx, token)
package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/tahoe"
)

// Store keeps small values under keys such as user.5e88…, each with a revision that changes with every write.
type Store interface {
	// Get reads a key, or returns an error that wraps ErrNotFound.
	Get(ctx context.Context, key string) (value []byte, revision uint64, err error)
	// Set writes a key that is at the given revision still, 0 being a key that is not there, or returns an error that wraps
	// ErrConflict.
	Set(ctx context.Context, key string, value []byte, revision uint64) error
	// List reads the values of all keys that begin with prefix, which ends in a dot.
	List(ctx context.Context, prefix string) ([][]byte, error)
}

// Config is what a Service needs.
type Config struct {
	Store Store
	Keys  *Keys            // sign tokens, see LoadOrCreateKeys
	Audit *audit.Trail     // is told of every change before it is made, and by NoteKeys; nil is none
	Now   func() time.Time // nil is time.Now
}

// Validate tells what is wrong with c.
func (c Config) Validate() error {
	switch {
	case c.Store == nil:
		return errors.New("identity: no store")
	case c.Keys == nil:
		return errors.New("identity: no signing keys")
	}
	return nil
}

// Service answers questions about identities, safe for concurrent use. What it holds itself is who failed to sign in of late.
type Service struct {
	Config

	brake  *brake
	hashes turns

	creating sync.Mutex // a user

	keysTold struct { // what the audit trail was told of the signing keys by this process
		sync.Mutex

		names []string
	}
}

// New makes a Service.
func New(c Config) (*Service, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Service{Config: c, brake: newBrake(), hashes: newTurns()}, nil
}

// Keys of the store.
const (
	userKeys     = "user."
	emailKeys    = "email."
	orgKeys      = "org."
	passwordKeys = "password."
	knownKeys    = "known."
	tokenKeys    = "tokens."
	signingKeys  = "signing.keys" // names of those that sign tokens, for the audit trail
)

// Concerns tells of a key of the store whose rights or tokens a change of it may change: a user's, by hash, or, of an organisation, anybody's.
func Concerns(key string) (user string, any bool) {
	for _, kind := range []string{tokenKeys, userKeys} {
		if user, ok := strings.CutPrefix(key, kind); ok {
			return user, true
		}
	}
	return "", strings.HasPrefix(key, orgKeys)
}

func keyOf(kind string, h tahoe.Hash) string { return kind + h.String() }

func (s *Service) load(ctx context.Context, key string, into any) (revision uint64, err error) {
	text, revision, err := s.Store.Get(ctx, key)
	if err != nil {
		return 0, err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return 0, fmt.Errorf("read stored %s: %w", key, err)
	}
	return revision, nil
}

// save writes what changes nobody's rights; all else is for commit.
func (s *Service) save(ctx context.Context, key string, value any, revision uint64) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return s.Store.Set(ctx, key, text, revision)
}

// commit is the one way by which who may do what is changed: it writes to the audit trail what is about to be done, and then does it. What
// cannot be written there is not done. One change may be several deeds.
func (s *Service) commit(ctx context.Context, deeds []audit.Entry, key string, value any, revision uint64) error {
	if len(deeds) == 0 {
		return s.save(ctx, key, value, revision)
	}
	return s.Audit.Do(ctx, deeds[0], func() error { return s.commit(ctx, deeds[1:], key, value, revision) })
}

// update changes the value of a key by f, which tells what deeds that is, as often as somebody else was faster. A key that is not there is a
// zero value.
func update[T any](ctx context.Context, s *Service, key string, f func(*T) ([]audit.Entry, error)) (T, error) {
	for {
		var v T
		revision, err := s.load(ctx, key, &v)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return v, err
		}
		deeds, err := f(&v)
		if err != nil {
			return v, err
		}
		if err := s.commit(ctx, deeds, key, v, revision); !errors.Is(err, ErrConflict) {
			return v, err
		}
	}
}

func list[T any](ctx context.Context, s Store, prefix string) ([]T, error) {
	texts, err := s.List(ctx, prefix)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", prefix, err)
	}
	out := make([]T, len(texts))
	for i, text := range texts {
		if err := json.Unmarshal(text, &out[i]); err != nil {
			return nil, fmt.Errorf("read stored %s: %w", prefix, err)
		}
	}
	return out, nil
}
