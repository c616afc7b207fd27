package identity_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cybexp/cybexp/identity"
)

const good = "four words in a row"

var (
	home   = netip.MustParseAddr("192.0.2.1")
	abroad = netip.MustParseAddr("198.51.100.7")
)

// member is a user with a password.
func member(tb testing.TB, s *identity.Service, email string) identity.User {
	tb.Helper()
	u := user(tb, s, email)
	if err := s.SetPassword(tb.Context(), u.Hash, good); err != nil {
		tb.Fatal(err)
	}
	return u
}

func wantErr(t *testing.T, s *identity.Service, email, password string, from netip.Addr, want error) {
	t.Helper()
	if _, err := s.SignIn(t.Context(), email, password, from); !errors.Is(err, want) {
		t.Errorf("%s from %s: got %v, want %v", email, from, err, want)
	}
}

// waits tells how long a try is told to wait; 0 if it is looked at.
func waits(t *testing.T, s *identity.Service, email, password string, from netip.Addr) time.Duration {
	t.Helper()
	_, err := s.SignIn(t.Context(), email, password, from)
	var w *identity.WaitError
	if errors.As(err, &w) {
		return w.Wait
	}
	if err != nil && !errors.Is(err, identity.ErrSignIn) {
		t.Fatal(err)
	}
	return 0
}

func TestSignIn(t *testing.T) {
	s, _, _ := service(t)
	alice := member(t, s, "Alice@example.org")
	user(t, s, "bob@example.org")
	for _, email := range []string{"Alice@example.org", "alice@EXAMPLE.org"} {
		if got, err := s.SignIn(t.Context(), email, good, home); err != nil || got != alice {
			t.Errorf("%s: got %+v, %v, want %+v", email, got, err, alice)
		}
	}
	for _, email := range []string{"Alice@example.org", "bob@example.org", "nobody@example.org", "", alice.Hash.String(), strings.Repeat("x", 1<<16)} {
		for _, password := range []string{"", "four words in a rov", good + " ", strings.Repeat("x", 1<<16)} {
			wantErr(t, s, email, password, netip.Addr{}, identity.ErrSignIn)
			_ = waits(t, s, "other"+email, password, abroad)
		}
	}
}

// TestSignInTakesAsLong holds that a password is hashed, at the same cost, for who is there, who has none and who is not there: when no
// hash can be made, none of them gets an answer.
func TestSignInTakesAsLong(t *testing.T) {
	s, _, _ := service(t)
	member(t, s, "alice@example.org")
	user(t, s, "bob@example.org")
	emails := []string{"alice@example.org", "bob@example.org", "nobody@example.org"}
	release := s.TakeTurns()
	for _, email := range emails {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		if _, err := s.SignIn(ctx, email, "a wrong one of course", abroad); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v before a hash could be made", email, err)
		}
		cancel()
	}
	release()
	for _, email := range emails {
		wantErr(t, s, email, "a wrong one of course", abroad, identity.ErrSignIn)
	}
	if !identity.SameCost() {
		t.Error("somebody without a password costs something else")
	}
}

// TestKnownUsersDoNotQueue signs in where the user is known while others' guesses take all turns.
func TestKnownUsersDoNotQueue(t *testing.T) {
	s, _, _ := service(t)
	member(t, s, "alice@example.org")
	wantErr(t, s, "alice@example.org", good, home, nil)
	defer s.TakeTurns()()
	wantErr(t, s, "alice@example.org", good, home, nil)
}

func TestFailuresAreSlowedDown(t *testing.T) {
	for _, email := range []string{"alice@example.org", "nobody@example.org"} {
		t.Run(email, func(t *testing.T) {
			s, _, c := service(t)
			member(t, s, "alice@example.org")
			for i := range 6 {
				if w := waits(t, s, email, "wrong", abroad); w != 0 {
					t.Fatalf("try %d waits %v", i, w)
				}
			}
			for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900} {
				if got := waits(t, s, email, good, abroad); got != want*time.Second {
					t.Errorf("got %v, want %vs", got, int(want))
				}
				c.Time = c.Add(want * time.Second)
				if w := waits(t, s, strings.ToUpper(email), "wrong", abroad); w != 0 {
					t.Errorf("after the wait: told to wait %v", w)
				}
			}
		})
	}
}

func TestNobodyLocksAnotherOut(t *testing.T) {
	s, _, _ := service(t)
	alice := member(t, s, "alice@example.org")
	for i := range 200 {
		_ = waits(t, s, "alice@example.org", "wrong", netip.AddrFrom4([4]byte{203, 0, 113, byte(i % 4)}))
	}
	for _, from := range []netip.Addr{home, abroad} { // neither was seen before
		if got, err := s.SignIn(t.Context(), "alice@example.org", good, from); err != nil || got != alice {
			t.Errorf("from %s: got %v", from, err)
		}
	}
}

func TestKnownUsersAreNotHeldUpByTheirAddress(t *testing.T) {
	s, _, _ := service(t)
	member(t, s, "alice@example.org")
	member(t, s, "bob@example.org")
	wantErr(t, s, "alice@example.org", good, home, nil)
	for i := range 51 { // somebody tries one password at many accounts
		_ = waits(t, s, fmt.Sprintf("user%d@example.org", i), "wrong", home)
	}
	if w := waits(t, s, "bob@example.org", good, home); w <= 0 || w > time.Minute {
		t.Errorf("somebody new at the address waits %v, want up to a minute", w)
	}
	wantErr(t, s, "alice@example.org", good, home, nil)
}

func TestSixIsCountedByNetwork(t *testing.T) {
	s, _, _ := service(t)
	member(t, s, "alice@example.org")
	for i := range 6 {
		_ = waits(t, s, "alice@example.org", "wrong", netip.MustParseAddr(fmt.Sprintf("2001:db8::%d", i+1)))
	}
	if w := waits(t, s, "alice@example.org", good, netip.MustParseAddr("2001:db8::99")); w == 0 {
		t.Error("another address of the /64 does not wait")
	}
	wantErr(t, s, "alice@example.org", good, netip.MustParseAddr("2001:db8:0:1::1"), nil)
}

func TestTriesAtOnceCount(t *testing.T) {
	s, _, _ := service(t)
	member(t, s, "alice@example.org")
	const tries = 30
	looked := make(chan bool, tries)
	for range tries {
		go func() {
			_, err := s.SignIn(context.Background(), "alice@example.org", "wrong", abroad)
			looked <- errors.Is(err, identity.ErrSignIn)
		}()
	}
	n := 0
	for range tries {
		if <-looked {
			n++
		}
	}
	if n != 6 {
		t.Errorf("%d tries were looked at, want 6", n)
	}
}

func TestPasswordIsChanged(t *testing.T) {
	s, _, _ := service(t)
	alice := member(t, s, "alice@example.org")
	session, _, err := s.IssueToken(t.Context(), alice.Hash, identity.Token{Right: identity.Full, Session: true}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	token := issue(t, s, alice)
	if err := s.ChangePassword(t.Context(), alice.Hash, "wrong", "another good sentence", home); !errors.Is(err, identity.ErrSignIn) {
		t.Errorf("without the old: got %v, want ErrSignIn", err)
	}
	if err := s.ChangePassword(t.Context(), alice.Hash, good, "short", home); !errors.Is(err, identity.ErrPassword) {
		t.Errorf("to a bad one: got %v, want ErrPassword", err)
	}
	if err := s.ChangePassword(t.Context(), alice.Hash, good, "another good sentence", home); err != nil {
		t.Fatal(err)
	}
	wantErr(t, s, "alice@example.org", good, abroad, identity.ErrSignIn)
	wantErr(t, s, "alice@example.org", "another good sentence", home, nil)
	if _, err := s.Authenticate(t.Context(), session); !errors.Is(err, identity.ErrTokenRevoked) {
		t.Errorf("the session: got %v, want ErrTokenRevoked", err)
	}
	if _, err := s.Authenticate(t.Context(), token); err != nil {
		t.Errorf("the token: %v", err)
	}
	if got, err := s.User(t.Context(), alice.Hash); err != nil || got != alice {
		t.Errorf("the user is another: %+v, %v", got, err)
	}
}

func TestPasswordsComposeAlike(t *testing.T) {
	s, _, _ := service(t)
	u := user(t, s, "a@example.org")
	if err := s.SetPassword(t.Context(), u.Hash, "caf\u00e9 con leche"); err != nil {
		t.Fatal(err)
	}
	wantErr(t, s, "a@example.org", "cafe\u0301 con leche", home, nil)
}

func TestPasswordRules(t *testing.T) {
	u := identity.User{Email: "alice.liddell@example.org", Name: "Alice Liddell"}
	for _, p := range []string{
		"", "eleven char", "password1234", "Password!!!!!", "12345passwd12345", "123456789012", "987654321098", "aaaaaaaaaaaa", "abcabcabcabc",
		"qwertyuiopasdf", "alice.liddell", "Alice.Liddell@example.org", "alice liddell 1", "abcdefghijklm", "iloveyouforever!", "cybexp-cybexp",
		strings.Repeat("ab c", 65), "tab\tin the middle", "bad \xff bytes in it", "CorrectHorseBatteryStaple",
	} {
		if err := identity.CheckPassword(u, p); !errors.Is(err, identity.ErrPassword) {
			t.Errorf("%q: got %v, want ErrPassword", p, err)
		}
	}
	for _, p := range []string{good, "839204715638", "nur kleine buchstaben", "密码很长很长很长的句子啊", "xK9#mPq2$vLn", strings.Repeat("long enough, ", 19)[:246] + "and so on."} {
		if err := identity.CheckPassword(u, p); err != nil {
			t.Errorf("%q: %v", p, err)
		}
	}
}
