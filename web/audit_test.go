package web_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/taxii"
)

// unrecorded are the routes that change something and leave no record, each with the reason why.
var unrecorded = map[string]string{
	"POST /api/v1/raw/detect":               "nothing is kept",
	"POST /api/v1/tdql/check":               "nothing is asked of the graph",
	"POST /api/v1/tdql/format":              "nothing is asked of the graph",
	"POST /api/v1/tdql/explain":             "nothing is asked of the graph",
	"POST /api/v1/tdql/rewrite":             "nothing is asked of the graph",
	"POST /api/v1/tdql/indicator":           "nothing is asked of the graph",
	"POST /api/v1/tdql/complete":            "it tells sub-types and values that the caller may read, a key at a time",
	"PUT /api/v1/events/:hash/marking":      "see TestMarkings",
	"PUT /api/v1/events/:hash/category":     "see TestClassification",
	"PUT /api/v1/events/:hash/context":      "see TestClassification",
	"DELETE /api/v1/events/:hash":           "see TestEventsAreRemoved",
	"DELETE /api/v1/uploads/:id":            "see TestUploadsAreTakenBack",
	"DELETE /api/v1/orgs/:org/data":         "see TestUploadsAreTakenBack",
	"POST /api/v1/instances/:hash/comments": "see TestComments",
	"DELETE /api/v1/comments/:id":           "see TestComments",
	"POST /api/v1/saved":                    "saved queries are notes of people's own",
	"PUT /api/v1/saved/:id":                 "saved queries are notes of people's own",
	"DELETE /api/v1/saved/:id":              "saved queries are notes of people's own",
	"DELETE /api/v1/reports/:id":            "it ends a query of the caller's own",
	"DELETE /api/v1/session":                "see TestSignInsAreRecorded",
	"PUT /api/v1/me/password":               "see TestSignInsAreRecorded",
	"POST /api/v1/session":                  "see TestSignInsAreRecorded",
	"DELETE /api/v1/reprocess/:id":          "see TestReprocess; the job may have ended before",
}

// deed is a call that changes something, and what the audit trail says of it.
type deed struct {
	route string // as in the table of routes
	call  call
	want  audit.Action
}

// deeds are calls of every route that changes something.
func deeds(t *testing.T, r *rig) []deed {
	t.Helper()
	orgs := "/api/v1/orgs/" + r.orgName
	rita, new := r.reader.Hash.String(), "/api/v1/users/new@example.org"
	letters := []string{r.bury("cowrie", login), r.bury("cowrie", login)}
	as := func(who person, method, path, body string) call {
		return call{method: method, path: path, as: who, body: strings.NewReader(body)}
	}
	classic := func(list string) string {
		return fmt.Sprintf(`{"org_hash":%q,"user":%q,%s}`, r.org.Hash, rita, list)
	}
	old := fmt.Sprintf(`{"orgname":"%s-old","user":%q,"admin":%q,"name":"Old"}`, r.orgName, rita, rita)
	person := fmt.Sprintf(`{"email":"old@example.org","password":%q,"password2":%q,"name":"Old"}`, goodPassword, goodPassword)
	feed := fmt.Sprintf(`{"name":"feed","kind":"http","org":%q,"typetag":"indicators","url":"http://127.0.0.1:1/","secret":"s3cr3t-of-the-feed","stopped":true}`, r.orgName)
	toInbox := as(r.admin, "POST", objectsOf(taxii.InboxID(r.org.Hash.String())), indicatorEnvelope)
	toInbox.header = http.Header{"Content-Type": {taxii.MediaType}}
	collection := objectsOf(r.save(r.reader, "polled", "events login", false))
	return []deed{
		{"GET /taxii2/api/collections/:id/objects/", as(r.reader, "GET", collection, ""), audit.Ask},
		{"POST /create/org", as(r.super, "POST", "/create/org", old), audit.OrgCreate},
		{"POST /create/user", as(r.super, "POST", "/create/user", person), audit.TokenCreate},
		{"POST /org/add/user", as(r.admin, "POST", "/org/add/user", classic(`"add_to":"user"`)), audit.OrgMembers},
		{"POST /org/del/user", as(r.admin, "POST", "/org/del/user", classic(`"del_from":"user"`)), audit.OrgMembers},
		{"POST /raw", uploadForm(t, r.admin, "orgid="+r.orgName, "name", "typetag", "timezone", "file"), audit.Upload},
		{"POST /query", as(r.reader, "POST", "/query", `{"tdql":"count ipv4 192.0.2.7"}`), audit.Ask},
		{"POST /api/v1/orgs", as(r.super, "POST", "/api/v1/orgs", `{"name":"`+r.orgName+`-new"}`), audit.OrgCreate},
		{"PUT /api/v1/orgs/:org/members/:user", as(r.admin, "PUT", orgs+"/members/"+rita, `{"role":"member"}`), audit.OrgMembers},
		{"DELETE /api/v1/orgs/:org/members/:user", as(r.admin, "DELETE", orgs+"/members/"+rita, ""), audit.OrgMembers},
		{"POST /api/v1/tokens", as(r.reader, "POST", "/api/v1/tokens", `{"right":"read","label":"mine"}`), audit.TokenCreate},
		{"DELETE /api/v1/tokens/:id", as(r.reader, "DELETE", "/api/v1/tokens/TOKEN", ""), audit.TokenRevoke},
		{"POST /api/v1/users", as(r.super, "POST", "/api/v1/users", `{"email":"new@example.org"}`), audit.UserCreate},
		{"PUT /api/v1/users/:user/password", as(r.super, "PUT", new+"/password", `{"password":"`+goodPassword+`"}`), audit.UserPassword},
		{"POST /api/v1/users/:user/tokens", as(r.super, "POST", new+"/tokens", `{"right":"upload"}`), audit.TokenCreate},
		{"DELETE /api/v1/users/:user/tokens/:id", as(r.super, "DELETE", new+"/tokens/TOKEN", ""), audit.TokenRevoke},
		{"PUT /api/v1/users/:user/disabled", as(r.super, "PUT", new+"/disabled", `{"disabled":true}`), audit.UserDisable},
		{"PUT /api/v1/users/:user/disabled", as(r.super, "PUT", new+"/disabled", `{"disabled":false}`), audit.UserEnable},
		{"POST /api/v1/raw", as(r.admin, "POST", "/api/v1/raw?typetag=cowrie&org="+r.orgName, login), audit.Upload},
		{"POST /taxii2/api/collections/:id/objects/", toInbox, audit.Upload},
		{"GET /api/v1/dead/:id", as(r.admin, "GET", "/api/v1/dead/"+letters[0], ""), audit.DeadRead},
		{"POST /api/v1/dead/:id/retry", as(r.admin, "POST", "/api/v1/dead/"+letters[0]+"/retry", ""), audit.DeadRetry},
		{"DELETE /api/v1/dead/:id", as(r.admin, "DELETE", "/api/v1/dead/"+letters[1], ""), audit.DeadDelete},
		{"POST /api/v1/reprocess", as(r.admin, "POST", "/api/v1/reprocess", `{"typetag":"cowrie","org":"`+r.orgName+`"}`), audit.Reprocess},
		{"POST /api/v1/sources", as(r.admin, "POST", "/api/v1/sources", feed), audit.SourceAdd},
		{"POST /api/v1/sources/:id/start", as(r.admin, "POST", "/api/v1/sources/SOURCE/start", ""), audit.SourceStart},
		{"POST /api/v1/sources/:id/stop", as(r.admin, "POST", "/api/v1/sources/SOURCE/stop", ""), audit.SourceStop},
		{"DELETE /api/v1/sources/:id", as(r.admin, "DELETE", "/api/v1/sources/SOURCE", ""), audit.SourceRemove},
		{"POST /api/v1/reports", as(r.admin, "POST", "/api/v1/reports", `{"tdql":"count ipv4 192.0.2.8"}`), audit.Ask},
		{"GET /api/v1/export", as(r.reader, "GET", "/api/v1/export", ""), audit.Export},
		{"POST /api/v1/export", as(r.reader, "POST", "/api/v1/export", `{"hashes":["`+strings.Repeat("0", 64)+`"]}`), audit.Export},
		{"GET /api/v1/audit", as(r.super, "GET", "/api/v1/audit", ""), audit.AuditRead},
	}
}

// newest is the newest record that fits, as it is kept.
func (r *rig) newest(f audit.Filter) audit.Line {
	r.t.Helper()
	lines, _, err := r.audit.Read(r.t.Context(), f, 10000)
	check(r.t, err)
	if len(lines) == 0 {
		return audit.Line{}
	}
	return lines[len(lines)-1]
}

func TestEveryChangeIsRecorded(t *testing.T) {
	r := newRig(t)
	reached := map[string]bool{}
	var token, source string
	for _, d := range deeds(t, r) {
		d.call.path = strings.NewReplacer("TOKEN", token, "SOURCE", source).Replace(d.call.path)
		if d.call.header == nil {
			d.call.header = http.Header{}
		}
		id := fmt.Sprint("deed-", len(reached))
		d.call.header.Set("X-Request-Id", id)
		got := r.do(d.call)
		reached[d.route] = true
		if got.status >= 300 {
			t.Errorf("%s: got %d %s", d.route, got.status, got.body)
			continue
		}
		switch d.want {
		case audit.TokenCreate:
			token = got.text(t, "id")
		case audit.SourceAdd:
			source = got.text(t, "id")
		}
		record := r.newest(audit.Filter{Action: string(d.want)})
		if record.Request != id || record.User != d.call.as.Hash.String() || record.Outcome != audit.Done || record.Address != "127.0.0.1" || record.Token == "" {
			t.Errorf("%s: the record is %s", d.route, record.Text)
		}
	}
	for route := range r.server.Routes() {
		changes := !strings.HasPrefix(route, "GET ") && !strings.HasPrefix(route, "HEAD ")
		if changes && !reached[route] && unrecorded[route] == "" && route != "POST /org/info" {
			t.Errorf("%s: does it tell the audit trail? Add it to deeds, or with the reason to unrecorded", route)
		}
	}
	r.trailIsWhole()
}

// told checks what the trail has of the newest of some actions: each by the administrator, about the organisation and an object.
func (r *rig) told(object string, actions ...audit.Action) {
	r.t.Helper()
	for _, action := range actions {
		got := r.newest(audit.Filter{Action: string(action)})
		if got.User != r.admin.Hash.String() || got.Object != object || !slices.Contains(got.Orgs, r.org.Hash) || got.Outcome != audit.Done {
			r.t.Errorf("%s: the record is %s", action, got.Text)
		}
	}
}

// trailIsWhole checks the chain, and that nothing secret is in it.
func (r *rig) trailIsWhole() {
	r.t.Helper()
	got := r.get(r.super, "/api/v1/audit")
	lines := slices.Collect(strings.Lines(string(got.body)))
	texts := make([][]byte, len(lines))
	for i, l := range lines {
		texts[i] = []byte(strings.TrimSuffix(l, "\n"))
	}
	if _, _, err := audit.Verify(texts); err != nil || len(texts) == 0 {
		r.t.Errorf("%d records: %v", len(texts), err)
	}
	for _, secret := range []string{goodPassword, r.super.token, r.admin.token, "s3cr3t-of-the-feed", "argon2", "198.51.100.7"} {
		if strings.Contains(string(got.body), secret) {
			r.t.Errorf("the trail has %q", secret)
		}
	}
}

func TestSignInsAreRecorded(t *testing.T) {
	r := newRig(t)
	check(t, r.users.SetPassword(t.Context(), r.reader.Hash, goodPassword))
	must(r.users.Grant(t.Context(), r.org.Hash, r.reader.Hash, identity.Member))(t)
	last := func() audit.Line { return r.newest(audit.Filter{}) }

	r.signIn("rita@example.org", "not the password", "")
	if got := last(); got.Action != audit.SignIn || got.Outcome != audit.Refused || got.Object != r.reader.Hash.String() || !slices.Contains(got.Orgs, r.org.Hash) {
		t.Errorf("a wrong password: %s", got.Text)
	}
	r.signIn(goodPassword, "rita@example.org", "") // in the wrong field
	if got := last(); got.Outcome != audit.Refused || got.Object != "" {
		t.Errorf("no such user: %s", got.Text)
	}
	signed := r.signIn("rita@example.org", goodPassword, `,"token":true`)
	if got := last(); got.Action != audit.SignIn || got.Outcome != audit.Done || got.User != r.reader.Hash.String() || !slices.Contains(got.Orgs, r.org.Hash) {
		t.Errorf("a sign-in: %s", got.Text)
	}
	rita := person{User: r.reader.User, token: signed.text(t, "token")}
	r.as(rita, http.MethodPut, "/api/v1/me/password", `{"old":"wrong","password":"another good sentence"}`)
	if got := last(); got.Action != audit.Access || got.Outcome != audit.Refused || got.User != r.reader.Hash.String() {
		t.Errorf("a wrong old password: %s", got.Text)
	}
	r.do(call{method: http.MethodDelete, path: "/api/v1/session", as: rita})
	if got := last(); got.Action != audit.SignOut || got.User != r.reader.Hash.String() {
		t.Errorf("a sign-out: %s", got.Text)
	}
	r.as(r.reader, http.MethodPut, "/api/v1/me/password", `{"old":"`+goodPassword+`","password":"another good sentence"}`)
	if got := r.newest(audit.Filter{Action: string(audit.UserPassword)}); got.User != r.reader.Hash.String() {
		t.Errorf("a new password: %s", got.Text)
	}
	r.trailIsWhole()
}

func TestRefusalsAreRecorded(t *testing.T) {
	r := newRig(t)
	for name, c := range map[string]struct {
		call  call
		actor person
		org   bool // whether the organisation is told
	}{
		"no token":             {call{method: "GET", path: "/api/v1/me"}, person{}, false},
		"a token that is none": {call{method: "GET", path: "/api/v1/me", as: person{token: "eyJhbGciOiJub25lIn0.e30."}}, person{}, false},
		"an upload":            {call{method: "POST", path: "/api/v1/raw?typetag=x&org=" + r.orgName, as: r.reader, body: strings.NewReader("{}")}, r.reader, true},
		"somebody else's org":  {call{method: "GET", path: "/api/v1/orgs/" + r.orgName, as: r.stranger}, r.stranger, true},
		"for superusers":       {call{method: "GET", path: "/api/v1/users", as: r.admin}, r.admin, false},
		"another's raw":        {call{method: "GET", path: "/api/v1/audit?org=" + r.orgName, as: r.stranger}, r.stranger, true},
	} {
		r.do(c.call)
		got := r.newest(audit.Filter{})
		user := ""
		if c.actor.token != "" {
			user = c.actor.Hash.String()
		}
		if got.Action != audit.Access || got.Outcome != audit.Refused || got.User != user || slices.Contains(got.Orgs, r.org.Hash) != c.org || got.Detail["route"] == "" {
			t.Errorf("%s: %s", name, got.Text)
		}
	}
	r.trailIsWhole()
}

func TestWhoSeesTheAuditTrail(t *testing.T) {
	r := newRig(t)
	r.post(r.reader, "/api/v1/reports", `{"tdql":"count ipv4 192.0.2.7"}`)
	r.post(r.admin, "/api/v1/reports", `{"tdql":"count ipv4 192.0.2.8"}`)
	other := must(r.users.CreateOrg(t.Context(), r.stranger.Hash, identity.Org{Name: r.orgName + "-other"}))(t)
	seen := func(as person, query string) (int, string) {
		got := r.get(as, "/api/v1/audit"+query)
		return got.status, string(got.body)
	}
	status, text := seen(r.admin, "")
	for part, want := range map[string]bool{
		"rita@example.org": true, "192.0.2.7": false, "192.0.2.8": true, r.org.Hash.String(): true, other.Hash.String(): false, `"before"`: false,
	} {
		if strings.Contains(text, part) != want {
			t.Errorf("the administrator, %s: want %v in %d %s", part, want, status, text)
		}
	}
	if _, text := seen(r.super, ""); !strings.Contains(text, "192.0.2.7") || !strings.Contains(text, other.Hash.String()) {
		t.Errorf("the superuser sees %s", text)
	}
	if _, text := seen(r.super, "?org="+other.Name); strings.Contains(text, r.org.Hash.String()) || !strings.Contains(text, "org.create") {
		t.Errorf("the superuser sees of the other %s", text)
	}
	for query, want := range map[string]int{"": 403, "?org=" + r.orgName: 404, "?org=nobody": 404} {
		if status, text := seen(r.reader, query); status != want {
			t.Errorf("a reader: got %d %s", status, text)
		}
	}
	if status, text := seen(r.stranger, ""); status != 200 || strings.Contains(text, r.org.Hash.String()) {
		t.Errorf("another administrator: got %d %s", status, text)
	}
	for _, query := range []string{"?since=yesterday", "?until=x", "?limit=0", "?cursor=x"} {
		if status, text := seen(r.admin, query); status != 400 {
			t.Errorf("%s: got %d %s", query, status, text)
		}
	}
}

func TestTheAuditTrailHasFormatsAndPages(t *testing.T) {
	r := newRig(t)
	for range 5 {
		r.as(r.admin, http.MethodPut, "/api/v1/orgs/"+r.orgName+"/members/"+r.reader.Hash.String(), `{"role":"member"}`)
	}
	path := "/api/v1/audit?action=org.&org=" + r.orgName
	get := func(path, accept string) answer {
		return r.do(call{method: http.MethodGet, path: path, as: r.admin, header: http.Header{"Accept": {accept}}})
	}
	var records []audit.Record
	check(t, json.Unmarshal(get(path, "application/json").body, &records))
	if len(records) != 7 || records[0].Action != audit.OrgCreate || records[6].Detail[r.reader.Email] != "" {
		t.Errorf("got %+v", records)
	}
	table := must(csv.NewReader(strings.NewReader(string(get(path, "text/csv").body))).ReadAll())(t)
	if len(table) != 8 || table[0][0] != "number" || table[1][3] != "org.create" {
		t.Errorf("got %q", table)
	}
	if got := get(path, "application/stix+json"); got.status != http.StatusNotAcceptable {
		t.Errorf("STIX: got %d", got.status)
	}
	var numbers []uint64
	for next := path + "&limit=3"; next != ""; {
		got := get(next, "application/json")
		var page []audit.Record
		check(t, json.Unmarshal(got.body, &page))
		for _, record := range page {
			numbers = append(numbers, record.Number)
		}
		next, _, _ = strings.Cut(strings.TrimPrefix(got.header.Get("Link"), "<"), ">")
	}
	if len(numbers) != 7 || !slices.IsSorted(numbers) {
		t.Errorf("the pages have %v", numbers)
	}
}

// downLog is an audit trail that cannot be written.
type downLog struct{ audit.Log }

func (downLog) Append(context.Context, string, uint64, []byte) (bool, error) {
	return false, errors.New("no disk")
}

func TestRightsAreNotChangedUnrecorded(t *testing.T) {
	r := newRig(t)
	r.load(strings.ReplaceAll(login, "198.51.100.7", "198.51.100.51"))
	event := "/api/v1/events/" + r.hashesBy(r.reader, "events")["login"]
	journal := must(r.bus.Journal(t.Context(), "audit", 0))(t)
	down := must(audit.New(audit.Config{Log: downLog{journal}, Logger: slog.New(slog.DiscardHandler)}))(t)
	r.users.Audit, r.audit.Log = down, down.Log
	got := r.as(r.admin, http.MethodPut, "/api/v1/orgs/"+r.orgName+"/members/"+r.stranger.Hash.String(), `{"role":"reader"}`)
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if org := must(r.users.Org(t.Context(), r.org.Hash))(t); slices.Contains(org.ACL, r.stranger.Hash) {
		t.Error("it was done even so")
	}
	for _, c := range []call{{method: http.MethodDelete, path: event}, {method: http.MethodPut, path: event + "/marking", body: strings.NewReader(`{"tlp":"red"}`)}} {
		c.as = r.admin
		if got := r.do(c); got.status != http.StatusServiceUnavailable {
			t.Errorf("%s %s: got %d %s", c.method, c.path, got.status, got.body)
		}
	}
	if n := r.count(r.reader, "events"); n != 1 {
		t.Errorf("a reader sees %v events, want 1", n)
	}
	if got := r.post(r.reader, "/api/v1/reports", `{"tdql":"count ipv4 192.0.2.7"}`); got.status >= 300 {
		t.Errorf("a question: got %d %s", got.status, got.body)
	}
	if got := r.post(r.admin, "/api/v1/raw?typetag=cowrie&org="+r.orgName, login); got.status != http.StatusCreated {
		t.Errorf("an upload: got %d %s", got.status, got.body)
	}
}

func TestDisabledUsersMayNothing(t *testing.T) {
	r := newRig(t)
	check(t, r.users.SetPassword(t.Context(), r.reader.Hash, goodPassword))
	header := http.Header{"Authorization": {"Bearer " + r.reader.token}}
	conn, _, err := websocket.DefaultDialer.DialContext(t.Context(), strings.Replace(r.url, "http", "ws", 1)+"/ws", header)
	check(t, err)
	defer conn.Close()

	rita := "/api/v1/users/rita@example.org/disabled"
	if got := r.as(r.super, http.MethodPut, "/api/v1/users/root@example.org/disabled", `{"disabled":true}`); got.status != http.StatusConflict {
		t.Errorf("themself: got %d %s", got.status, got.body)
	}
	if got := r.as(r.admin, http.MethodPut, rita, `{"disabled":true}`); got.status != http.StatusForbidden {
		t.Errorf("by somebody ordinary: got %d %s", got.status, got.body)
	}
	if got := r.as(r.super, http.MethodPut, rita, `{"disabled":true}`); got.status != http.StatusOK || got.member(t, "disabled") != true {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	if got := r.get(r.reader, "/api/v1/me"); got.status != http.StatusUnauthorized {
		t.Errorf("their token: got %d %s", got.status, got.body)
	}
	if got := r.signIn("rita@example.org", goodPassword, ""); got.status != http.StatusUnauthorized {
		t.Errorf("their password: got %d %s", got.status, got.body)
	}
	check(t, conn.WriteJSON(map[string]string{"op": "query", "id": "q", "tdql": "events"}))
	check(t, conn.SetReadDeadline(time.Now().Add(30*time.Second)))
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, 4401) {
		t.Errorf("their websocket: got %v", err)
	}
	if orgs := must(r.users.Readable(t.Context(), r.reader.Hash))(t); len(orgs) != 0 {
		t.Errorf("they read %v", orgs)
	}
	if got := r.as(r.super, http.MethodPost, "/api/v1/users/rita@example.org/tokens", `{}`); got.status != http.StatusBadRequest {
		t.Errorf("a token for them: got %d %s", got.status, got.body)
	}
	if got := r.as(r.super, http.MethodPut, rita, `{"disabled":false}`); got.status != http.StatusOK {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	if got := r.get(r.reader, "/api/v1/me"); got.status != http.StatusUnauthorized {
		t.Errorf("their old token: got %d %s", got.status, got.body)
	}
	if got := r.signIn("rita@example.org", goodPassword, ""); got.status != http.StatusCreated {
		t.Errorf("their password again: got %d %s", got.status, got.body)
	}
}
