package identity_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/tahoe"
)

var testKey = []byte(strings.Repeat("k", 32))

func issue(tb testing.TB, s *identity.Service, u identity.User) string {
	tb.Helper()
	token, err := s.Issue(tb.Context(), u.Hash, time.Hour)
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

func TestTokenSignsItsUserIn(t *testing.T) {
	s, _, c := service(t)
	alice := user(t, s, "alice@example.org")
	token := issue(t, s, alice)
	if got, err := s.Authenticate(t.Context(), token); err != nil || got != alice {
		t.Errorf("got %+v, %v, want %+v", got, err, alice)
	}
	if again := issue(t, s, alice); again == token {
		t.Error("two tokens are the same")
	}
	if left, err := s.Remaining(t.Context(), token); err != nil || left != time.Hour {
		t.Errorf("got %v, %v left, want an hour", left, err)
	}
	c.Time = c.Add(time.Hour - time.Second)
	if _, err := s.Authenticate(t.Context(), token); err != nil {
		t.Errorf("in its last second: %v", err)
	}
	c.Time = c.Add(time.Second)
	if _, err := s.Authenticate(t.Context(), token); !errors.Is(err, identity.ErrTokenExpired) {
		t.Errorf("later: got %v, want ErrTokenExpired", err)
	}
}

func TestIssueNeedsAUserAndATime(t *testing.T) {
	s, _, _ := service(t)
	if _, err := s.Issue(t.Context(), tahoe.Hash{}, time.Hour); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	if _, err := s.Issue(t.Context(), user(t, s, "a@b.c").Hash, 0); !errors.Is(err, identity.ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid", err)
	}
}

func TestTokensAreRefused(t *testing.T) {
	s, _, c := service(t)
	alice := user(t, s, "alice@example.org")
	good := func() jwt.RegisteredClaims {
		return jwt.RegisteredClaims{
			Issuer: "cybexp", Subject: alice.Hash.String(), ID: "ABC", ExpiresAt: jwt.NewNumericDate(c.Add(time.Hour)),
		}
	}
	sign := func(m jwt.SigningMethod, key any, change func(*jwt.RegisteredClaims)) string {
		claims := good()
		if change != nil {
			change(&claims)
		}
		text, err := jwt.NewWithClaims(m, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if _, err := s.Authenticate(t.Context(), sign(jwt.SigningMethodHS256, testKey, nil)); err != nil {
		t.Fatalf("the pattern of the others: %v", err)
	}
	hs := jwt.SigningMethodHS256
	unknown := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"XX1","typ":"JWT"}`)) + ".e30.AAAA"
	for name, c := range map[string]struct {
		token string
		want  error
	}{
		"empty":           {"", identity.ErrTokenForm},
		"text":            {"hello", identity.ErrTokenForm},
		"too long":        {strings.Repeat("a", 5000), identity.ErrTokenForm},
		"alg none":        {sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil), identity.ErrTokenAlgorithm},
		"alg HS384":       {sign(jwt.SigningMethodHS384, testKey, nil), identity.ErrTokenAlgorithm},
		"alg unknown":     {unknown, identity.ErrTokenAlgorithm},
		"other key":       {sign(hs, bytes.Repeat([]byte("x"), 32), nil), identity.ErrTokenSignature},
		"cut":             {strings.TrimRight(sign(hs, testKey, nil), "A")[:150], identity.ErrTokenForm},
		"no expiry":       {sign(hs, testKey, func(c *jwt.RegisteredClaims) { c.ExpiresAt = nil }), identity.ErrTokenForm},
		"other issuer":    {sign(hs, testKey, func(c *jwt.RegisteredClaims) { c.Issuer = "else" }), identity.ErrTokenForm},
		"no id":           {sign(hs, testKey, func(c *jwt.RegisteredClaims) { c.ID = "" }), identity.ErrTokenForm},
		"id with a dot":   {sign(hs, testKey, func(c *jwt.RegisteredClaims) { c.ID = "A.B" }), identity.ErrTokenForm},
		"no hash":         {sign(hs, testKey, func(c *jwt.RegisteredClaims) { c.Subject = "alice" }), identity.ErrTokenForm},
		"unknown user":    {sign(hs, testKey, func(c *jwt.RegisteredClaims) { c.Subject = tahoe.Hash{}.String() }), identity.ErrTokenUser},
		"an organisation": {sign(hs, testKey, func(c *jwt.RegisteredClaims) { c.Subject = org(t, s, "acme", alice).Hash.String() }), identity.ErrTokenUser},
	} {
		_, err := s.Authenticate(t.Context(), c.token)
		if !errors.Is(err, c.want) || !errors.Is(err, identity.ErrToken) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

func TestRevokedTokenIsWorthless(t *testing.T) {
	s, _, _ := service(t)
	alice := user(t, s, "alice@example.org")
	one, two := issue(t, s, alice), issue(t, s, alice)
	for range 2 {
		if err := s.Revoke(t.Context(), one); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Authenticate(t.Context(), one); !errors.Is(err, identity.ErrTokenRevoked) {
		t.Errorf("got %v, want ErrTokenRevoked", err)
	}
	if _, err := s.Authenticate(t.Context(), two); err != nil {
		t.Errorf("the other: %v", err)
	}
	if err := s.Revoke(t.Context(), "x"); !errors.Is(err, identity.ErrTokenForm) {
		t.Errorf("got %v, want ErrTokenForm", err)
	}
}

func TestTroubleOfTheStoreIsNoRefusal(t *testing.T) {
	s, m, _ := service(t)
	token := issue(t, s, user(t, s, "a@b.c"))
	m.down = errors.New("no connection")
	if _, err := s.Authenticate(t.Context(), token); errors.Is(err, identity.ErrToken) || err == nil {
		t.Errorf("got %v, want the store's error", err)
	}
}

func TestKeyIsMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "token.key")
	keys := make([][]byte, 8)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			var err error
			if keys[i], err = identity.LoadOrCreateKey(path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, k := range keys {
		if len(k) != 32 || !bytes.Equal(k, keys[0]) {
			t.Errorf("got %x and %x", k, keys[0])
		}
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, %v, want 0600", st.Mode(), err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("got %d files, want 1", len(left))
	}
	if err := os.WriteFile(path, []byte("abcd\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := identity.LoadOrCreateKey(path); err == nil {
		t.Error("a short key is accepted")
	}
}

func FuzzAuthenticate(f *testing.F) {
	s, _, _ := service(f)
	alice := user(f, s, "alice@example.org")
	token := issue(f, s, alice)
	for _, seed := range []string{"", "a.b.c", "..", token, token[:len(token)-1], "Bearer " + token, "eyJhbGciOiJub25lIn0.e30."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := s.Authenticate(t.Context(), text)
		if err == nil && (u != alice || !signed(text)) || err != nil && !errors.Is(err, identity.ErrToken) {
			t.Errorf("%q: got %+v, %v, want a refusal", text, u, err)
		}
	})
}

// signed checks a token's signature by the book.
func signed(token string) bool {
	at := strings.LastIndexByte(token, '.')
	mac := hmac.New(sha256.New, testKey)
	mac.Write([]byte(token[:max(at, 0)]))
	return token[at+1:] == base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
