// Package identity knows who may do what: users, organisations with their members, administrators and access lists, and the
// tokens that users sign in with. An organisation's access list decides who reads its data, its users are its members, and its
// administrators may upload for it and change it.
//
// It does not know how it is stored (see Store) nor how a request carries a token.
//
//	ids, err := identity.New(identity.Config{Store: store, Key: key})
//	alice, err := ids.CreateUser(ctx, identity.User{Email: "alice@example.org", Name: "Alice"})
//	acme, err := ids.CreateOrg(ctx, alice.Hash, identity.Org{Name: "acme", Title: "Acme Inc."})
//	token, err := ids.Issue(ctx, alice.Hash, 24*time.Hour)
//	user, err := ids.Authenticate(ctx, token)
package identity

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

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
	Key   []byte           // signs tokens; at least 32 bytes, see LoadOrCreateKey
	Now   func() time.Time // nil is time.Now
}

// Validate tells what is wrong with c.
func (c Config) Validate() error {
	if c.Store == nil {
		return errors.New("identity: no store")
	}
	if len(c.Key) < minKey {
		return fmt.Errorf("identity: signing key has %d bytes, at least %d are needed", len(c.Key), minKey)
	}
	return nil
}

// Service answers questions about identities, safe for concurrent use. It holds no state of its own.
type Service struct {
	Config
}

// New makes a Service.
func New(c Config) (*Service, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Service{Config: c}, nil
}

// User is a person or a program that signs in.
type User struct {
	Hash  tahoe.Hash `json:"hash"`
	Email string     `json:"email"`
	Name  string     `json:"name"`
	Super bool       `json:"super,omitempty"` // may create users and organisations
}

// Org is an organisation.
type Org struct {
	Hash   tahoe.Hash   `json:"hash"`
	Name   string       `json:"name"` // short and unique, what the hash is made of
	Title  string       `json:"title"`
	Users  []tahoe.Hash `json:"users"`  // members
	Admins []tahoe.Hash `json:"admins"` // all of them are members
	ACL    []tahoe.Hash `json:"acl"`    // who reads its data; members are on it unless they were taken off
}

// CreateUser adds u, whose hash it fills in. Whether the caller may do so is the caller's to check.
func (s *Service) CreateUser(ctx context.Context, u User) (User, error) {
	if err := errors.Join(checkEmail(u.Email), checkText("user's name", u.Name, 0, maxTitle)); err != nil {
		return User{}, err
	}
	u.Hash = tahoe.UserHash(u.Email, u.Super)
	if err := s.save(ctx, userKey(u.Hash), u, 0); err != nil {
		if errors.Is(err, ErrConflict) {
			return User{}, fmt.Errorf("user %s: %w", u.Email, ErrExists)
		}
		return User{}, fmt.Errorf("create user %s: %w", u.Email, err)
	}
	return u, nil
}

// CreateOrg adds o, which needs a Name and may have a Title, with creator as administrator, member and reader. Whether the caller
// may do so is the caller's to check.
func (s *Service) CreateOrg(ctx context.Context, creator tahoe.Hash, o Org) (Org, error) {
	o.Title = cmp.Or(o.Title, o.Name)
	if err := errors.Join(checkText("organisation's name", o.Name, 1, maxName), checkText("title", o.Title, 1, maxTitle)); err != nil {
		return Org{}, err
	}
	if _, err := s.User(ctx, creator); err != nil {
		return Org{}, err
	}
	o.Hash = tahoe.OrgHash(o.Name)
	o.Users, o.Admins, o.ACL = []tahoe.Hash{creator}, []tahoe.Hash{creator}, []tahoe.Hash{creator}
	if err := s.save(ctx, orgKey(o.Hash), o, 0); err != nil {
		if errors.Is(err, ErrConflict) {
			return Org{}, fmt.Errorf("organisation %s: %w", o.Name, ErrExists)
		}
		return Org{}, fmt.Errorf("create organisation %s: %w", o.Name, err)
	}
	return o, nil
}

// Role is what a user is to an organisation. A higher one includes the lower.
type Role int

// The roles, lowest first.
const (
	Reader Role = iota // on the access list
	Member
	Admin
)

// Grant gives user a role in org. A user who has it already is no error.
func (s *Service) Grant(ctx context.Context, org, user tahoe.Hash, role Role) (Org, error) {
	if _, err := s.User(ctx, user); err != nil {
		return Org{}, err
	}
	for {
		var o Org
		revision, err := s.load(ctx, orgKey(org), &o)
		if err != nil {
			return Org{}, fmt.Errorf("organisation %s: %w", org, err)
		}
		o.ACL = with(o.ACL, user)
		if role >= Member {
			o.Users = with(o.Users, user)
		}
		if role >= Admin {
			o.Admins = with(o.Admins, user)
		}
		switch err := s.save(ctx, orgKey(org), o, revision); {
		case err == nil:
			return o, nil
		case !errors.Is(err, ErrConflict):
			return Org{}, fmt.Errorf("change organisation %s: %w", o.Name, err)
		}
	}
}

func with(list []tahoe.Hash, h tahoe.Hash) []tahoe.Hash {
	if slices.Contains(list, h) {
		return list
	}
	return append(list, h)
}

// User finds a user by hash; ErrNotFound if there is none.
func (s *Service) User(ctx context.Context, user tahoe.Hash) (User, error) {
	var u User
	if _, err := s.load(ctx, userKey(user), &u); err != nil {
		return User{}, fmt.Errorf("user %s: %w", user, err)
	}
	return u, nil
}

// Org finds an organisation by hash; ErrNotFound if there is none.
func (s *Service) Org(ctx context.Context, org tahoe.Hash) (Org, error) {
	var o Org
	if _, err := s.load(ctx, orgKey(org), &o); err != nil {
		return Org{}, fmt.Errorf("organisation %s: %w", org, err)
	}
	return o, nil
}

// FindOrg finds an organisation by the text of its hash or else by its name; ErrNotFound if there is none.
func (s *Service) FindOrg(ctx context.Context, text string) (Org, error) {
	if h, err := tahoe.ParseHash(text); err == nil {
		if o, err := s.Org(ctx, h); !errors.Is(err, ErrNotFound) {
			return o, err
		}
	}
	o, err := s.Org(ctx, tahoe.OrgHash(text))
	if errors.Is(err, ErrNotFound) {
		return Org{}, fmt.Errorf("organisation %q: %w", text, ErrNotFound)
	}
	return o, err
}

// Users lists all users by e-mail address.
func (s *Service) Users(ctx context.Context) ([]User, error) {
	users, err := list[User](ctx, s.Store, userKeys)
	slices.SortFunc(users, func(a, b User) int { return cmp.Compare(a.Email, b.Email) })
	return users, err
}

// Orgs lists all organisations by name.
func (s *Service) Orgs(ctx context.Context) ([]Org, error) {
	orgs, err := list[Org](ctx, s.Store, orgKeys)
	slices.SortFunc(orgs, func(a, b Org) int { return cmp.Compare(a.Name, b.Name) })
	return orgs, err
}

// Readable lists the organisations whose data user may read, by name.
func (s *Service) Readable(ctx context.Context, user tahoe.Hash) ([]Org, error) {
	return s.orgsWith(ctx, func(o Org) []tahoe.Hash { return o.ACL }, user)
}

// MemberOf lists the organisations that user belongs to, by name.
func (s *Service) MemberOf(ctx context.Context, user tahoe.Hash) ([]Org, error) {
	return s.orgsWith(ctx, func(o Org) []tahoe.Hash { return o.Users }, user)
}

// AdminOf lists the organisations that user administers, by name.
func (s *Service) AdminOf(ctx context.Context, user tahoe.Hash) ([]Org, error) {
	return s.orgsWith(ctx, func(o Org) []tahoe.Hash { return o.Admins }, user)
}

func (s *Service) orgsWith(ctx context.Context, part func(Org) []tahoe.Hash, user tahoe.Hash) ([]Org, error) {
	orgs, err := s.Orgs(ctx)
	return slices.DeleteFunc(orgs, func(o Org) bool { return !slices.Contains(part(o), user) }), err
}

// Administers tells whether user is an administrator of org; ErrNotFound if there is no such organisation.
func (s *Service) Administers(ctx context.Context, user, org tahoe.Hash) (bool, error) {
	o, err := s.Org(ctx, org)
	return err == nil && slices.Contains(o.Admins, user), err
}

const (
	userKeys    = "user."
	orgKeys     = "org."
	revokedKeys = "revoked."
)

func userKey(h tahoe.Hash) string { return userKeys + h.String() }
func orgKey(h tahoe.Hash) string  { return orgKeys + h.String() }

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

func (s *Service) save(ctx context.Context, key string, value any, revision uint64) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return s.Store.Set(ctx, key, text, revision)
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
