package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/cybexp/cybexp/taxii"
	"github.com/cybexp/cybexp/web"
)

// apiDocument is the document as it is served, and its schemas.
type apiDocument struct {
	t        *testing.T
	compiler *jsonschema.Compiler
	paths    map[string]map[string]struct {
		RequestBody struct {
			Content map[string]struct{ Schema json.RawMessage }
		}
		Responses map[string]struct {
			Content map[string]struct{ Schema json.RawMessage }
		}
	}
	schemas map[string]struct{ Required []string } // by name
	seen    map[string]bool
}

func (r *rig) document() *apiDocument {
	r.t.Helper()
	got := r.get(person{}, "/openapi.json")
	d := &apiDocument{t: r.t, compiler: jsonschema.NewCompiler(), seen: map[string]bool{}}
	var doc struct {
		OpenAPI    string
		Paths      json.RawMessage
		Components struct{ Schemas json.RawMessage }
	}
	check(r.t, json.Unmarshal(got.body, &doc))
	check(r.t, json.Unmarshal(doc.Paths, &d.paths))
	check(r.t, json.Unmarshal(doc.Components.Schemas, &d.schemas))
	if got.status != http.StatusOK || doc.OpenAPI != "3.1.0" {
		r.t.Fatalf("got %d %.200s", got.status, got.body)
	}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	check(r.t, d.compiler.AddResource("api.json", must(jsonschema.UnmarshalJSON(bytes.NewReader(got.body)))(r.t)))
	return d
}

var pathParam = regexp.MustCompile(`:([a-z]+)`)

// check holds an answer against what the document says of the route.
func (d *apiDocument) check(route string, a answer) {
	d.t.Helper()
	method, path, _ := strings.Cut(route, " ")
	path = pathParam.ReplaceAllString(path, "{$1}")
	d.seen[route] = true
	status := fmt.Sprint(a.status)
	said, ok := d.paths[path][strings.ToLower(method)]
	if !ok {
		d.t.Errorf("%s is not in the document", route)
		return
	}
	success, ok := said.Responses[status]
	if !ok && (a.status != http.StatusOK && a.status != http.StatusCreated || !strings.HasSuffix(path, "/reports") && path != "/query") {
		d.t.Errorf("%s: got %d %s, which the document does not have", route, a.status, a.body)
		return
	}
	if !ok { // of a report that is there already
		for status, success = range said.Responses {
			if status != "default" {
				break
			}
		}
	}
	media := a.header.Get("Content-Type")
	content, ok := success.Content[media]
	if !ok {
		media, _, _ = strings.Cut(media, ";")
		content, ok = success.Content[media]
	}
	if !ok && (len(a.body) > 0 || len(success.Content) > 0) {
		d.t.Errorf("%s: got %s %q, which the document does not have", route, media, a.body)
		return
	}
	if content.Schema == nil {
		return
	}
	pointer := func(parts ...string) string {
		escaped := make([]string, len(parts))
		for i, p := range parts {
			escaped[i] = url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(p))
		}
		return "api.json#/" + strings.Join(escaped, "/")
	}
	schema, err := d.compiler.Compile(pointer("paths", path, strings.ToLower(method), "responses", status, "content", media, "schema"))
	if err != nil {
		d.t.Errorf("%s: %v", route, err)
		return
	}
	body := must(jsonschema.UnmarshalJSON(bytes.NewReader(a.body)))(d.t)
	if err := schema.Validate(body); err != nil {
		d.t.Errorf("%s: %v\n%.600s", route, err, a.body)
	}
}

// TestTheDocumentHasEveryRoute compares what is served with what is told, in both directions.
func TestTheDocumentHasEveryRoute(t *testing.T) {
	r := newRig(t)
	d := r.document()
	told := map[string]bool{}
	for path, methods := range d.paths {
		for method := range methods {
			told[strings.ToUpper(method)+" "+path] = true
		}
	}
	served := map[string]bool{}
	for route := range r.server.Routes() {
		method, path, _ := strings.Cut(route, " ")
		if method == http.MethodHead || slices.Contains(web.Screens, path) || strings.Contains(path, ".") && path != "/openapi.json" {
			continue // the page and its files
		}
		served[method+" "+pathParam.ReplaceAllString(path, "{$1}")] = true
	}
	for route := range served {
		if !told[route] {
			t.Errorf("%s is not in the document", route)
		}
	}
	for route := range told {
		if !served[route] {
			t.Errorf("%s is in the document and not served", route)
		}
	}
}

// TestEveryOperationIsAsTheDocumentSays sends every operation so that it succeeds, and holds the answer against the document.
func TestEveryOperationIsAsTheDocumentSays(t *testing.T) {
	r := newRig(t, func(c *web.Config) {
		c.Doctor = func(context.Context) []web.Finding {
			return []web.Finding{{Check: "disk", Status: web.OK, Text: "there is room"}}
		}
	})
	d := r.document()
	r.load(strings.ReplaceAll(logins(2), "198.51.100.7", "198.51.100.77"))
	dead := []string{r.bury("cowrie", "x"), r.bury("cowrie", "y")}
	event := r.hashesBy(r.admin, "events where ipv4 = 198.51.100.77")["login"]
	raw := r.hashesBy(r.admin, "event "+event+" | raws")["cowrie"]
	object := r.hashesBy(r.admin, "event "+event+" | objects")["attacker"]
	report := r.asked(r.admin, "count ipv4 198.51.100.77")

	kept := map[string]string{} // IDs that answers gave, by the route
	send := func(as person, route, path, body string) {
		t.Helper()
		method, pattern, _ := strings.Cut(route, " ")
		if path == "" {
			path = pattern
		}
		got := r.as(as, method, path, body)
		d.check(route, got)
		if id, _ := func() (string, bool) {
			var v map[string]any
			_ = json.Unmarshal(got.body, &v)
			s, ok := v["id"].(string)
			return s, ok
		}(); id != "" {
			kept[route] = id
		}
	}
	nobody, admin, super := person{}, r.admin, r.super
	for _, route := range []string{"GET /ping", "GET /healthz", "GET /readyz", "GET /openapi.json", "GET /docs", "GET /api/v1/version"} {
		send(nobody, route, "", "")
	}
	for _, route := range []string{"GET /orgs/admin_of", "GET /orgs/user_of", "GET /user/info/self", "GET /api/v1/me", "GET /api/v1/orgs", "GET /api/v1/tokens",
		"GET /api/v1/typetags", "GET /api/v1/stats", "GET /api/v1/dead", "GET /api/v1/reprocess", "GET /api/v1/sources", "GET /api/v1/reports",
		"GET /api/v1/audit", "GET /api/v1/saved"} {
		send(admin, route, "", "")
	}
	send(super, "GET /api/v1/health", "", "")
	send(super, "GET /api/v1/doctor", "", "")
	send(super, "GET /api/v1/users", "", "")

	// Data.
	d.check("POST /raw", r.do(uploadForm(t, admin, "orgid="+r.orgName, "name", "typetag", "timezone", "file")))
	send(admin, "POST /api/v1/raw", "/api/v1/raw?typetag=cowrie&org="+r.orgName, login)
	send(admin, "GET /api/v1/uploads/:id", "/api/v1/uploads/"+kept["POST /api/v1/raw"], "")
	send(admin, "POST /api/v1/raw/detect", "", login)
	send(admin, "GET /api/v1/raw/:hash", "/api/v1/raw/"+raw, "")
	send(admin, "GET /api/v1/dead/:id", "/api/v1/dead/"+dead[0], "")
	send(admin, "POST /api/v1/dead/:id/retry", "/api/v1/dead/"+dead[0]+"/retry", "")
	send(admin, "DELETE /api/v1/dead/:id", "/api/v1/dead/"+dead[1], "")
	send(admin, "POST /api/v1/reprocess", "", `{"typetag":"zeek","org":"`+r.orgName+`"}`)
	send(admin, "GET /api/v1/reprocess/:id", "/api/v1/reprocess/"+kept["POST /api/v1/reprocess"], "")
	send(admin, "DELETE /api/v1/reprocess/:id", "/api/v1/reprocess/"+kept["POST /api/v1/reprocess"], "")
	send(admin, "POST /api/v1/sources", "", `{"name":"feed","kind":"http","org":"`+r.orgName+`","typetag":"csv","url":"http://127.0.0.1:1/","stopped":true}`)
	source := "/api/v1/sources/" + kept["POST /api/v1/sources"]
	send(admin, "GET /api/v1/sources/:id", source, "")
	send(admin, "POST /api/v1/sources/:id/start", source+"/start", "")
	send(admin, "POST /api/v1/sources/:id/stop", source+"/stop", "")
	send(admin, "DELETE /api/v1/sources/:id", source, "")

	// Queries.
	send(admin, "POST /query", "", `{"type":"count","data":{"sub_type":"ipv4","data":"198.51.100.77"}}`)
	send(admin, "POST /api/v1/reports", "", `{"tdql":"events | count"}`)
	send(admin, "GET /api/v1/reports/:id", "/api/v1/reports/"+report, "")
	send(admin, "GET /api/v1/reports/:id/rows", "/api/v1/reports/"+report+"/rows", "")
	send(admin, "DELETE /api/v1/reports/:id", "/api/v1/reports/"+report, "")
	for _, call := range []string{"check", "format", "explain", "complete"} {
		send(admin, "POST /api/v1/tdql/"+call, "", `{"tdql":"ipv4 1.1.1.1 | events last 1d"}`)
	}
	send(admin, "POST /api/v1/tdql/rewrite", "", `{"tdql":"events","last":"1d"}`)
	send(admin, "POST /api/v1/tdql/indicator", "", `{"text":"1.1.1.1 8.8.8.8"}`)

	// Instances and notes.
	instance := "/api/v1/instances/" + event
	send(admin, "GET /api/v1/instances/:hash", instance, "")
	send(admin, "GET /api/v1/instances/:hash/neighbours", instance+"/neighbours", "")
	send(admin, "POST /api/v1/instances/:hash/comments", instance+"/comments", `{"text":"x","org":"`+r.orgName+`"}`)
	send(admin, "GET /api/v1/instances/:hash/comments", instance+"/comments", "")
	send(admin, "DELETE /api/v1/comments/:id", "/api/v1/comments/"+kept["POST /api/v1/instances/:hash/comments"], "")
	send(admin, "POST /api/v1/saved", "", `{"name":"x","tdql":"events last $n","params":{"n":"1d"},"org":"`+r.orgName+`"}`)
	saved := "/api/v1/saved/" + kept["POST /api/v1/saved"]
	send(admin, "GET /api/v1/saved/:id", saved, "")
	send(admin, "PUT /api/v1/saved/:id", saved, `{"name":"y","tdql":"events"}`)
	send(admin, "GET /api/v1/saved", "", "")
	r.sendTaxii(d, send, kept["POST /api/v1/saved"])
	send(admin, "DELETE /api/v1/saved/:id", saved, "")
	send(admin, "PUT /api/v1/events/:hash/category", "/api/v1/events/"+event+"/category", `{"category":"benign"}`)
	send(admin, "PUT /api/v1/events/:hash/context", "/api/v1/events/"+event+"/context", `{"instance":"`+object+`","context":"malicious"}`)
	send(admin, "PUT /api/v1/events/:hash/marking", "/api/v1/events/"+event+"/marking", `{"tlp":"green"}`)
	send(admin, "GET /api/v1/export", "", "")
	send(admin, "POST /api/v1/export", "", `{"hashes":["`+event+`"]}`)
	send(admin, "DELETE /api/v1/events/:hash", "/api/v1/events/"+event, "")
	upload := "/api/v1/uploads/" + kept["POST /api/v1/raw"]
	r.uploaded(kept["POST /api/v1/raw"])
	send(admin, "DELETE /api/v1/uploads/:id", upload, "")
	send(super, "DELETE /api/v1/orgs/:org/data", "/api/v1/orgs/"+r.orgName+"/data", "")
	send(super, "GET /api/v1/removals", "", "")
	send(super, "GET /api/v1/removals/:id", "/api/v1/removals/upload-"+kept["POST /api/v1/raw"], "")
	r.sendPeople(d, send, kept)

	for route := range r.server.Routes() {
		method, path, _ := strings.Cut(route, " ")
		page := method == http.MethodHead || slices.Contains(web.Screens, path) || strings.Contains(path, ".")
		if !page && !d.seen[route] && route != "GET /ws" && route != "GET /api/v1/backup" { // which have tests of their own, and no JSON
			t.Errorf("%s was not sent", route)
		}
	}
	d.check404(r)
}

// sendTaxii sends what is of TAXII, about a collection.
func (r *rig) sendTaxii(d *apiDocument, send func(as person, route, path, body string), id string) {
	const collection, object = "/taxii2/api/collections/:id/", "/taxii2/api/collections/:id/objects/:object/"
	at := "/taxii2/api/collections/" + id + "/"
	one := at + "objects/identity--24938fc5-4f99-4de9-a1d0-5d7e4b0e5219/"
	for route, path := range map[string]string{
		"/taxii2/": "", "/taxii2/api/": "", "/taxii2/api/collections/": "", collection: at, collection + "manifest/": at + "manifest/",
		collection + "objects/": at + "objects/", object: one, object + "versions/": one + "versions/",
	} {
		send(r.admin, "GET "+route, path, "")
	}
	header := http.Header{"Content-Type": {taxii.MediaType}}
	sent := r.do(call{
		method: http.MethodPost, path: objectsOf(taxii.InboxID(r.org.Hash.String())), as: r.admin, header: header, body: strings.NewReader(indicatorEnvelope),
	})
	d.check("POST "+collection+"objects/", sent)
	send(r.admin, "GET /taxii2/api/status/:id/", "/taxii2/api/status/"+sent.text(r.t, "id")+"/", "")
}

// check404 holds problems against the document too.
func (d *apiDocument) check404(r *rig) {
	schema := must(d.compiler.Compile("api.json#/paths/~1api~1v1~1me/get/responses/default/content/application~1problem+json/schema"))(d.t)
	for _, a := range []answer{r.get(person{}, "/api/v1/me"), r.get(r.admin, "/nothing"), r.post(r.admin, "/api/v1/tdql/check", `{"tdql":"count ipv4 1 last 7x"}`)} {
		if err := schema.Validate(must(jsonschema.UnmarshalJSON(bytes.NewReader(a.body)))(d.t)); err != nil {
			d.t.Errorf("%v\n%s", err, a.body)
		}
	}
}

// sendPeople sends what is about people, the sessions last.
func (r *rig) sendPeople(d *apiDocument, send func(as person, route, path, body string), kept map[string]string) {
	admin, super := r.admin, r.super
	const password = "a long enough sentence"
	send(super, "POST /create/user", "", `{"email":"nora@example.org","password":"`+password+`","password2":"`+password+`","name":"Nora"}`)
	nora := must(r.users.FindUser(r.t.Context(), "nora@example.org"))(r.t).Hash.String()
	send(super, "POST /create/org", "", `{"orgname":"`+r.orgName+`-2","user":"`+nora+`","admin":"`+nora+`","name":"Two"}`)
	send(admin, "POST /org/add/user", "", `{"org_hash":"`+r.org.Hash.String()+`","user":"`+nora+`","add_to":"acl"}`)
	send(admin, "POST /org/info", "", `{"org_hash":"`+r.org.Hash.String()+`","return_type":"all"}`)
	send(admin, "POST /org/del/user", "", `{"org_hash":"`+r.org.Hash.String()+`","user":"`+nora+`","del_from":"acl"}`)
	send(super, "POST /api/v1/orgs", "", `{"name":"`+r.orgName+`-3"}`)
	org := "/api/v1/orgs/" + r.orgName
	send(admin, "GET /api/v1/orgs/:org", org, "")
	send(admin, "PUT /api/v1/orgs/:org/members/:user", org+"/members/"+nora, `{"role":"member"}`)
	send(admin, "DELETE /api/v1/orgs/:org/members/:user", org+"/members/"+nora, "")
	send(super, "POST /api/v1/users", "", `{"email":"omar@example.org","name":"Omar","password":"`+password+`"}`)
	user := "/api/v1/users/omar@example.org"
	send(super, "PUT /api/v1/users/:user/password", user+"/password", `{"password":"`+password+` anew"}`)
	send(super, "POST /api/v1/users/:user/tokens", user+"/tokens", `{"label":"x","right":"read"}`)
	send(super, "GET /api/v1/users/:user/tokens", user+"/tokens", "")
	send(super, "DELETE /api/v1/users/:user/tokens/:id", user+"/tokens/"+kept["POST /api/v1/users/:user/tokens"], "")
	send(super, "PUT /api/v1/users/:user/disabled", user+"/disabled", `{"disabled":true}`)
	send(admin, "POST /api/v1/tokens", "", `{"label":"x","right":"read"}`)
	send(admin, "DELETE /api/v1/tokens/:id", "/api/v1/tokens/"+kept["POST /api/v1/tokens"], "")
	signIn := r.post(person{}, "/api/v1/session", `{"email":"nora@example.org","password":"`+password+`","token":true}`)
	d.check("POST /api/v1/session", signIn)
	session := person{token: signIn.text(r.t, "token")}
	send(session, "DELETE /api/v1/session", "", "")
	signIn = r.post(person{}, "/api/v1/session", `{"email":"nora@example.org","password":"`+password+`","token":true}`)
	send(person{token: signIn.text(r.t, "token")}, "PUT /api/v1/me/password", "", `{"old":"`+password+`","password":"`+password+` anew"}`)
}

// TestDocsNeedNothingElse reads the page of the API: it has no script, asks no other host, and names every operation.
func TestDocsNeedNothingElse(t *testing.T) {
	r := newRig(t)
	got := r.get(person{}, "/docs")
	page := string(got.body)
	for _, outside := range []string{"http://", "https://", "<script", "style=", "onclick"} {
		if strings.Contains(page, outside) {
			t.Errorf("the page has %q", outside)
		}
	}
	if got.status != http.StatusOK || !strings.Contains(page, "/api/v1/instances/{hash}/neighbours") || r.get(person{}, "/docs.css").status != http.StatusOK {
		t.Errorf("got %d %.500s", got.status, page)
	}
	for _, anchor := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if !strings.Contains(page, `id="`+anchor[1]+`"`) {
			t.Errorf("#%s leads nowhere", anchor[1])
		}
	}
}
