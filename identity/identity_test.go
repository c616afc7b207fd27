package identity_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/tahoe"
)

func user(tb testing.TB, s *identity.Service, email string) identity.User {
	tb.Helper()
	u, err := s.CreateUser(tb.Context(), identity.User{Email: email})
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

func org(tb testing.TB, s *identity.Service, name string, creator identity.User) identity.Org {
	tb.Helper()
	o, err := s.CreateOrg(tb.Context(), creator.Hash, identity.Org{Name: name})
	if err != nil {
		tb.Fatal(err)
	}
	return o
}

// broken is a store that stops at the write of a kind of key, as a process does that is killed.
type broken struct {
	*store
	at string
}

func (b broken) Set(ctx context.Context, key string, value []byte, revision uint64) error {
	if strings.HasPrefix(key, b.at) {
		return errors.New("killed")
	}
	return b.store.Set(ctx, key, value, revision)
}

// TestUsersAreMadeAgain breaks off the making of a user at each write. There is no user then, and the next try makes them, with its password.
func TestUsersAreMadeAgain(t *testing.T) {
	s, m, _ := service(t)
	for i, at := range []string{"email.", "password.", "user."} {
		u := identity.User{Email: fmt.Sprintf("alice%d@example.org", i), Name: "Alice"}
		s.Store = broken{m, at}
		if _, err := s.CreateUserWith(t.Context(), u, "a sentence of hers"); err == nil {
			t.Fatalf("%s: no error", at)
		}
		s.Store = m
		if _, err := s.SignIn(t.Context(), u.Email, "a sentence of hers", netip.Addr{}); !errors.Is(err, identity.ErrSignIn) {
			t.Errorf("%s: nobody signs in: %v", at, err)
		}
		if _, err := s.CreateUserWith(t.Context(), u, "another sentence of hers"); err != nil {
			t.Errorf("%s: again: %v", at, err)
		}
		if _, err := s.CreateUserWith(t.Context(), u, "not a sentence of hers"); !errors.Is(err, identity.ErrExists) {
			t.Errorf("%s: once more: got %v, want ErrExists", at, err)
		}
		if _, err := s.SignIn(t.Context(), u.Email, "another sentence of hers", netip.Addr{}); err != nil {
			t.Errorf("%s: sign in: %v", at, err)
		}
	}
}

// TestDisablingMayBreakOff leaves the tokens of a user who is disabled; they are worthless when the user is enabled all the same.
func TestDisablingMayBreakOff(t *testing.T) {
	s, m, _ := service(t)
	alice := user(t, s, "alice@example.org")
	token := issue(t, s, alice)
	s.Store = broken{m, "tokens."}
	if _, err := s.Disable(t.Context(), alice.Hash, true); err == nil {
		t.Fatal("no error")
	}
	s.Store = m
	if _, err := s.Authenticate(t.Context(), token); !errors.Is(err, identity.ErrTokenDisabled) {
		t.Errorf("disabled: got %v", err)
	}
	if _, err := s.Disable(t.Context(), alice.Hash, false); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Authenticate(t.Context(), token); !errors.Is(err, identity.ErrTokenRevoked) {
		t.Errorf("enabled: got %v", err)
	}
	token = issue(t, s, alice)
	if _, err := s.Disable(t.Context(), alice.Hash, false); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Authenticate(t.Context(), token); err != nil {
		t.Errorf("who was enabled is enabled again: got %v", err)
	}
}

func TestUsersHaveTAHOEHashes(t *testing.T) {
	s, _, _ := service(t)
	plain := user(t, s, "a@example.org")
	super, err := s.CreateUser(t.Context(), identity.User{Email: "b@example.org", Name: "B", Super: true})
	if err != nil {
		t.Fatal(err)
	}
	if plain.Hash != tahoe.UserHash("a@example.org", false) || super.Hash != tahoe.UserHash("b@example.org", true) {
		t.Errorf("got %s and %s", plain.Hash, super.Hash)
	}
	if got, err := s.User(t.Context(), super.Hash); err != nil || got != super {
		t.Errorf("got %+v, %v, want %+v", got, err, super)
	}
	for _, u := range []identity.User{{Email: "a@example.org"}, {Email: "A@Example.org"}, {Email: "a@example.org", Super: true}, {Email: "b@example.org"}} {
		if _, err := s.CreateUser(t.Context(), u); !errors.Is(err, identity.ErrExists) {
			t.Errorf("%+v: got %v, want ErrExists", u, err)
		}
	}
	for _, text := range []string{"B@example.ORG", super.Hash.String()} {
		if got, err := s.FindUser(t.Context(), text); err != nil || got != super {
			t.Errorf("find %s: got %+v, %v", text, got, err)
		}
	}
	if all, err := s.Users(t.Context()); err != nil || len(all) != 2 {
		t.Errorf("got %v, %v, want 2 users", all, err)
	}
}

func TestCreatorRunsTheOrg(t *testing.T) {
	s, _, _ := service(t)
	alice, bob := user(t, s, "alice@example.org"), user(t, s, "bob@example.org")
	o := org(t, s, "acme", alice)
	if o.Hash != tahoe.OrgHash("acme") || o.Title != "acme" {
		t.Errorf("got %+v", o)
	}
	for _, text := range []string{"acme", o.Hash.String()} {
		if got, err := s.FindOrg(t.Context(), text); err != nil || got.Hash != o.Hash {
			t.Errorf("find %s: got %+v, %v", text, got, err)
		}
	}
	checkRoles(t, s, alice, o, true, true, true)
	checkRoles(t, s, bob, o, false, false, false)
	if _, err := s.CreateOrg(t.Context(), bob.Hash, identity.Org{Name: "acme"}); !errors.Is(err, identity.ErrExists) {
		t.Errorf("same name: got %v, want ErrExists", err)
	}
	if _, err := s.CreateOrg(t.Context(), tahoe.Hash{}, identity.Org{Name: "x"}); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("nobody's: got %v, want ErrNotFound", err)
	}
	for _, text := range []string{"none", strings.Repeat("0", 64), ""} {
		if _, err := s.FindOrg(t.Context(), text); !errors.Is(err, identity.ErrNotFound) {
			t.Errorf("find %q: got %v, want ErrNotFound", text, err)
		}
	}
	for _, none := range []tahoe.Hash{{}, alice.Hash} { // a user is no organisation
		if _, err := s.Administers(t.Context(), alice.Hash, none); !errors.Is(err, identity.ErrNotFound) {
			t.Errorf("%s: got %v, want ErrNotFound", none, err)
		}
	}
	if _, err := s.Grant(t.Context(), o.Hash, o.Hash, identity.Reader); !errors.Is(err, identity.ErrNotFound) { // nor the other way
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func checkRoles(t *testing.T, s *identity.Service, u identity.User, o identity.Org, reads, belongs, runs bool) {
	t.Helper()
	ctx := t.Context()
	readable, err1 := s.Readable(ctx, u.Hash)
	member, err2 := s.MemberOf(ctx, u.Hash)
	admin, err3 := s.AdminOf(ctx, u.Hash)
	administers, err4 := s.Administers(ctx, u.Hash, o.Hash)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	got := []bool{len(readable) == 1, len(member) == 1, len(admin) == 1, administers}
	if want := []bool{reads, belongs, runs, runs}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got reads, belongs, runs, administers %v, want %v", u.Email, got, want)
	}
}

func TestRolesIncludeTheLower(t *testing.T) {
	s, _, _ := service(t)
	o := org(t, s, "acme", user(t, s, "alice@example.org"))
	for role, want := range map[identity.Role][3]bool{
		identity.Reader: {true, false, false}, identity.Member: {true, true, false}, identity.Admin: {true, true, true},
	} {
		u := user(t, s, fmt.Sprintf("u%d@example.org", role))
		for range 2 {
			if _, err := s.Grant(t.Context(), o.Hash, u.Hash, role); err != nil {
				t.Fatal(err)
			}
		}
		checkRoles(t, s, u, o, want[0], want[1], want[2])
	}
	if got, _ := s.Org(t.Context(), o.Hash); len(got.ACL) != 4 || len(got.Users) != 3 || len(got.Admins) != 2 {
		t.Errorf("got %+v", got)
	}
	if _, err := s.Grant(t.Context(), o.Hash, tahoe.Hash{}, identity.Member); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("nobody: got %v, want ErrNotFound", err)
	}
}

func TestGrantsAtOnceAreAllKept(t *testing.T) {
	s, _, _ := service(t)
	o := org(t, s, "acme", user(t, s, "alice@example.org"))
	var wg sync.WaitGroup
	for i := range 20 {
		u := user(t, s, fmt.Sprintf("u%d@example.org", i))
		wg.Go(func() {
			if _, err := s.Grant(context.Background(), o.Hash, u.Hash, identity.Member); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got, err := s.Org(t.Context(), o.Hash); err != nil || len(got.Users) != 21 || len(got.ACL) != 21 {
		t.Errorf("got %d users and %d readers, %v, want 21", len(got.Users), len(got.ACL), err)
	}
}

func TestNamesAreChecked(t *testing.T) {
	s, _, _ := service(t)
	alice := user(t, s, "alice@example.org")
	for _, email := range []string{"", "a", "a@", "@b", "a b@c", "A <a@b.c>", "a@b\n", "a@b,c@d", strings.Repeat("a", 251) + "@b.c", "a\u200b@b.c"} {
		if _, err := s.CreateUser(t.Context(), identity.User{Email: email}); !errors.Is(err, identity.ErrInvalid) {
			t.Errorf("e-mail %q: got %v, want ErrInvalid", email, err)
		}
	}
	for _, name := range []string{"", " a", "a ", "a\x00", "a\nb", "\xff", strings.Repeat("ä", 65), "a\u202eb"} {
		if _, err := s.CreateOrg(t.Context(), alice.Hash, identity.Org{Name: name, Title: "t"}); !errors.Is(err, identity.ErrInvalid) {
			t.Errorf("name %q: got %v, want ErrInvalid", name, err)
		}
	}
	for _, name := range []string{"a", "unr honeypot", strings.Repeat("ä", 64), "公司"} {
		if _, err := s.CreateOrg(t.Context(), alice.Hash, identity.Org{Name: name}); err != nil {
			t.Errorf("name %q: %v", name, err)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	keys, err := identity.NewKeys(testKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]identity.Config{"no store": {Keys: keys}, "no keys": {Store: newStore(t)}} {
		if _, err := identity.New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for _, keys := range [][][]byte{nil, {make([]byte, 31)}} {
		if _, err := identity.NewKeys(keys...); err == nil {
			t.Errorf("%d keys are taken", len(keys))
		}
	}
}
