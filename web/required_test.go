package web_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestBodiesNeedWhatTheDocumentSays sends each operation that takes JSON a body that has what the document requires and nothing else, which does; and
// the same without each of its members, or with null for it, which is refused by name.
func TestBodiesNeedWhatTheDocumentSays(t *testing.T) {
	r := newRig(t)
	d := r.document()
	r.load(strings.ReplaceAll(logins(2), "198.51.100.7", "198.51.100.77"))
	event := r.hashesBy(r.admin, "events where ipv4 = 198.51.100.77")["login"]
	object := r.hashesBy(r.admin, "event "+event+" | objects")["attacker"]
	const password = "a long enough sentence"
	reset, changes, signsIn := "nora@example.org", "quinn@example.org", "rosa@example.org" // whose passwords change or do not
	hashes := map[string]string{}
	for _, email := range []string{reset, changes, signsIn} {
		hashes[email] = r.post(r.super, "/api/v1/users", `{"email":"`+email+`","password":"`+password+`"}`).text(t, "hash")
	}
	nora, reader, member := hashes[reset], hashes[changes], hashes[signsIn]
	saved := r.post(r.admin, "/api/v1/saved", `{"name":"mine","tdql":"events"}`).text(t, "id")
	org, user := "/api/v1/orgs/"+r.orgName, "/api/v1/users/"+reset
	session := person{token: r.post(person{}, "/api/v1/session", `{"email":"`+changes+`","password":"`+password+`","token":true}`).text(t, "token")}
	role := `{"org_hash":"` + r.org.Hash.String() + `","user":"`
	r.post(r.admin, "/org/add/user", role+reader+`","add_to":"acl"}`)
	type sent struct {
		as         person
		path, body string // a path that is not the route's own
	}
	rows := map[string]sent{
		"POST /create/user":  {r.super, "", `{"email":"omar@example.org","password":"` + password + `","password2":"` + password + `","name":"Omar"}`},
		"POST /create/org":   {r.super, "", `{"orgname":"` + r.orgName + `-2","user":"` + nora + `","admin":"` + nora + `","name":"Two"}`},
		"POST /org/add/user": {r.admin, "", role + nora + `","add_to":"acl"}`},
		"POST /org/del/user": {r.admin, "", role + reader + `","del_from":"acl"}`},
		"POST /org/info":     {r.admin, "", `{"org_hash":"` + r.org.Hash.String() + `"}`},
		"POST /query":        {r.admin, "", ""}, // either of two forms, which the document does not tell: FuzzClassicQuery

		"POST /api/v1/orgs":                     {r.super, "", `{"name":"` + r.orgName + `-3"}`},
		"PUT /api/v1/orgs/{org}/members/{user}": {r.admin, org + "/members/" + member, `{"role":"member"}`},
		"POST /api/v1/users":                    {r.super, "", `{"email":"pia@example.org"}`},
		"PUT /api/v1/users/{user}/password":     {r.super, user + "/password", `{"password":"` + password + ` anew"}`},
		"POST /api/v1/users/{user}/tokens":      {r.super, user + "/tokens", `{}`},
		"PUT /api/v1/users/{user}/disabled":     {r.super, user + "/disabled", `{"disabled":false}`},
		"POST /api/v1/tokens":                   {r.admin, "", `{}`},
		"POST /api/v1/session":                  {person{}, "", `{"email":"` + signsIn + `","password":"` + password + `"}`},
		"PUT /api/v1/me/password":               {session, "", `{"old":"` + password + `","password":"` + password + ` of mine"}`},

		"POST /api/v1/reprocess": {r.super, "", `{"typetag":"zeek"}`},
		"POST /api/v1/sources":   {r.admin, "", `{"name":"feed","kind":"syslog","org":"` + r.orgName + `","typetag":"csv","listen":"udp:0"}`},
		"POST /api/v1/reports":   {r.admin, "", `{"tdql":"count events"}`},
		"POST /api/v1/export":    {r.admin, "", `{"hashes":["` + event + `"]}`},

		"POST /api/v1/tdql/check":     {r.admin, "", `{"tdql":"events"}`},
		"POST /api/v1/tdql/format":    {r.admin, "", `{"tdql":"events"}`},
		"POST /api/v1/tdql/explain":   {r.admin, "", `{"tdql":"events"}`},
		"POST /api/v1/tdql/complete":  {r.admin, "", `{"tdql":""}`},
		"POST /api/v1/tdql/rewrite":   {r.admin, "", `{"tdql":"events"}`},
		"POST /api/v1/tdql/indicator": {r.admin, "", `{"text":""}`},

		"POST /api/v1/instances/{hash}/comments": {r.admin, "/api/v1/instances/" + event + "/comments", `{"text":"x","org":"` + r.orgName + `"}`},
		"POST /api/v1/saved":                     {r.admin, "", `{"name":"x","tdql":"events"}`},
		"PUT /api/v1/saved/{id}":                 {r.admin, "/api/v1/saved/" + saved, `{"name":"y","tdql":"events"}`},
		"PUT /api/v1/events/{hash}/category":     {r.admin, "/api/v1/events/" + event + "/category", `{"category":"benign"}`},
		"PUT /api/v1/events/{hash}/context":      {r.admin, "/api/v1/events/" + event + "/context", `{"instance":"` + object + `","context":"malicious"}`},
		"PUT /api/v1/events/{hash}/marking":      {r.admin, "/api/v1/events/" + event + "/marking", `{"tlp":"green"}`},
	}
	for path, operations := range d.paths {
		for method, o := range operations {
			route := strings.ToUpper(method) + " " + path
			body, takes := o.RequestBody.Content["application/json"]
			row, ok := rows[route]
			delete(rows, route)
			if takes != ok {
				t.Errorf("%s takes JSON: %v, is sent here: %v", route, takes, ok)
			}
			if row.body == "" {
				continue
			}
			if row.path == "" {
				row.path = path
			}
			d.needs(route, body.Schema, row.body, func(body string) answer { return r.as(row.as, strings.ToUpper(method), row.path, body) })
		}
	}
	if len(rows) > 0 {
		t.Errorf("not in the document: %v", slices.Collect(maps.Keys(rows)))
	}
}

// needs sends a body, and the same without each of its members, which must be those that the document requires.
func (d *apiDocument) needs(route string, schema json.RawMessage, body string, send func(string) answer) {
	d.t.Helper()
	var ref struct {
		Ref string `json:"$ref"`
	}
	check(d.t, json.Unmarshal(schema, &ref))
	required := slices.Sorted(slices.Values(d.schemas[strings.TrimPrefix(ref.Ref, "#/components/schemas/")].Required))
	var members map[string]any
	check(d.t, json.Unmarshal([]byte(body), &members))
	given := slices.DeleteFunc(slices.Sorted(maps.Keys(members)), func(name string) bool { return name == "listen" }) // of one kind of source
	if !slices.Equal(required, given) {
		d.t.Errorf("%s: the document requires %q, and what is sent has %q", route, required, given)
	}
	for _, name := range required {
		for _, null := range []bool{false, true} {
			less := maps.Clone(members)
			if less[name] = nil; !null {
				delete(less, name)
			}
			got := send(string(must(json.Marshal(less))(d.t)))
			if got.status != http.StatusBadRequest || !strings.Contains(string(got.body), "'"+name+"'") {
				d.t.Errorf("%s without %s, null %v: got %d %s", route, name, null, got.status, got.body)
			}
		}
	}
	if got := send(body); got.status >= http.StatusMultipleChoices {
		d.t.Errorf("%s with %s: got %d %s", route, body, got.status, got.body)
	}
}
