package web_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/web"
)

// classicRoutes are those that need a token.
var classicRoutes = []string{
	"POST /raw", "POST /query", "POST /create/org", "POST /create/user", "POST /org/add/user", "POST /org/del/user", "POST /org/info",
	"GET /orgs/admin_of", "GET /orgs/user_of", "GET /user/info/self",
}

// knock sends an Authorization header to a classic route. The body is bad, which nobody who may not come in is told.
func (r *rig) knock(route, header string) answer {
	r.t.Helper()
	method, path, _ := strings.Cut(route, " ")
	c := call{method: method, path: path, header: http.Header{}}
	if header != "" {
		c.header.Set("Authorization", header)
	}
	if method == http.MethodPost {
		c.body = strings.NewReader("{")
	}
	return r.do(c)
}

// signed is a token that the rig's key signs for anybody.
func signed(t *testing.T, key string, subject string, life time.Duration) string {
	t.Helper()
	claims := jwt.RegisteredClaims{Issuer: "cybexp", Subject: subject, ID: "x", ExpiresAt: jwt.NewNumericDate(time.Now().Add(life))}
	return must(jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(bytes.Repeat([]byte(key), 32)))(t)
}

func TestClassicAuth(t *testing.T) {
	r := newRig(t)
	who := must(r.users.Authenticate(t.Context(), r.stranger.token))(t)
	check(t, r.users.Revoke(t.Context(), r.stranger.Hash, who.Token.ID))
	me, token := r.reader.Hash.String(), r.reader.token
	const missing, scheme = "Invalid/missing token in auth header!", "Token must be of type Bearer!"
	for name, c := range map[string]struct{ header, message string }{
		"no header":               {"", missing},
		"one word":                {"Bearer", missing},
		"no token":                {"Bearer ", missing},
		"a bare token":            {token, missing},
		"another scheme":          {"Not_bearer " + token, scheme},
		"three words":             {"Invalid JWT token", scheme},
		"small letters":           {"bearer " + token, scheme},
		"not a token":             {"Bearer invalid", missing},
		"a token and more":        {"Bearer " + token + " x", missing},
		"a changed token":         {"Bearer " + token[:len(token)-6] + "AAAAAA", missing},
		"another key":             {"Bearer " + signed(t, "x", me, time.Hour), missing},
		"no hash":                 {"Bearer " + signed(t, "k", "", time.Hour), missing},
		"an organisation's":       {"Bearer " + signed(t, "k", r.org.Hash.String(), time.Hour), "User does not exist!"},
		"nobody's":                {"Bearer " + signed(t, "k", tahoe.UserHash("nobody@example.org", false).String(), time.Hour), "User does not exist!"},
		"revoked":                 {"Bearer " + r.stranger.token, "JWT token is revoked."},
		"expired":                 {"Bearer " + signed(t, "k", me, -time.Hour), "The token has expired. Ask for a new one."},
		"never issued by a call":  {"Bearer " + signed(t, "k", me, time.Hour), "JWT token is revoked."},
		"of somebody who is gone": {"Bearer " + disabled(r), "The token's user is disabled."},
	} {
		for _, route := range classicRoutes {
			got := r.knock(route, c.header)
			if got.status != http.StatusUnauthorized || got.text(t, "message") != c.message || got.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s, %s: got %d %s, want 401 %s", name, route, got.status, got.body, c.message)
			}
		}
	}
	for as, subType := range map[*person]string{&r.reader: "cybexp_user", &r.super: "cybexp_superuser"} {
		got := r.knock("GET /user/info/self", "Bearer "+as.token)
		result, _ := got.member(t, "result").(map[string]any)
		if got.status != http.StatusOK || result["itype"] != "object" || result["sub_type"] != subType || result["_hash"] != as.Hash.String() {
			t.Errorf("%s: got %d %s", as.Email, got.status, got.body)
		}
	}
}

// disabled is a token of a user who was disabled since.
func disabled(r *rig) string {
	r.t.Helper()
	u := must(r.users.CreateUser(r.t.Context(), identity.User{Email: "gone@example.org"}))(r.t)
	text := must(r.users.Issue(r.t.Context(), u.Hash, time.Hour))(r.t)
	must(r.users.Disable(r.t.Context(), u.Hash, true))(r.t)
	return text
}

// brokenStore is a store of identities that cannot be reached.
type brokenStore struct{ identity.Store }

func (brokenStore) Get(context.Context, string) ([]byte, uint64, error) {
	return nil, 0, errors.New("no route to host 192.0.2.77")
}

func TestClassicAuthWithoutIdentities(t *testing.T) {
	r := newRig(t, func(c *web.Config) {
		keys := must(identity.NewKeys(bytes.Repeat([]byte("k"), 32)))(t)
		c.Identity = must(identity.New(identity.Config{Store: brokenStore{}, Keys: keys}))(t)
	})
	for _, route := range classicRoutes {
		got := r.knock(route, "Bearer "+r.reader.token)
		if got.status != http.StatusInternalServerError || got.text(t, "message") != "Authentication database down!" || strings.Contains(string(got.body), "192.0.2.77") {
			t.Errorf("%s: got %d %s", route, got.status, got.body)
		}
	}
}
