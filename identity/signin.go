package identity

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/tahoe"
)

// SignIn checks an e-mail address, in any case, and a password that came from an address of the network. It answers ErrSignIn
// whatever of both is wrong, and after as long. Who failed too often gets a WaitError, be the password right or not; see brake.
func (s *Service) SignIn(ctx context.Context, email, password string, from netip.Addr) (User, error) {
	u, err := s.holder(ctx, email)
	exists := err == nil
	if err != nil && !errors.Is(err, ErrNotFound) {
		return User{}, fmt.Errorf("sign in: %w", err)
	}
	d, known, err := s.credentials(ctx, u.Hash, from)
	if err != nil {
		return User{}, fmt.Errorf("sign in: %w", err)
	}
	try := s.brake.begin(s.Now(), strings.ToLower(email), from, known)
	if try.wait > 0 {
		return User{}, &WaitError{try.wait}
	}
	var right bool
	if err := s.hashes.run(ctx, known, func() { right = d.matches(password) }); err != nil {
		return User{}, fmt.Errorf("sign in: %w", err)
	}
	if !right || !exists || u.Disabled {
		return User{}, ErrSignIn
	}
	s.brake.succeed(try)
	if err := s.remember(ctx, u.Hash, from); err != nil {
		return User{}, fmt.Errorf("sign in: %w", err)
	}
	return u, nil
}

// credentials reads what a password of the user is compared with, and whether the user is known at the address. It asks the store as
// much about somebody who is not there.
func (s *Service) credentials(ctx context.Context, user tahoe.Hash, from netip.Addr) (d digest, known bool, err error) {
	var text string
	var places []place
	_, err1 := s.load(ctx, keyOf(passwordKeys, user), &text)
	_, err2 := s.load(ctx, keyOf(knownKeys, user), &places)
	for _, err := range []error{err1, err2} {
		if err != nil && !errors.Is(err, ErrNotFound) {
			return d, false, err
		}
	}
	known = slices.ContainsFunc(places, func(p place) bool { return p.is(from, s.Now()) })
	if text == "" {
		return nobody, known, nil
	}
	d, err = parseDigest(text)
	return d, known, err
}

// SetPassword gives the user a password, whether or not they had one, and ends their sessions. Tokens that they made go on.
func (s *Service) SetPassword(ctx context.Context, user tahoe.Hash, password string) error {
	u, err := s.User(ctx, user)
	if err != nil {
		return err
	}
	if err := CheckPassword(u, password); err != nil {
		return err
	}
	var text string
	if err := s.hashes.run(ctx, false, func() { text = hashPassword(password).String() }); err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	deed := audit.Entry{Action: audit.UserPassword, Object: user.String()}
	err = s.about(ctx, user, &deed)
	if err == nil {
		_, err = update(ctx, s, keyOf(passwordKeys, user), func(v *string) ([]audit.Entry, error) { *v = text; return []audit.Entry{deed}, nil })
	}
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	return s.EndSessions(ctx, user)
}

// ChangePassword is SetPassword for somebody who must show the old one, as if to sign in.
func (s *Service) ChangePassword(ctx context.Context, user tahoe.Hash, old, password string, from netip.Addr) error {
	u, err := s.User(ctx, user)
	if err != nil {
		return err
	}
	if err := CheckPassword(u, password); err != nil {
		return err
	}
	if _, err := s.SignIn(ctx, u.Email, old, from); err != nil {
		return err
	}
	return s.SetPassword(ctx, user, password)
}

// place is an address that a user signed in at.
type place struct {
	Address netip.Prefix `json:"address"`
	At      time.Time    `json:"at"`
}

const (
	maxPlaces  = 16
	placesLast = 90 * 24 * time.Hour
)

func (p place) is(from netip.Addr, now time.Time) bool {
	return p.Address == network(from) && now.Sub(p.At) < placesLast
}

// remember makes the user known at the address. It writes once a day at most.
func (s *Service) remember(ctx context.Context, user tahoe.Hash, from netip.Addr) error {
	now := s.Now()
	fresh := func(p place) bool { return p.is(from, now) && now.Sub(p.At) < 24*time.Hour }
	for {
		var places []place
		revision, err := s.load(ctx, keyOf(knownKeys, user), &places)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if slices.ContainsFunc(places, fresh) {
			return nil
		}
		others := slices.DeleteFunc(places, func(p place) bool { return p.is(from, now) || now.Sub(p.At) >= placesLast })
		others = append(others, place{network(from), now.UTC()})
		others = others[max(len(others)-maxPlaces, 0):]
		if err := s.save(ctx, keyOf(knownKeys, user), others, revision); !errors.Is(err, ErrConflict) {
			return err
		}
	}
}

// network is who one address stands for: itself, or the /64 that IPv6 gives to one site. Sign-ins without an address share the zero one.
func network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // of the zero address: the zero prefix
	return p
}
