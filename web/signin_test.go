package web_test

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/web"
)

const goodPassword = "four words in a row"

// signIn opens a session with the rig's passwords.
func (r *rig) signIn(email, password, more string) answer {
	r.t.Helper()
	return r.post(person{}, "/api/v1/session", `{"email":"`+email+`","password":"`+password+`"`+more+`}`)
}

// cookieOf is the cookie that an answer sets.
func cookieOf(t *testing.T, a answer) *http.Cookie {
	t.Helper()
	cookies := (&http.Response{Header: a.header}).Cookies()
	if len(cookies) != 1 {
		t.Fatalf("got %d cookies: %v", len(cookies), a.header)
	}
	return cookies[0]
}

func with(c *http.Cookie) http.Header { return http.Header{"Cookie": {c.Name + "=" + c.Value}} }

func TestPageSession(t *testing.T) {
	r := newRig(t)
	check(t, r.users.SetPassword(t.Context(), r.reader.Hash, goodPassword))
	got := r.signIn("Rita@Example.org", goodPassword, "")
	if got.status != http.StatusCreated || strings.Contains(string(got.body), "token") {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	cookie := cookieOf(t, got)
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" || cookie.MaxAge != 12*3600 || cookie.Secure {
		t.Errorf("got %s", cookie)
	}
	me := func(h http.Header) answer { return r.do(call{method: http.MethodGet, path: "/api/v1/me", header: h}) }
	if got := me(with(cookie)); got.status != http.StatusOK || got.text(t, "email") != "rita@example.org" {
		t.Errorf("with the cookie: got %d %s", got.status, got.body)
	}
	socket := func(h http.Header, origin string) int {
		t.Helper()
		h.Set("Origin", origin)
		conn, resp, err := websocket.DefaultDialer.DialContext(t.Context(), strings.Replace(r.url, "http", "ws", 1)+"/ws", h)
		if err != nil {
			return resp.StatusCode
		}
		defer conn.Close()
		check(t, conn.WriteJSON(map[string]string{"op": "query", "id": "q", "tdql": "events"}))
		var frame any
		err = conn.ReadJSON(&frame)
		if websocket.IsCloseError(err, 4401) {
			return http.StatusUnauthorized
		}
		check(t, err)
		return resp.StatusCode
	}
	for origin, want := range map[string]int{r.url: http.StatusSwitchingProtocols, "http://127.0.0.1:1": http.StatusForbidden} {
		if got := socket(with(cookie), origin); got != want {
			t.Errorf("a websocket of %s: got %d, want %d", origin, got, want)
		}
	}
	foreign := with(cookie)
	foreign.Set("Origin", "https://evil.example")
	if got := r.do(call{method: http.MethodDelete, path: "/api/v1/session", header: foreign}); got.status != http.StatusForbidden {
		t.Errorf("another site's page: got %d", got.status)
	}
	if got := r.do(call{method: http.MethodDelete, path: "/api/v1/session", header: with(cookie)}); got.status != http.StatusNoContent || cookieOf(t, got).MaxAge >= 0 {
		t.Errorf("sign-out: got %d %v", got.status, got.header)
	}
	if got := me(with(cookie)); got.status != http.StatusUnauthorized {
		t.Errorf("after it: got %d %s", got.status, got.body)
	}
	if got := socket(with(cookie), r.url); got != http.StatusUnauthorized {
		t.Errorf("a websocket after it: got %d", got)
	}
	if got := r.get(r.reader, "/api/v1/me"); got.status != http.StatusOK {
		t.Errorf("another token: got %d", got.status)
	}
}

func TestSignInTellsNothing(t *testing.T) {
	r := newRig(t)
	check(t, r.users.SetPassword(t.Context(), r.reader.Hash, goodPassword))
	var bodies []string
	for _, email := range []string{"rita@example.org", "ada@example.org", "nobody@example.org"} {
		got := r.signIn(email, "not the password", "")
		if got.status != http.StatusUnauthorized {
			t.Errorf("%s: got %d", email, got.status)
		}
		bodies = append(bodies, strings.ReplaceAll(string(got.body), got.text(t, "request_id"), ""))
	}
	if bodies[0] != bodies[1] || bodies[0] != bodies[2] {
		t.Errorf("the answers differ: %q", bodies)
	}
	if log := r.log.String(); strings.Contains(log, "not the password") || strings.Contains(log, "nobody@") {
		t.Errorf("the log tells: %s", log)
	}
}

func TestSignInWaits(t *testing.T) {
	r := newRig(t, func(c *web.Config) { c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	check(t, r.users.SetPassword(t.Context(), r.reader.Hash, goodPassword))
	from := func(address, password string) answer {
		body := strings.NewReader(`{"email":"rita@example.org","password":"` + password + `"}`)
		header := http.Header{"X-Forwarded-For": {"1.2.3.4, " + address}, "X-Forwarded-Proto": {"https"}}
		return r.do(call{method: http.MethodPost, path: "/api/v1/session", header: header, body: body})
	}
	for range 8 {
		from("192.0.2.66", "wrong")
	}
	if got := from("192.0.2.66", goodPassword); got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
		t.Errorf("the guesser: got %d %v", got.status, got.header)
	}
	got := from("192.0.2.1", goodPassword)
	if got.status != http.StatusCreated {
		t.Fatalf("somebody else: got %d %s", got.status, got.body)
	}
	if cookie := cookieOf(t, got); cookie.Name != "__Host-cybexp" || !cookie.Secure {
		t.Errorf("behind a proxy that encrypts: got %s", cookie)
	}
}

func TestChangePassword(t *testing.T) {
	r := newRig(t)
	check(t, r.users.SetPassword(t.Context(), r.reader.Hash, goodPassword))
	one, two := cookieOf(t, r.signIn("rita@example.org", goodPassword, "")), cookieOf(t, r.signIn("rita@example.org", goodPassword, ""))
	change := func(old, password string) answer {
		body := strings.NewReader(`{"old":"` + old + `","password":"` + password + `"}`)
		return r.do(call{method: http.MethodPut, path: "/api/v1/me/password", header: with(one), body: body})
	}
	for want, got := range map[int]answer{403: change("wrong", "another good sentence"), 400: change(goodPassword, "short")} {
		if got.status != want {
			t.Errorf("got %d %s, want %d", got.status, got.body, want)
		}
	}
	got := change(goodPassword, "another good sentence")
	if got.status != http.StatusNoContent {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	for cookie, want := range map[*http.Cookie]int{one: 401, two: 401, cookieOf(t, got): 200} {
		if got := r.do(call{method: http.MethodGet, path: "/api/v1/me", header: with(cookie)}); got.status != want {
			t.Errorf("got %d, want %d", got.status, want)
		}
	}
}

func TestTokensOverHTTP(t *testing.T) {
	r := newRig(t)
	made := r.post(r.reader, "/api/v1/tokens", `{"label":"probe","right":"read","ttl":"1h"}`)
	if made.status != http.StatusCreated {
		t.Fatalf("got %d %s", made.status, made.body)
	}
	reader := person{r.reader.User, made.text(t, "token")}
	list := r.get(r.reader, "/api/v1/tokens")
	var body struct{ Tokens []identity.Token }
	check(t, json.Unmarshal(list.body, &body))
	if len(body.Tokens) != 2 || body.Tokens[1].Label != "probe" || strings.Contains(string(list.body), reader.token) {
		t.Errorf("got %s", list.body)
	}
	if left := time.Until(body.Tokens[1].Expires); left < 59*time.Minute || left > time.Hour {
		t.Errorf("it lasts %v, want an hour", left)
	}
	for _, bad := range []string{`{"ttl":"9999h"}`, `{"ttl":"-1h"}`, `{"ttl":"x"}`, `{"right":"root"}`, `{"label":"a\u0000"}`, `{"x":1}`} {
		if got := r.post(r.reader, "/api/v1/tokens", bad); got.status != http.StatusBadRequest {
			t.Errorf("%s: got %d %s", bad, got.status, got.body)
		}
	}
	del := func(as person, path string) int {
		return r.do(call{method: http.MethodDelete, path: path, as: as}).status
	}
	path := "/api/v1/tokens/" + made.text(t, "id")
	if got := del(r.stranger, path); got != http.StatusNotFound {
		t.Errorf("another's: got %d", got)
	}
	if got := del(r.reader, path); got != http.StatusNoContent {
		t.Errorf("got %d", got)
	}
	if got := r.get(reader, "/api/v1/me"); got.status != http.StatusUnauthorized || got.text(t, "message") != "The token was revoked, or its session has ended." {
		t.Errorf("after it: got %d %s", got.status, got.body)
	}
	super := "/api/v1/users/sven%40example.org/tokens"
	if got := r.post(r.admin, super, `{}`); got.status != http.StatusForbidden {
		t.Errorf("for another: got %d", got.status)
	}
	if got := r.post(r.super, super, `{"right":"upload"}`); got.status != http.StatusCreated {
		t.Errorf("for another, by a superuser: got %d %s", got.status, got.body)
	}
}

// TestRightsOfTokens sends every route with tokens of each right: what is not said to be enough is refused.
func TestRightsOfTokens(t *testing.T) {
	r := newRig(t)
	tokens := map[identity.Right]person{}
	for _, right := range []identity.Right{identity.Read, identity.Upload} {
		text, _, err := r.users.IssueToken(t.Context(), r.admin.Hash, identity.Token{Right: right}, time.Hour)
		check(t, err)
		tokens[right] = person{r.admin.User, text}
	}
	both, read, upload := "read upload", "read", "upload"
	enough := map[string]string{
		"GET /ping": both, "GET /docs": both, "GET /healthz": both, "GET /readyz": both, "GET /api/v1/version": both, "POST /api/v1/session": both,
		"GET /api/v1/me": both, "DELETE /api/v1/session": both, "GET /api/v1/uploads/:id": both, "GET /user/info/self": both,
		"POST /raw": upload, "POST /api/v1/raw": upload,
		"POST /query": read, "GET /ws": read, "GET /api/v1/orgs": read, "GET /orgs/admin_of": read, "GET /orgs/user_of": read,
		"GET /api/v1/raw/:hash": read, "GET /api/v1/audit": read, "POST /api/v1/reports": read, "GET /api/v1/reports": read, "GET /api/v1/reports/:id": read,
		"GET /api/v1/reports/:id/rows": read, "GET /api/v1/export": read, "POST /api/v1/export": read, "DELETE /api/v1/reports/:id": read, "POST /api/v1/tdql/check": read,
		"POST /api/v1/tdql/format": read, "POST /api/v1/tdql/explain": read, "POST /api/v1/tdql/complete": read,
		"GET /taxii2/": both, "GET /taxii2/api/": both, "GET /taxii2/api/collections/": both, "GET /taxii2/api/collections/:id/": both,
		"GET /taxii2/api/status/:id/": both, "POST /taxii2/api/collections/:id/objects/": upload,
		"GET /taxii2/api/collections/:id/manifest/": read, "GET /taxii2/api/collections/:id/objects/": read,
		"GET /taxii2/api/collections/:id/objects/:object/": read, "GET /taxii2/api/collections/:id/objects/:object/versions/": read,
		"GET /api/v1/instances/:hash/comments": read, "GET /api/v1/saved": read, "GET /api/v1/stats": read, "GET /api/v1/typetags": both, "POST /api/v1/raw/detect": upload, "GET /api/v1/saved/:id": read,
		"POST /api/v1/tdql/indicator": read, "POST /api/v1/tdql/rewrite": read, "GET /api/v1/instances/:hash": read, "GET /api/v1/instances/:hash/neighbours": read,
	}
	n := 0
	for route := range r.server.Routes() {
		method, path, _ := strings.Cut(route, " ")
		if method == http.MethodHead || method == http.MethodGet && (path == "/" || strings.Contains(path, ".")) {
			continue // the page
		}
		n++
		for right, as := range tokens {
			got := r.do(call{method: method, path: path, as: as, body: strings.NewReader(`{}`)})
			if strings.HasPrefix(got.header.Get("Content-Type"), "text/html") {
				continue // a view of the page
			}
			refused := got.status == http.StatusForbidden && strings.Contains(got.text(t, "message")+got.text(t, "description"), "right")
			if want := !strings.Contains(enough[route], string(right)); refused != want {
				t.Errorf("%s with a token that may %s: got %d %s", route, right, got.status, got.body)
			}
		}
	}
	if n < 40 {
		t.Errorf("only %d routes were tried", n)
	}
}

// FuzzClientAddress: who is not behind a proxy of ours cannot say where they come from.
func FuzzClientAddress(f *testing.F) {
	for _, seed := range []string{"", "1.2.3.4", "1.2.3.4, 10.0.0.1", "::1", "x", ",,,", "10.0.0.2,10.0.0.3", "::ffff:1.2.3.4", "fe80::1%eth0"} {
		f.Add("192.0.2.1:1234", seed)
		f.Add("10.0.0.9:1", seed)
	}
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, remote, forwarded string) {
		got := web.ClientAddress(remote, []string{forwarded}, proxies)
		end, err := netip.ParseAddrPort(remote)
		if err != nil {
			if got.IsValid() {
				t.Errorf("got %s from nowhere", got)
			}
			return
		}
		if from := end.Addr().Unmap(); !proxies[0].Contains(from) && got != from {
			t.Errorf("got %s from %s, which is no proxy", got, remote)
		}
	})
}
