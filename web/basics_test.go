package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/cybexp/cybexp/web"
	"github.com/cybexp/cybexp/web/ui"
)

// problemCases are calls that are refused; testdata/problems.txtar has what is answered. UPDATE_GOLDEN=1 rewrites it.
func problemCases(r *rig) map[string]call {
	form := http.Header{"Content-Type": {"text/plain"}}
	post := func(as person, path, body string) call {
		return call{method: http.MethodPost, path: path, as: as, body: strings.NewReader(body)}
	}
	get := func(as person, path string) call { return call{method: http.MethodGet, path: path, as: as} }
	auth := func(value string) call {
		return call{method: http.MethodGet, path: "/api/v1/me", header: http.Header{"Authorization": {value}}}
	}
	return map[string]call{
		"no token":                        get(person{}, "/api/v1/me"),
		"no token, the classic way":       get(person{}, "/user/info/self"),
		"a bad one, the classic way":      {method: http.MethodGet, path: "/user/info/self", header: http.Header{"Authorization": {"Bearer invalid"}}},
		"one word for a token":            auth("Bearer"),
		"another scheme":                  auth("Not_bearer abc"),
		"another scheme and three words":  auth("Invalid JWT token"),
		"a token that is not one":         auth("Bearer invalid"),
		"nothing there":                   get(r.reader, "/nothing"),
		"wrong method":                    get(r.reader, "/raw"),
		"not JSON by its type":            {method: http.MethodPost, path: "/query", as: r.reader, header: form, body: strings.NewReader("x")},
		"query without type":              post(r.reader, "/query", `{"data":{}}`),
		"query without data":              post(r.reader, "/query", `{"type":"count"}`),
		"query that is no JSON":           post(r.reader, "/query", `{"type":`),
		"query in both forms":             post(r.reader, "/query", `{"type":"count","data":{},"tdql":"x"}`),
		"text with two faults":            post(r.reader, "/query", `{"tdql":"count ipv4 1.1.1.1 last 7x\n| limit x"}`),
		"report of a query with a fault":  post(r.reader, "/api/v1/reports", `{"tdql":"count ipv4 1.1.1.1 last 7x"}`),
		"report with an unknown member":   post(r.reader, "/api/v1/reports", `{"tdql":"events","hello":1}`),
		"report that is not there":        get(r.reader, "/api/v1/reports/abc"),
		"report with an odd id":           get(r.reader, "/api/v1/reports/%2e%2e"),
		"rows of no report":               get(r.reader, "/api/v1/reports/abc/rows"),
		"rows after nonsense":             get(r.reader, "/api/v1/reports/abc/rows?after=x"),
		"upload that is not there":        get(r.admin, "/api/v1/uploads/abc"),
		"upload without organisation":     post(r.admin, "/api/v1/raw?typetag=cowrie", "{}"),
		"upload without typetag":          post(r.admin, "/api/v1/raw?org=x", "{}"),
		"upload for an unknown org":       post(r.admin, "/api/v1/raw?org=nobody&typetag=cowrie", "{}"),
		"upload by a reader":              post(r.reader, "/api/v1/raw?typetag=cowrie&org="+r.orgName, "{}"),
		"org by somebody ordinary":        post(r.admin, "/api/v1/orgs", `{"name":"mine"}`),
		"org without a name":              post(r.super, "/api/v1/orgs", `{}`),
		"org that is there":               post(r.super, "/api/v1/orgs", `{"name":"`+r.orgName+`"}`),
		"org of nobody":                   post(r.super, "/api/v1/orgs", `{"name":"x","admins":["nobody@example.org"]}`),
		"the last admin goes":             {method: http.MethodDelete, path: "/api/v1/orgs/" + r.orgName + "/members/ada@example.org", as: r.admin},
		"body that is too large":          post(r.reader, "/query", strings.Repeat(" ", 2<<20)),
		"rows as an image":                {method: http.MethodGet, path: "/api/v1/reports/abc/rows", as: r.reader, header: http.Header{"Accept": {"image/png"}}},
		"another site's page":             {method: http.MethodPost, path: "/query", as: r.reader, header: http.Header{"Origin": {"https://evil.example"}}, body: strings.NewReader("{}")},
		"another site's page, newer mark": {method: http.MethodPost, path: "/query", as: r.reader, header: http.Header{"Sec-Fetch-Site": {"cross-site"}}, body: strings.NewReader("{}")},
	}
}

func TestProblems(t *testing.T) {
	r := newRig(t)
	const file = "testdata/problems.txtar"
	golden, err := txtar.ParseFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	want := map[string]string{}
	if golden != nil {
		for _, f := range golden.Files {
			want[f.Name] = string(f.Data)
		}
	}
	got := map[string]string{}
	for name, c := range problemCases(r) {
		if c.header == nil {
			c.header = http.Header{}
		}
		c.header.Set("X-Request-Id", "golden")
		got[name] = describe(t, r.do(c))
	}
	if os.Getenv("UPDATE_GOLDEN") != "" {
		writeGolden(t, file, got)
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// describe prints what matters of an answer.
func describe(t *testing.T, a answer) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintln(&b, a.status)
	for _, name := range []string{"Content-Type", "Www-Authenticate", "Allow", "X-Request-Id"} {
		if v := a.header.Get(name); v != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, v)
		}
	}
	var body any
	if err := json.Unmarshal(a.body, &body); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	text, err := json.MarshalIndent(body, "", "  ")
	check(t, err)
	b.Write(append(text, '\n'))
	return b.String()
}

func writeGolden(t *testing.T, file string, got map[string]string) {
	t.Helper()
	var a txtar.Archive
	for _, name := range sortedKeys(got) {
		a.Files = append(a.Files, txtar.File{Name: name, Data: []byte(got[name])})
	}
	check(t, os.MkdirAll(filepath.Dir(file), 0o755))
	check(t, os.WriteFile(file, txtar.Format(&a), 0o644))
}

func TestServerFaultsTellNothing(t *testing.T) {
	r := newRig(t, func(c *web.Config) { c.TempDir = "/nonexistent/secret-place" })
	got := r.do(uploadForm(t, r.admin, "file", "name", "orgid="+r.orgName, "typetag", "timezone"))
	if got.status != http.StatusInternalServerError || got.text(t, "message") != "500 Server Error" {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if strings.Contains(string(got.body), "secret-place") {
		t.Errorf("inner text came out: %s", got.body)
	}
	id := got.text(t, "request_id")
	if id == "" || id != got.header.Get("X-Request-Id") || !regexp.MustCompile("request failed.*"+id+".*secret-place").MatchString(r.log.String()) {
		t.Errorf("request id %q does not lead to the cause in the log", id)
	}
}

func TestOperationalPaths(t *testing.T) {
	broken := func(context.Context) error { return errors.New("broken pipe to 10.1.2.3") }
	r := newRig(t, func(c *web.Config) { c.Checks["bus"] = broken })
	for path, want := range map[string]int{
		"/ping": 200, "/healthz": 200, "/api/v1/version": 200, "/readyz": 503,
	} {
		if got := r.get(person{}, path); got.status != want {
			t.Errorf("%s: got %d, want %d", path, got.status, want)
		}
	}
	if got := r.get(person{}, "/ping"); string(got.body) != "{\"message\":\"pong\"}\n" {
		t.Errorf("ping: got %s", got.body)
	}
	got := r.get(person{}, "/readyz")
	if got.text(t, "detail") != "Not ready: bus." || got.header.Get("Retry-After") == "" {
		t.Errorf("readyz: got %v %s", got.header, got.body)
	}
}

func TestReady(t *testing.T) {
	r := newRig(t)
	if got := r.get(person{}, "/readyz"); got.status != http.StatusOK {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestRequestIDs(t *testing.T) {
	r := newRig(t)
	for sent, same := range map[string]bool{"abc-1.2_3": true, "": false, "a b": false, strings.Repeat("x", 65): false, "a\"=1": false} {
		got := r.do(call{method: http.MethodGet, path: "/ping", header: http.Header{"X-Request-Id": {sent}}}).header.Get("X-Request-Id")
		if (got == sent) != same || got == "" {
			t.Errorf("sent %q, got %q", sent, got)
		}
	}
}

func TestLogsHoldNoSecretsAndNoIndicators(t *testing.T) {
	r := newRig(t)
	r.get(r.reader, "/api/v1/reports?after=evil-indicator.example")
	r.get(r.reader, "/evil-indicator.example")
	r.post(r.reader, "/query", `{"tdql":"count domain evil-indicator.example"}`)
	r.post(r.reader, "/query", `{"tdql":"count domain evil-indicator.example | | "}`)
	log := r.log.String()
	if !strings.Contains(log, "route=/query status=") {
		t.Errorf("no access log:\n%s", log)
	}
	for _, secret := range []string{r.reader.token, "evil-indicator"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q:\n%s", secret, log)
		}
	}
}

func TestPageIsSelfContained(t *testing.T) {
	r := newRig(t)
	policy := r.get(person{}, "/").header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %q", policy, want)
		}
	}
	outside := regexp.MustCompile(`(?i)(src|href|url\(|from|import)[ =("']+(https?:)?//|document\.write|\beval\(|new Function`)
	inline := regexp.MustCompile(`(?i)<[^>]* (style|on[a-z]+)=|<style|<script(>| [^>]*>[^<])`)
	err := fs.WalkDir(ui.Files(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		route := "/" + strings.TrimSuffix(name, "index.html")
		got := r.get(person{}, route)
		text, err := fs.ReadFile(ui.Files(), name)
		if err != nil {
			return err
		}
		if got.status != http.StatusOK || string(got.body) != string(text) || got.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: got %d, %d bytes, %v", route, got.status, len(got.body), got.header)
		}
		if found := outside.Find(text); found != nil && path.Ext(name) != ".md" {
			t.Errorf("%s has %q", name, found)
		}
		if found := inline.Find(text); found != nil && path.Ext(name) == ".html" {
			t.Errorf("%s has %q", name, found)
		}
		again := r.do(call{method: http.MethodGet, path: route, header: http.Header{"If-None-Match": {got.header.Get("ETag")}}})
		if again.status != http.StatusNotModified {
			t.Errorf("%s again: got %d", route, again.status)
		}
		return nil
	})
	check(t, err)
}
