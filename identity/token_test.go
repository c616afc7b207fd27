package identity_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/tahoe"
)

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
	if got, err := s.Authenticate(t.Context(), token); err != nil || got.User != alice || got.Token.Right != identity.Full {
		t.Errorf("got %+v, %v, want %+v", got, err, alice)
	}
	if again := issue(t, s, alice); again == token {
		t.Error("two tokens are the same")
	}
	if all, err := s.Tokens(t.Context(), alice.Hash); err != nil || len(all) != 2 || !all[0].Expires.Equal(c.Add(time.Hour)) {
		t.Errorf("got %+v, %v, want two that last an hour", all, err)
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
	issue(t, s, alice)
	all, err := s.Tokens(t.Context(), alice.Hash)
	if err != nil {
		t.Fatal(err)
	}
	good := func() jwt.RegisteredClaims {
		return jwt.RegisteredClaims{
			Issuer: "cybexp", Subject: alice.Hash.String(), ID: all[0].ID, ExpiresAt: jwt.NewNumericDate(c.Add(time.Hour)),
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
		"no id":           {sign(hs, testKey, func(c *jwt.RegisteredClaims) { c.ID = "" }), identity.ErrTokenRevoked},
		"another id":      {sign(hs, testKey, func(c *jwt.RegisteredClaims) { c.ID = "A.B" }), identity.ErrTokenRevoked},
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
	alice, bob := user(t, s, "alice@example.org"), user(t, s, "bob@example.org")
	one, two := issue(t, s, alice), issue(t, s, alice)
	caller, err := s.Authenticate(t.Context(), one)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Revoke(t.Context(), bob.Hash, caller.Token.ID); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("another's: got %v, want ErrNotFound", err)
	}
	if err := s.Revoke(t.Context(), alice.Hash, caller.Token.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Authenticate(t.Context(), one); !errors.Is(err, identity.ErrTokenRevoked) {
		t.Errorf("got %v, want ErrTokenRevoked", err)
	}
	if _, err := s.Authenticate(t.Context(), two); err != nil {
		t.Errorf("the other: %v", err)
	}
	if err := s.Revoke(t.Context(), alice.Hash, caller.Token.ID); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("again: got %v, want ErrNotFound", err)
	}
}

func TestTokensAreListedUntilTheyExpire(t *testing.T) {
	s, _, c := service(t)
	alice := user(t, s, "alice@example.org")
	for i, right := range []identity.Right{identity.Upload, identity.Read} {
		if _, _, err := s.IssueToken(t.Context(), alice.Hash, identity.Token{Label: "probe", Right: right}, time.Duration(i+1)*time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	c.Time = c.Add(time.Hour)
	all, err := s.Tokens(t.Context(), alice.Hash)
	if err != nil || len(all) != 1 || all[0].Right != identity.Read || all[0].Label != "probe" {
		t.Errorf("got %+v, %v, want the one that reads", all, err)
	}
	for _, bad := range []identity.Token{{Right: "root"}, {Right: ""}, {Right: identity.Full, Label: "a\nb"}} {
		if _, _, err := s.IssueToken(t.Context(), alice.Hash, bad, time.Hour); !errors.Is(err, identity.ErrInvalid) {
			t.Errorf("%+v: got %v, want ErrInvalid", bad, err)
		}
	}
}

func TestTokensAreBounded(t *testing.T) {
	s, _, _ := service(t)
	s.Audit = newTrail(t)
	alice := user(t, s, "alice@example.org")
	session := func() string {
		text, _, err := s.IssueToken(t.Context(), alice.Hash, identity.Token{Right: identity.Full, Session: true}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	first := session()
	for range 80 {
		issue(t, s, alice)
	}
	if _, err := s.Issue(t.Context(), alice.Hash, time.Hour); !errors.Is(err, identity.ErrInvalid) {
		t.Errorf("one too many: got %v, want ErrInvalid", err)
	}
	oldest, err := s.Authenticate(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		session()
	}
	if _, err := s.Authenticate(t.Context(), first); !errors.Is(err, identity.ErrTokenRevoked) {
		t.Errorf("the oldest session: got %v, want ErrTokenRevoked", err)
	}
	ended := deeds(t, s.Audit, audit.SignOut)
	if len(ended) != 1 || ended[0].Object != oldest.Token.ID || ended[0].Detail["email"] != alice.Email || !strings.Contains(ended[0].Detail["why"], "pushed out") {
		t.Errorf("the trail has of its end: %+v", ended)
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

func FuzzAuthenticate(f *testing.F) {
	s, _, _ := service(f)
	alice := user(f, s, "alice@example.org")
	token := issue(f, s, alice)
	for _, seed := range []string{"", "a.b.c", "..", token, token[:len(token)-1], "Bearer " + token, "eyJhbGciOiJub25lIn0.e30."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := s.Authenticate(t.Context(), text)
		if err == nil && (c.User != alice || !signed(text)) || err != nil && !errors.Is(err, identity.ErrToken) {
			t.Errorf("%q: got %+v, %v, want a refusal", text, c, err)
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
