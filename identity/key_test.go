package identity_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cybexp/cybexp/identity"
)

func TestKeyIsMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "token.key")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := identity.LoadOrCreateKeys(path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	text, err := os.ReadFile(path)
	if err != nil || len(text) != 65 {
		t.Errorf("got %d bytes, %v, want one key of 32", len(text), err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, %v, want 0600", st.Mode(), err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("got %d files, want 1", len(left))
	}
	for _, bad := range []string{"", "abcd\n", strings.Repeat("x", 64) + "\n"} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := identity.LoadOrCreateKeys(path); err == nil {
			t.Errorf("the key %q is accepted", bad)
		}
	}
}

// TestKeysAreRotated uses two services of one store, as two processes do: the second was started before the rotation.
func TestKeysAreRotated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token.key")
	m, c := newStore(t), &clock{time.Unix(1_700_000_000, 0)}
	start := func() *identity.Service {
		keys, err := identity.LoadOrCreateKeys(path)
		if err != nil {
			t.Fatal(err)
		}
		s, err := identity.New(identity.Config{Store: m, Keys: keys, Now: c.now})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	running := start()
	alice := user(t, running, "alice@example.org")
	old := issue(t, running, alice)
	if n, err := identity.RotateKeys(path, false); err != nil || n != 2 {
		t.Fatalf("got %d keys, %v, want 2", n, err)
	}
	rotated := start()
	young := issue(t, rotated, alice)
	for name, s := range map[string]*identity.Service{"running": running, "rotated": rotated} {
		for _, token := range []string{old, young} {
			eventually(t, func() error { _, err := s.Authenticate(t.Context(), token); return err }, nil, name)
		}
	}
	if n, err := identity.RotateKeys(path, true); err != nil || n != 1 {
		t.Fatalf("got %d keys, %v, want 1", n, err)
	}
	eventually(t, func() error { _, err := running.Authenticate(t.Context(), old); return err }, identity.ErrTokenSignature, "forgotten")
	for range 12 {
		if n, err := identity.RotateKeys(path, false); err != nil || n > 8 {
			t.Fatalf("got %d keys, %v, want 8 at most", n, err)
		}
	}
}

// eventually polls, since keys are looked at every few seconds.
func eventually(t *testing.T, f func() error, want error, what string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for {
		err := f()
		if errors.Is(err, want) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: got %v, want %v", what, err, want)
		}
	}
}
