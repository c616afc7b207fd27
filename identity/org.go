package identity

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/tahoe"
)

// Org is an organisation.
type Org struct {
	Hash   tahoe.Hash   `json:"hash"`
	Name   string       `json:"name"` // short and unique, what the hash is made of
	Title  string       `json:"title"`
	Users  []tahoe.Hash `json:"users"`  // members
	Admins []tahoe.Hash `json:"admins"` // all of them are members
	ACL    []tahoe.Hash `json:"acl"`    // who reads its data; members are on it unless they were taken off
}

// CreateOrg adds o, which needs a Name and may have a Title, Users and Admins. Without Admins, creator administers it. Administrators
// must be among the users, and all of them read. Whether the caller may do so is the caller's to check.
func (s *Service) CreateOrg(ctx context.Context, creator tahoe.Hash, o Org) (Org, error) {
	o.Title = cmp.Or(o.Title, o.Name)
	if err := errors.Join(checkText("an organisation's name", o.Name, 1, maxName), checkText("a title", o.Title, 1, maxTitle)); err != nil {
		return Org{}, err
	}
	if len(o.Admins) == 0 {
		o.Admins, o.Users = []tahoe.Hash{creator}, append([]tahoe.Hash{creator}, o.Users...)
	}
	o.Users, o.Admins = distinct(o.Users), distinct(o.Admins)
	for _, h := range slices.Concat(o.Admins, o.Users) {
		if err := s.mustBeUser(ctx, h); err != nil {
			return Org{}, err
		}
	}
	for _, h := range o.Admins {
		if !slices.Contains(o.Users, h) {
			return Org{}, &MemberError{"An administrator must be among the users.", "Admin must be an user", h}
		}
	}
	o.Hash, o.ACL = tahoe.OrgHash(o.Name), slices.Clone(o.Users)
	if _, err := s.Org(ctx, o.Hash); err == nil { // so that the trail does not say that it was made, and then that it was not
		return Org{}, fmt.Errorf("organisation %s: %w", o.Name, ErrExists)
	}
	deed := audit.Entry{Action: audit.OrgCreate, Orgs: []tahoe.Hash{o.Hash}, Object: o.Hash.String(), Detail: s.changes(ctx, Org{}, o)}
	deed.Detail["name"] = o.Name
	if err := s.commit(ctx, []audit.Entry{deed}, keyOf(orgKeys, o.Hash), o, 0); err != nil {
		if errors.Is(err, ErrConflict) {
			return Org{}, fmt.Errorf("organisation %s: %w", o.Name, ErrExists)
		}
		return Org{}, fmt.Errorf("create organisation %s: %w", o.Name, err)
	}
	return o, nil
}

// distinct leaves out what is there twice.
func distinct(hashes []tahoe.Hash) []tahoe.Hash {
	out := make([]tahoe.Hash, 0, len(hashes))
	for _, h := range hashes {
		out = with(out, h)
	}
	return out
}

func with(list []tahoe.Hash, h tahoe.Hash) []tahoe.Hash {
	if slices.Contains(list, h) {
		return list
	}
	return append(list, h)
}

// Org finds an organisation by hash; ErrNotFound if there is none.
func (s *Service) Org(ctx context.Context, org tahoe.Hash) (Org, error) {
	var o Org
	if _, err := s.load(ctx, keyOf(orgKeys, org), &o); err != nil {
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

// Orgs lists all organisations by name.
func (s *Service) Orgs(ctx context.Context) ([]Org, error) {
	orgs, err := list[Org](ctx, s.Store, orgKeys)
	slices.SortFunc(orgs, func(a, b Org) int { return cmp.Compare(a.Name, b.Name) })
	return orgs, err
}

// Sees is how restrictively marked the organisation's events may be that user sees, who is on its reading list: members see what is for
// members, administrators all.
func (o Org) Sees(user tahoe.Hash) tahoe.Marking {
	switch {
	case slices.Contains(o.Admins, user):
		return tahoe.Red
	case slices.Contains(o.Users, user):
		return tahoe.Strict
	}
	return tahoe.Amber
}

// Readable lists the organisations whose data user may read, by name. A disabled user reads nothing.
func (s *Service) Readable(ctx context.Context, user tahoe.Hash) ([]Org, error) {
	u, err := s.User(ctx, user)
	if errors.Is(err, ErrNotFound) || err == nil && u.Disabled {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
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
