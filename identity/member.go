package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/tahoe"
)

// Role is what a user is to an organisation. A higher one includes the lower.
type Role int

// The roles, lowest first.
const (
	Reader Role = iota // on the reading list
	Member
	Admin
)

// ParseRole reads reader, member or admin.
func ParseRole(text string) (Role, error) {
	switch text {
	case "reader":
		return Reader, nil
	case "member":
		return Member, nil
	case "admin":
		return Admin, nil
	}
	return 0, fmt.Errorf("%w: a role is reader, member or admin, not %q", ErrInvalid, text)
}

// MemberError tells why an organisation's people cannot be changed in a way. It is an ErrRole.
type MemberError struct {
	Text    string // for people, who know which user is meant
	classic string
	user    tahoe.Hash
}

func (e *MemberError) Error() string { return e.Text }

// Classic is what the classic API says.
func (e *MemberError) Classic() string { return e.classic + " = " + e.user.String() + "!" }

// Is makes every MemberError an ErrRole.
func (e *MemberError) Is(target error) bool { return target == ErrRole }

func (s *Service) mustBeUser(ctx context.Context, h tahoe.Hash) error {
	_, err := s.User(ctx, h)
	if errors.Is(err, ErrNotFound) {
		return errors.Join(&UnknownUserError{h.String()}, ErrNotFound)
	}
	return err
}

// UnknownUserError says that a text is no user's hash, in the words of the classic API.
type UnknownUserError struct{ Text string }

func (e *UnknownUserError) Error() string { return fmt.Sprintf("Invalid user hash=%s", e.Text) }

// changeOrg changes an organisation that is there.
func (s *Service) changeOrg(ctx context.Context, org tahoe.Hash, f func(*Org) error) (Org, error) {
	o, err := update(ctx, s, keyOf(orgKeys, org), func(o *Org) ([]audit.Entry, error) {
		if o.Hash != org {
			return nil, ErrNotFound
		}
		before := Org{Users: slices.Clone(o.Users), Admins: slices.Clone(o.Admins), ACL: slices.Clone(o.ACL)}
		err := f(o)
		return []audit.Entry{{Action: audit.OrgMembers, Orgs: []tahoe.Hash{org}, Object: org.String(), Detail: s.changes(ctx, before, *o)}}, err
	})
	if err != nil {
		return Org{}, fmt.Errorf("change organisation %s: %w", org, err)
	}
	return o, nil
}

// changes tells of each user whose part in the organisation differs afterwards what they are then, by e-mail address, as the audit trail has it.
func (s *Service) changes(ctx context.Context, before, after Org) map[string]string {
	people := map[string]string{}
	for _, h := range slices.Concat(before.Admins, before.Users, before.ACL, after.Admins, after.Users, after.ACL) {
		now := after.partOf(h)
		if now == before.partOf(h) {
			continue
		}
		name := h.String()
		if u, err := s.User(ctx, h); err == nil { // else the hash tells as well who it is
			name = u.Email
		}
		people[name] = now
	}
	return people
}

// partOf says in words what a user is to the organisation.
func (o *Org) partOf(h tahoe.Hash) string {
	part := "nothing"
	switch {
	case slices.Contains(o.Admins, h):
		part = "admin"
	case slices.Contains(o.Users, h):
		part = "member"
	case slices.Contains(o.ACL, h):
		return "reader"
	}
	if part != "nothing" && !slices.Contains(o.ACL, h) {
		part += " who does not read"
	}
	return part
}

// grant gives a role and what it includes.
func (o *Org) grant(user tahoe.Hash, role Role) {
	o.ACL = with(o.ACL, user)
	if role >= Member {
		o.Users = with(o.Users, user)
	}
	if role >= Admin {
		o.Admins = with(o.Admins, user)
	}
}

// part is the list of who has a role.
func (o *Org) part(role Role) []tahoe.Hash { return [...][]tahoe.Hash{o.ACL, o.Users, o.Admins}[role] }

// Grant gives user a role in org. A user who has it already is no error.
func (s *Service) Grant(ctx context.Context, org, user tahoe.Hash, role Role) (Org, error) {
	if err := s.mustBeUser(ctx, user); err != nil {
		return Org{}, err
	}
	return s.changeOrg(ctx, org, func(o *Org) error { o.grant(user, role); return nil })
}

// SetRole makes role all that user is to org: it takes away what goes beyond. With noRead, a member is not on the reading list. An
// organisation keeps its last administrator.
func (s *Service) SetRole(ctx context.Context, org, user tahoe.Hash, role Role, noRead bool) (Org, error) {
	if noRead && role != Member {
		return Org{}, fmt.Errorf("%w: only a member can be kept from reading", ErrInvalid)
	}
	if err := s.mustBeUser(ctx, user); err != nil {
		return Org{}, err
	}
	return s.changeOrg(ctx, org, func(o *Org) error {
		if role < Admin && slices.Contains(o.Admins, user) {
			if err := o.removeAdmin(user); err != nil {
				return err
			}
		}
		if role < Member {
			o.Users = without(o.Users, user)
		}
		o.grant(user, role)
		if noRead {
			o.ACL = without(o.ACL, user)
		}
		return nil
	})
}

// Add gives all users the role, or nobody: one who has it already is an error.
func (s *Service) Add(ctx context.Context, org tahoe.Hash, users []tahoe.Hash, role Role) (Org, error) {
	users = distinct(users)
	for _, u := range users {
		if err := s.mustBeUser(ctx, u); err != nil {
			return Org{}, err
		}
	}
	texts := [...][2]string{
		{"The user is a reader already.", "User already in ACL"}, {"The user is a member already.", "User already in Org"},
		{"The user is an administrator already.", "User is already admin"},
	}
	return s.changeOrg(ctx, org, func(o *Org) error {
		for _, u := range users {
			if slices.Contains(o.part(role), u) {
				return &MemberError{texts[role][0], texts[role][1], u}
			}
			o.grant(u, role)
		}
		return nil
	})
}

// Removal says what Remove takes away. All is whatever a user is.
type Removal struct{ Reader, Member, Admin, All bool }

// Remove takes roles from all users, or from nobody: who does not have one is an error, and an organisation keeps its last
// administrator. Who stops being a member stops reading too.
func (s *Service) Remove(ctx context.Context, org tahoe.Hash, users []tahoe.Hash, what Removal) (Org, error) {
	users = distinct(users)
	for _, u := range users {
		if err := s.mustBeUser(ctx, u); err != nil {
			return Org{}, err
		}
	}
	return s.changeOrg(ctx, org, func(o *Org) error {
		for _, u := range users {
			if err := o.remove(u, what); err != nil {
				return err
			}
		}
		return nil
	})
}

// remove goes from the highest role down, so that an administrator can be removed altogether at once.
func (o *Org) remove(u tahoe.Hash, what Removal) error {
	reads := slices.Contains(o.ACL, u)
	if what.All {
		what = Removal{Admin: slices.Contains(o.Admins, u), Member: slices.Contains(o.Users, u), Reader: reads}
		if what == (Removal{}) {
			return &MemberError{"The user is nothing to the organisation.", "User is not in ACL", u}
		}
	}
	if what.Reader && !reads {
		return &MemberError{"The user is no reader.", "User is not in ACL", u}
	}
	if what.Admin {
		if err := o.removeAdmin(u); err != nil {
			return err
		}
	}
	runs := slices.Contains(o.Admins, u)
	switch {
	case what.Reader && runs:
		return &MemberError{"An administrator cannot be taken off the reading list.", "Cannot delete admin from ACL", u}
	case what.Member && !slices.Contains(o.Users, u):
		return &MemberError{"The user is no member.", "User is not in org", u}
	case what.Member && runs:
		return &MemberError{"The user is an administrator, and so a member.", "User is admin", u}
	}
	if what.Member {
		o.Users = without(o.Users, u)
	}
	if what.Member || what.Reader {
		o.ACL = without(o.ACL, u)
	}
	return nil
}

func (o *Org) removeAdmin(u tahoe.Hash) error {
	switch {
	case !slices.Contains(o.Admins, u):
		return &MemberError{"The user is no administrator.", "User is not admin", u}
	case len(o.Admins) == 1:
		return &MemberError{"The user is the only administrator. Make somebody else one first.", "User is only admin", u}
	}
	o.Admins = without(o.Admins, u)
	return nil
}

func without(list []tahoe.Hash, h tahoe.Hash) []tahoe.Hash {
	return slices.DeleteFunc(list, func(x tahoe.Hash) bool { return x == h })
}
