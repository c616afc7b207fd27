package ingest_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/ingest/envelope"
)

func loadKeys(tb testing.TB, dir string) *ingest.Keys {
	tb.Helper()
	k, err := ingest.LoadOrCreateKeys(dir)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func seal(tb testing.TB, k *ingest.Keys, text string) []byte {
	tb.Helper()
	sealed, err := k.Seal([]byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return sealed
}

func opens(tb testing.TB, k *ingest.Keys, sealed []byte, want string) {
	tb.Helper()
	if plain, err := k.Open(sealed); err != nil || string(plain) != want {
		tb.Errorf("got %q, %v, want %q", plain, err, want)
	}
}

func TestKeysAreMadeOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	made := make([]*ingest.Keys, 3)
	var wg sync.WaitGroup
	for i := range made {
		wg.Go(func() {
			var err error
			if made[i], err = ingest.LoadOrCreateKeys(dir); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, k := range made {
		opens(t, k, seal(t, made[0], "hello"), "hello")
	}
	if st, err := os.Stat(filepath.Join(dir, "priv.pem")); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want mode 0600", st, err)
	}
	if err := os.Remove(filepath.Join(dir, "priv.pem")); err != nil {
		t.Fatal(err)
	}
	sealing := loadKeys(t, dir)
	if sealing.CanOpen() {
		t.Error("a folder without private keys opens")
	}
	opens(t, made[0], seal(t, sealing, "hello"), "hello")
}

func TestRotatedKeysSealAndOldOnesOpen(t *testing.T) {
	dir := t.TempDir()
	running, other := loadKeys(t, dir), t.TempDir()
	old := seal(t, running, "old")
	for want := 2; want <= 3; want++ {
		if pairs, err := ingest.RotateKeys(dir); err != nil || pairs != want {
			t.Fatalf("got %d, %v, want %d pairs", pairs, err, want)
		}
	}
	fresh := loadKeys(t, dir)
	sealed := seal(t, fresh, "new")
	for _, k := range []*ingest.Keys{running, fresh} { // the first was there before the keys
		opens(t, k, sealed, "new")
		opens(t, k, old, "old")
	}
	// What is sealed now needs the newest private key: the first alone does not open it.
	text, err := os.ReadFile(filepath.Join(dir, "priv.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other, "priv.pem"), bytes.Clone(text), 0o600); err != nil {
		t.Fatal(err)
	}
	first := loadKeys(t, other)
	opens(t, first, old, "old")
	if _, err := first.Open(sealed); !errors.Is(err, envelope.ErrSealed) {
		t.Errorf("the first key opens what the newest sealed: %v", err)
	}
}

func TestHalfPairsAreTold(t *testing.T) {
	dir := t.TempDir()
	loadKeys(t, dir)
	if _, err := ingest.RotateKeys(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "pub-2.pem"), filepath.Join(dir, "pub.pem")); err != nil {
		t.Fatal(err)
	}
	if _, err := ingest.LoadOrCreateKeys(dir); err == nil {
		t.Error("keys of two pairs pass for one")
	}
}
