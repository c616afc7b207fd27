package identity_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cybexp/cybexp/audit"
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

// A rotation is in the audit trail once, whether a server runs or the next one finds it; the first keys are no rotation.
func TestRotationsAreRecorded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token.key")
	m, trail := newStore(t), newTrail(t)
	start := func() *identity.Service {
		t.Helper()
		keys, err := identity.LoadOrCreateKeys(path)
		if err != nil {
			t.Fatal(err)
		}
		s, err := identity.New(identity.Config{Store: m, Keys: keys, Audit: trail})
		if err != nil {
			t.Fatal(err)
		}
		if changed, err := s.NoteKeys(t.Context()); err != nil || changed {
			t.Fatal(changed, err)
		}
		return s
	}
	rotate := func(forget bool) {
		t.Helper()
		if _, err := identity.RotateKeys(path, forget); err != nil {
			t.Fatal(err)
		}
	}
	running, another := start(), start()
	if told := deeds(t, trail, audit.TokenKeys); len(told) != 0 {
		t.Fatalf("the first keys: %v", told)
	}
	rotate(false)
	for _, s := range []*identity.Service{running, another} {
		eventually(t, func() error {
			if changed, err := s.NoteKeys(t.Context()); err != nil || changed {
				return err
			}
			return errors.ErrUnsupported
		}, nil, "the keys have not changed")
	}
	start()
	rotate(true)
	start() // finds what was done while nobody ran
	told := deeds(t, trail, audit.TokenKeys)
	if len(told) != 2 {
		t.Fatalf("got %d records, want one of each rotation: %v", len(told), told)
	}
	first, second := told[0].Detail, told[1].Detail
	if first["accepted"] != "2" || first["new"] == "" || first["forgotten"] != "" {
		t.Errorf("a rotation: got %v", first)
	}
	if second["accepted"] != "1" || !strings.Contains(second["forgotten"], first["new"]) || second["new"] != told[1].Object {
		t.Errorf("with --forget: got %v after %v", second, first)
	}
}

// newTrail is an audit trail of the test's own.
func newTrail(t *testing.T) *audit.Trail {
	t.Helper()
	journal, err := nats.Journal(t.Context(), fmt.Sprintf("audit%d", buckets.Add(1)), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	trail, err := audit.New(audit.Config{Log: journal, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return trail
}

// deeds are the records of an action.
func deeds(t *testing.T, trail *audit.Trail, action audit.Action) []audit.Line {
	t.Helper()
	lines, _, err := trail.Read(t.Context(), audit.Filter{Action: string(action)}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return lines
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
