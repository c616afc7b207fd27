package web_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestPageKeepsATokenInItsCookie signs a page in that has a token and no password.
func TestPageKeepsATokenInItsCookie(t *testing.T) {
	r := newRig(t)
	open := func(token string) answer {
		return r.do(call{method: http.MethodPost, path: "/api/v1/session", as: person{token: token}, body: strings.NewReader("{}")})
	}
	if got := open("nonsense"); got.status != http.StatusUnauthorized || len(got.header.Values("Set-Cookie")) > 0 {
		t.Errorf("a bad token: got %d %v", got.status, got.header)
	}
	got := open(r.reader.token)
	if got.status != http.StatusCreated || strings.Contains(string(got.body), r.reader.token) {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	cookie := cookieOf(t, got)
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode {
		t.Errorf("got %s", cookie)
	}
	me := r.do(call{method: http.MethodGet, path: "/api/v1/me", header: with(cookie)})
	if me.status != http.StatusOK || me.text(t, "email") != "rita@example.org" {
		t.Errorf("with the cookie: got %d %s", me.status, me.body)
	}
	out := r.do(call{method: http.MethodDelete, path: "/api/v1/session", header: with(cookie)})
	if out.status != http.StatusNoContent || cookieOf(t, out).MaxAge >= 0 {
		t.Errorf("sign-out: got %d %v", out.status, out.header)
	}
	if got := r.get(r.reader, "/api/v1/me"); got.status != http.StatusOK {
		t.Errorf("the token itself after the page's sign-out: got %d", got.status)
	}
}

func TestRowsAsAFile(t *testing.T) {
	r := newRig(t)
	r.load(logins(3))
	id := r.asked(r.reader, "events")
	for format, media := range map[string]string{
		"csv": "text/csv", "json": "application/json", "ndjson": "application/x-ndjson", "stix": "application/stix+json",
	} {
		got := r.rowsAs(id, "text/html", "?format="+format)
		name := got.header.Get("Content-Disposition")
		if got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("Content-Type"), media) || !strings.Contains(name, "report-"+id[:12]+".") {
			t.Errorf("%s: got %d %s %q", format, got.status, got.header.Get("Content-Type"), name)
		}
	}
	if got := r.rowsAs(id, "*/*", "?format=xlsx"); got.status != http.StatusBadRequest {
		t.Errorf("an unknown format: got %d", got.status)
	}
}
