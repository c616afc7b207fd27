package identity_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"github.com/cybexp/cybexp/identity"
)

// twoServices are those of two processes, with a bucket of a bus that both have.
func twoServices(t *testing.T) (a, b *identity.Service) {
	t.Helper()
	a, m, _ := service(t)
	again, err := nats.FindKV(t.Context(), m.bucket)
	if err != nil {
		t.Fatal(err)
	}
	b, err = identity.New(identity.Config{Store: &store{kv: again}, Keys: a.Keys, Now: a.Now})
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

// actor makes a user, one call to the store at a time.
type actor struct {
	identity.Store
	asks, may chan struct{}
	made      chan error
	err       error
	ended     bool
}

func (a *actor) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	a.await()
	return a.Store.Get(ctx, key)
}

func (a *actor) Set(ctx context.Context, key string, value []byte, revision uint64) error {
	a.await()
	return a.Store.Set(ctx, key, value, revision)
}

func (a *actor) await() { a.asks <- struct{}{}; <-a.may }

func act(t *testing.T, s *identity.Service, u identity.User, password string) *actor {
	t.Helper()
	a := &actor{Store: s.Store, asks: make(chan struct{}), may: make(chan struct{}), made: make(chan error)}
	mine, err := identity.New(identity.Config{Store: a, Keys: s.Keys, Now: s.Now})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, err := mine.CreateUserDigest(t.Context(), u, password)
		a.made <- err
	}()
	return a
}

// step lets the actor do up to so many calls.
func (a *actor) step(calls int) {
	for range calls {
		if a.ended {
			return
		}
		select {
		case <-a.asks:
			a.may <- struct{}{}
		case a.err = <-a.made:
			a.ended = true
		}
	}
}

// TestOnlyOneOfTwoProcessesMakesAUser tries the ways in which the calls of two processes may fall between each other: one of both makes the user, and
// the password is theirs, or none is.
func TestOnlyOneOfTwoProcessesMakesAUser(t *testing.T) {
	const calls, all = 10, 100 // more than there are, than there could be
	first, second := twoServices(t)
	n := 0
	for _, passwords := range [][2]string{{"of a", "of b"}, {"", "of b"}, {"of a", ""}} {
		for i := range calls {
			for j := range calls {
				for _, firstEnds := range []bool{true, false} {
					u := identity.User{Email: fmt.Sprintf("user%d@example.org", n)}
					n++
					a, b := act(t, first, u, passwords[0]), act(t, second, u, passwords[1])
					a.step(i)
					b.step(j)
					if firstEnds {
						a.step(all)
					}
					b.step(all)
					a.step(all)
					want := passwords[0]
					if a.err != nil {
						want = passwords[1]
					}
					if lost := errors.Join(a.err, b.err); (a.err == nil) == (b.err == nil) || !errors.Is(lost, identity.ErrExists) {
						t.Fatalf("%d calls of a, %d of b, a ends first %v: a got %v, b %v", i, j, firstEnds, a.err, b.err)
					}
					if got := kept(t, first, u); got != want {
						t.Fatalf("%d calls of a, %d of b, a ends first %v: a got %v, and the password is %q", i, j, firstEnds, a.err, got)
					}
				}
			}
		}
	}
}

// kept is what the store has as the password of a user.
func kept(t *testing.T, s *identity.Service, u identity.User) (text string) {
	t.Helper()
	found, err := s.FindUser(t.Context(), u.Email)
	if err != nil {
		t.Fatal(err)
	}
	value, _, err := s.Store.Get(t.Context(), "password."+found.Hash.String())
	if err == nil {
		err = json.Unmarshal(value, &text)
	}
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestLoserDoesNotSignIn has two processes make the same user at the same moment, for real.
func TestLoserDoesNotSignIn(t *testing.T) {
	a, b := twoServices(t)
	u := identity.User{Email: "alice@example.org"}
	const sentence = "a sentence of process "
	results := make(chan error, 1)
	go func() {
		_, err := b.CreateUserWith(t.Context(), u, sentence+"b")
		results <- err
	}()
	_, errA := a.CreateUserWith(t.Context(), u, sentence+"a")
	errB := <-results
	if (errA == nil) == (errB == nil) || !errors.Is(errors.Join(errA, errB), identity.ErrExists) {
		t.Fatalf("a got %v, b %v", errA, errB)
	}
	for name, made := range map[string]bool{"a": errA == nil, "b": errB == nil} {
		if _, err := b.SignIn(t.Context(), u.Email, sentence+name, netip.Addr{}); (err == nil) != made {
			t.Errorf("%s made the user: %v; signs in: %v", name, made, err)
		}
	}
}
