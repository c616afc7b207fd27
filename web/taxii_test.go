package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/taxii"
)

// save keeps a query and gives its id.
func (r *rig) save(as person, name, tdql string, shared bool) string {
	r.t.Helper()
	body := map[string]any{"name": name, "tdql": tdql}
	if shared {
		body["org"] = r.orgName
	}
	text, _ := json.Marshal(body) // strings are always JSON
	got := r.post(as, "/api/v1/saved", string(text))
	if got.status != http.StatusCreated {
		r.t.Fatalf("save: got %d %s", got.status, got.body)
	}
	return got.text(r.t, "id")
}

const taxiiAPI = "/taxii2/api/"

func objectsOf(id string) string { return taxiiAPI + "collections/" + id + "/objects/" }

// taxii sends a GET as a TAXII client does, and holds the answer to what the specification asks of any.
func (r *rig) taxii(as person, path string) answer {
	r.t.Helper()
	got := r.do(call{method: http.MethodGet, path: path, header: basic(as)})
	if media := got.header.Get("Content-Type"); media != taxii.MediaType {
		r.t.Errorf("%s: is %q", path, media)
	}
	if got.status >= 400 && (got.text(r.t, "title") == "" || got.text(r.t, "http_status") != fmt.Sprint(got.status)) {
		r.t.Errorf("%s: %d is told by %s", path, got.status, got.body)
	}
	return got
}

// basic are the headers of a TAXII client.
func basic(as person) http.Header {
	req := http.Request{Header: http.Header{"Accept": {"application/taxii+json; version=2.1"}}}
	if as.token != "" {
		req.SetBasicAuth(as.Email, as.token)
	}
	return req.Header
}

// envelope is a page of objects.
type envelope struct {
	More    bool
	Next    string
	Objects []map[string]any
	first   string
	last    string
}

func (r *rig) objects(as person, path string) envelope {
	r.t.Helper()
	got := r.taxii(as, path)
	if got.status != http.StatusOK {
		r.t.Fatalf("%s: got %d %s", path, got.status, got.body)
	}
	var e envelope
	check(r.t, json.Unmarshal(got.body, &e))
	e.first, e.last = got.header.Get("X-TAXII-Date-Added-First"), got.header.Get("X-TAXII-Date-Added-Last")
	if (len(e.Objects) > 0) != (e.first != "" && e.last != "" && e.first <= e.last) || e.More != (e.Next != "") {
		r.t.Errorf("%s: %d objects from %q to %q, more %v, next %q", path, len(e.Objects), e.first, e.last, e.More, e.Next)
	}
	return e
}

func (e envelope) ids() []string {
	ids := make([]string, len(e.Objects))
	for i, o := range e.Objects {
		ids[i], _ = o["id"].(string)
	}
	return ids
}

// TestTaxiiDiscovery walks from the one address that a client is given to the objects, as clients do, and looks at all that must be there.
func TestTaxiiDiscovery(t *testing.T) {
	r := newRig(t)
	r.load(logins(3))
	id := r.save(r.admin, "logins", "watch events login", true)
	r.save(r.admin, "counted", "events | count", true)       // are no objects
	r.save(r.admin, "in part", "events | fields hash", true) // neither

	discovery := r.taxii(r.reader, "/taxii2/")
	roots, _ := discovery.member(t, "api_roots").([]any)
	if discovery.text(t, "title") == "" || len(roots) != 1 || discovery.text(t, "default") != roots[0] || roots[0] != r.url+taxiiAPI {
		t.Errorf("discovery: got %s", discovery.body)
	}
	root := r.taxii(r.reader, taxiiAPI)
	versions, _ := root.member(t, "versions").([]any)
	if !slices.Contains(versions, any(taxii.MediaType)) || root.text(t, "title") == "" || root.member(t, "max_content_length") != float64(8<<20) {
		t.Errorf("API root: got %s", root.body)
	}
	var list taxii.Collections
	check(t, json.Unmarshal(r.taxii(r.reader, taxiiAPI+"collections/").body, &list))
	if len(list.Collections) != 1 {
		t.Fatalf("collections: got %+v", list)
	}
	c := list.Collections[0]
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(c.ID) || c.Title != "logins" ||
		c.Alias != id || !c.CanRead || c.CanWrite || !slices.Equal(c.MediaTypes, []string{"application/stix+json;version=2.1"}) {
		t.Errorf("collection: got %+v", c)
	}
	for _, name := range []string{c.ID, id} {
		var one taxii.Collection
		check(t, json.Unmarshal(r.taxii(r.reader, taxiiAPI+"collections/"+name).body, &one)) // without the slash at the end
		if one.ID != c.ID {
			t.Errorf("%s: got %+v", name, one)
		}
	}
	all := r.objects(r.reader, objectsOf(c.ID))
	kinds := map[string]int{}
	for _, o := range all.Objects {
		kind, _ := o["type"].(string)
		kinds[kind]++
	}
	if kinds["observed-data"] != 3 || kinds["ipv4-addr"] == 0 || kinds["extension-definition"] != 1 || all.More {
		t.Errorf("objects: got %v", kinds)
	}
	r.checkManifest(c.ID, all)
}

// checkManifest compares a manifest with the objects, and what is told of each object.
func (r *rig) checkManifest(id string, all envelope) {
	r.t.Helper()
	var m taxii.Manifest
	check(r.t, json.Unmarshal(r.taxii(r.reader, taxiiAPI+"collections/"+id+"/manifest/").body, &m))
	if len(m.Objects) != len(all.Objects) {
		r.t.Fatalf("manifest has %d objects, there are %d", len(m.Objects), len(all.Objects))
	}
	for i, record := range m.Objects {
		o := all.Objects[i]
		version, _ := o["modified"].(string)
		if version == "" {
			version, _ = o["created"].(string)
		}
		if version == "" {
			version = record.DateAdded
		}
		if record.ID != o["id"] || record.Version != version || record.MediaType != taxii.MediaSTIX || i > 0 && record.DateAdded <= m.Objects[i-1].DateAdded {
			r.t.Errorf("manifest: %+v, the object is %v", record, o)
		}
	}
	for _, record := range []taxii.Record{m.Objects[0], m.Objects[len(m.Objects)-1]} {
		one := r.objects(r.reader, objectsOf(id)+record.ID+"/")
		if got := one.ids(); len(got) != 1 || got[0] != record.ID || one.first != record.DateAdded || one.last != record.DateAdded {
			r.t.Errorf("%s: got %v from %s", record.ID, got, one.first)
		}
		var v taxii.Versions
		check(r.t, json.Unmarshal(r.taxii(r.reader, objectsOf(id)+record.ID+"/versions/").body, &v))
		if !slices.Equal(v.Versions, []string{record.Version}) {
			r.t.Errorf("%s: versions %v, want %s", record.ID, v.Versions, record.Version)
		}
	}
}

// TestTaxiiFilters holds each filter to what it lets through.
func TestTaxiiFilters(t *testing.T) {
	r := newRig(t)
	r.load(logins(4))
	at := objectsOf(r.save(r.admin, "logins", "events login", true))
	all := r.objects(r.reader, at)
	some := all.ids()[2]
	observed := slices.IndexFunc(all.Objects, func(o map[string]any) bool { return o["type"] == "observed-data" })
	modified, _ := all.Objects[observed]["modified"].(string)
	type want = func(o map[string]any) bool
	everything, nothing := func(map[string]any) bool { return true }, func(map[string]any) bool { return false }
	for query, fits := range map[string]want{
		"match[id]=" + some:                               func(o map[string]any) bool { return o["id"] == some },
		"match[type]=ipv4-addr,identity":                  func(o map[string]any) bool { return o["type"] == "ipv4-addr" || o["type"] == "identity" },
		"match[type]=malware":                             nothing,
		"match[spec_version]=2.1":                         everything,
		"match[spec_version]=2.0":                         nothing,
		"match[version]=last":                             everything,
		"match[version]=first,all":                        everything,
		"match[version]=" + modified:                      func(o map[string]any) bool { return o["modified"] == modified },
		"added_after=2020-01-01T00:00:00Z":                everything,
		"added_after=" + all.last:                         nothing,
		"added_after=" + all.first:                        func(o map[string]any) bool { return o["id"] != all.ids()[0] },
		"match[type]=identity&match[version]=" + modified: nothing,
	} {
		values, err := url.ParseQuery(query)
		check(t, err)
		var wanted []string
		for i, o := range all.Objects {
			if fits(o) {
				wanted = append(wanted, all.ids()[i])
			}
		}
		if got := r.objects(r.reader, at+"?"+values.Encode()).ids(); !slices.Equal(got, wanted) && len(got)+len(wanted) > 0 {
			t.Errorf("%s: got %v, want %v", query, got, wanted)
		}
	}
	for _, query := range []string{"limit=0", "limit=-1", "limit=x", "added_after=yesterday", "next=%20", "match[version]=newest", "match[name]=x"} {
		if got := r.taxii(r.reader, at+"?"+query); got.status != http.StatusBadRequest {
			t.Errorf("%s: got %d %s", query, got.status, got.body)
		}
	}
	// Pages are the whole, in both ways to go on.
	for _, how := range []string{"next", "added_after"} {
		var ids []string
		for query := "?limit=3"; query != ""; {
			page := r.objects(r.reader, at+query)
			ids = append(ids, page.ids()...)
			query = ""
			if page.More {
				query = "?limit=3&" + url.Values{how: {map[string]string{"next": page.Next, "added_after": page.last}[how]}}.Encode()
			}
		}
		if !slices.Equal(ids, all.ids()) {
			t.Errorf("pages by %s: got %v, want %v", how, ids, all.ids())
		}
	}
}

// TestTaxiiRefuses holds refusals to the specification's status codes, and to that nobody learns what they may not see.
func TestTaxiiRefuses(t *testing.T) {
	r := newRig(t)
	r.load(logins(2))
	mine := r.save(r.admin, "mine", "events login", false)
	shared := r.save(r.admin, "shared", "events login", true)
	gone := "ab" + shared[2:]
	for name, c := range map[string]struct {
		as   person
		path string
		want int
	}{
		"no token":                    {person{}, "/taxii2/", 401},
		"a private query":             {r.reader, objectsOf(mine), 404},
		"a private query by its UUID": {r.reader, objectsOf(taxii.SavedID(mine)), 404},
		"a stranger":                  {r.stranger, objectsOf(shared), 404},
		"a stranger at a manifest":    {r.stranger, taxiiAPI + "collections/" + shared + "/manifest/", 404},
		"what is not there":           {r.reader, objectsOf(gone), 404},
		"an object that is not there": {r.reader, objectsOf(shared) + "malware--28bb3599-77cd-4a82-a950-b5bc3caf07c4/", 404},
		"its versions":                {r.reader, objectsOf(shared) + "malware--28bb3599-77cd-4a82-a950-b5bc3caf07c4/versions/", 404},
		"an object with a strange id": {r.reader, objectsOf(shared) + "%00/", 404},
		"a status":                    {r.admin, taxiiAPI + "status/28bb3599-77cd-4a82-a950-b5bc3caf07c4/", 404},
		"another API root":            {r.admin, "/taxii2/other/collections/", 404},
		"to read an inbox":            {r.admin, objectsOf(taxii.InboxID(r.org.Hash.String())), 403},
		"an inbox of others":          {r.reader, objectsOf(taxii.InboxID(r.org.Hash.String())), 404},
	} {
		if got := r.taxii(c.as, c.path); got.status != c.want {
			t.Errorf("%s: got %d %s, want %d", name, got.status, got.body, c.want)
		}
	}
	same := func(a, b answer) bool {
		return a.text(t, "description") == b.text(t, "description") && a.text(t, "error_code") == b.text(t, "error_code")
	}
	if a, b := r.taxii(r.reader, objectsOf(mine)), r.taxii(r.reader, objectsOf(gone)); !same(a, b) {
		t.Errorf("what one may not see is told from what is not there: %s and %s", a.body, b.body)
	}
	got := r.taxii(person{}, "/taxii2/")
	if all := strings.Join(got.header["Www-Authenticate"], " "); !strings.Contains(all, "Basic realm=") || !strings.Contains(all, "Bearer") {
		t.Errorf("who has no token is told %q", all)
	}
	header := basic(r.reader)
	for accept, want := range map[string]int{
		"application/taxii+json;version=2.1": 200, "application/taxii+json": 200, "*/*": 200, "text/html, application/*;q=0.1": 200,
		"application/taxii+json;version=2.0": 406, "application/vnd.oasis.taxii+json": 406, "text/html": 406, "*/*;q=0": 406, "application/stix+json;version=2.1": 406,
	} {
		header.Set("Accept", accept)
		if got := r.do(call{method: http.MethodGet, path: "/taxii2/", header: header}); got.status != want || got.header.Get("Content-Type") != taxii.MediaType {
			t.Errorf("%s: got %d %s", accept, got.status, got.header)
		}
	}
}

// TestTaxiiSignsIn tries each way to say who one is.
func TestTaxiiSignsIn(t *testing.T) {
	r := newRig(t)
	r.save(r.admin, "shared", "events login", true)
	issue := func(right identity.Right) person {
		text, _, err := r.users.IssueToken(t.Context(), r.admin.Hash, identity.Token{Right: right}, time.Hour)
		check(t, err)
		return person{r.admin.User, text}
	}
	titles := func(as person) []string {
		t.Helper()
		var list taxii.Collections
		check(t, json.Unmarshal(r.taxii(as, taxiiAPI+"collections/").body, &list))
		names := []string{}
		for _, c := range list.Collections {
			names = append(names, c.Title)
		}
		return names
	}
	for right, want := range map[identity.Right][]string{
		identity.Full: {"shared", "Send to " + r.orgName}, identity.Read: {"shared"}, identity.Upload: {"Send to " + r.orgName},
	} {
		if got := titles(issue(right)); !slices.Equal(got, want) {
			t.Errorf("a token to %s sees %v, want %v", right, got, want)
		}
	}
	if got := r.do(call{method: http.MethodGet, path: "/taxii2/", as: r.reader}); got.status != http.StatusOK {
		t.Errorf("Bearer: got %d %s", got.status, got.body)
	}
	wrong := r.reader
	wrong.Email = r.admin.Email
	password := r.reader
	password.token = "correct horse"
	for name, as := range map[string]person{"somebody else's token": wrong, "a password": password, "a token with a fault": {r.reader.User, r.reader.token + "x"}} {
		if got := r.taxii(as, "/taxii2/"); got.status != http.StatusUnauthorized {
			t.Errorf("%s: got %d %s", name, got.status, got.body)
		}
	}
	if strings.Contains(r.log.String(), r.reader.token) {
		t.Error("a token is in the log")
	}
}

// indicatorEnvelope is what a client sends.
const indicatorEnvelope = `{"objects":[{"type":"indicator","spec_version":"2.1","id":"indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
	"created":"2024-01-01T00:00:00.000Z","modified":"2024-01-01T00:00:00.000Z","valid_from":"2024-01-01T00:00:00Z","pattern_type":"stix",
	"indicator_types":["malicious-activity"],"pattern":"[ipv4-addr:value = '192.0.2.203']"}]}`

// TestTaxiiAdds sends objects, follows their status, and reads what came of them from a collection.
func TestTaxiiAdds(t *testing.T) {
	r := newRig(t)
	inbox := objectsOf(taxii.InboxID(r.org.Hash.String()))
	collection := objectsOf(r.save(r.admin, "sent", "events where ipv4 = 192.0.2.203", true))
	send := func(as person, path, media, body string) answer {
		h := basic(as)
		h.Set("Content-Type", media)
		return r.do(call{method: http.MethodPost, path: path, header: h, body: strings.NewReader(body)})
	}
	sent := send(r.admin, inbox, taxii.MediaType, indicatorEnvelope)
	if sent.status != http.StatusAccepted || sent.text(t, "status") != "pending" || sent.member(t, "total_count") != 1.0 || sent.member(t, "pending_count") != 1.0 {
		t.Fatalf("got %d %s", sent.status, sent.body)
	}
	status := taxiiAPI + "status/" + sent.text(t, "id") + "/"
	eventually(t, "the objects are taken", func() bool { return r.taxii(r.admin, status).text(t, "status") == "complete" })
	if got := r.taxii(r.admin, status); got.member(t, "success_count") != 1.0 || got.member(t, "failure_count") != 0.0 || got.member(t, "pending_count") != 0.0 {
		t.Errorf("status: got %s", got.body)
	}
	if got := r.objects(r.reader, collection+"?match[type]=ipv4-addr").ids(); len(got) != 1 {
		t.Errorf("what was sent: got %v", got)
	}
	if got := r.taxii(r.reader, status); got.status != http.StatusNotFound {
		t.Errorf("status of others: got %d %s", got.status, got.body)
	}
	for name, c := range map[string]struct {
		as                person
		path, media, body string
		want              int
	}{
		"to who only reads":  {r.reader, inbox, taxii.MediaType, indicatorEnvelope, 404},
		"a saved query":      {r.admin, collection, taxii.MediaType, indicatorEnvelope, 403},
		"another media type": {r.admin, inbox, "application/json", indicatorEnvelope, 415},
		"an old media type":  {r.admin, inbox, "application/taxii+json;version=2.0", indicatorEnvelope, 415},
		"no JSON":            {r.admin, inbox, taxii.MediaType, `{`, 422},
		"no objects":         {r.admin, inbox, taxii.MediaType, `{}`, 422},
		"what is no object":  {r.admin, inbox, taxii.MediaType, `{"objects":[7]}`, 422},
		"an object sans id":  {r.admin, inbox, taxii.MediaType, `{"objects":[{"type":"indicator"}]}`, 422},
		"more than 8 MiB":    {r.admin, inbox, taxii.MediaType, `{"objects":["` + strings.Repeat("x", 8<<20) + `"]}`, 413},
		"nowhere":            {r.admin, objectsOf("nowhere"), taxii.MediaType, indicatorEnvelope, 404},
	} {
		if got := send(c.as, c.path, c.media, c.body); got.status != c.want || got.header.Get("Content-Type") != taxii.MediaType {
			t.Errorf("%s: got %d %s %s, want %d", name, got.status, got.header.Get("Content-Type"), got.body, c.want)
		}
	}
}

// TestTaxiiTellsWhatChanged judges, marks and removes an event, and takes a right away, between polls.
func TestTaxiiTellsWhatChanged(t *testing.T) {
	r := newRig(t)
	r.load(logins(2))
	at := objectsOf(r.save(r.admin, "logins", "events login", true))
	all := r.objects(r.reader, at)
	event := r.hashesBy(r.admin, "events login | limit 1")["login"]
	last := all.last
	news := func(what string, change func() answer) []map[string]any {
		t.Helper()
		if got := change(); got.status >= 300 {
			t.Fatalf("%s: got %d %s", what, got.status, got.body)
		}
		page := r.objects(r.reader, at+"?"+url.Values{"added_after": {last}}.Encode())
		if len(page.Objects) > 0 {
			last = page.last
		}
		return page.Objects
	}
	types := func(list []map[string]any) string {
		names := make([]string, len(list))
		for i, o := range list {
			names[i], _ = o["type"].(string)
		}
		return strings.Join(names, " ")
	}
	put := func(what, body string) func() answer {
		return func() answer { return r.as(r.admin, http.MethodPut, "/api/v1/events/"+event+"/"+what, body) }
	}
	if got := types(news("judged", put("category", `{"category":"benign"}`))); got != "" {
		t.Errorf("what is not malicious any more is %s", got)
	}
	if got := types(news("judged anew", put("category", `{"category":"malicious"}`))); got != "indicator sighting" {
		t.Errorf("what is malicious is %s", got)
	}
	marked := news("marked", put("marking", `{"tlp":"green"}`))
	if got := types(marked); got != "marking-definition observed-data indicator sighting" {
		t.Errorf("what is marked is %s", got)
	}
	for _, o := range marked[min(1, len(marked)):] {
		created, _ := o["created"].(string)
		if modified, _ := o["modified"].(string); modified <= created {
			t.Errorf("%s was created at %s and modified at %s", o["id"], created, modified)
		}
	}
	before := len(r.objects(r.reader, at).Objects)
	if got := types(news("removed", func() answer { return r.as(r.admin, http.MethodDelete, "/api/v1/events/"+event, "") })); got != "" {
		t.Errorf("what is removed is %s", got)
	}
	if after := len(r.objects(r.reader, at).Objects); after >= before {
		t.Errorf("%d objects were there, and are %d after a removal", before, after)
	}
}

// TestTaxiiFollowsRights takes a right away and gives it back between pages.
func TestTaxiiFollowsRights(t *testing.T) {
	r := newRig(t)
	r.load(logins(3))
	shared, own := objectsOf(r.save(r.admin, "logins", "events login", true)), objectsOf(r.save(r.reader, "mine", "events login", false))
	manifest := strings.Replace(own, "objects/", "manifest/", 1)
	var all taxii.Manifest
	check(t, json.Unmarshal(r.taxii(r.reader, manifest).body, &all))
	page := r.objects(r.reader, own+"?limit=4")
	must(r.users.Remove(t.Context(), r.org.Hash, []tahoe.Hash{r.reader.Hash}, identity.Removal{All: true}))(t)
	for _, path := range []string{own, own + "?next=" + page.Next, manifest, manifest + "?next=" + page.Next, own + all.Objects[4].ID + "/"} {
		if got := r.taxii(r.reader, path); strings.Contains(string(got.body), "observed-data") || strings.Contains(string(got.body), "ipv4-addr") {
			t.Errorf("%s: who lost the right is told %s", path, got.body)
		}
	}
	if got := r.taxii(r.reader, shared); got.status != http.StatusNotFound {
		t.Errorf("a collection of the organisation: got %d", got.status)
	}
	must(r.users.Grant(t.Context(), r.org.Hash, r.reader.Hash, identity.Reader))(t)
	last := all.Objects[len(all.Objects)-1].DateAdded
	if got := r.objects(r.reader, own+"?"+url.Values{"added_after": {last}}.Encode()); len(got.Objects) != len(all.Objects)-2 { // all but the preamble
		t.Errorf("who has the right again gets %d objects of %d", len(got.Objects), len(all.Objects))
	}
}

// TestTaxiiGolden holds all resources to how they are written; UPDATE_GOLDEN=1 rewrites testdata/taxii.txtar.
func TestTaxiiGolden(t *testing.T) {
	r := newRig(t)
	r.load(login)
	id := r.save(r.admin, "logins", "events login last 100Y", true)
	inbox := taxii.InboxID(r.org.Hash.String())
	header := basic(r.admin)
	header.Set("Content-Type", taxii.MediaType)
	sent := r.do(call{method: http.MethodPost, path: objectsOf(inbox), header: header, body: strings.NewReader(indicatorEnvelope)})
	status := taxiiAPI + "status/" + sent.text(t, "id") + "/"
	eventually(t, "the objects are taken", func() bool { return r.taxii(r.admin, status).text(t, "status") == "complete" })
	got := map[string]string{"8 POST objects": taxiiGolden(t, r, sent)}
	object := objectsOf(id) + r.objects(r.admin, objectsOf(id)+"?match[type]=ipv4-addr&limit=1").ids()[0] + "/"
	for name, path := range map[string]string{
		"1 GET discovery": "/taxii2/", "2 GET API root": taxiiAPI, "3 GET collections": taxiiAPI + "collections/", "4 GET collection": taxiiAPI + "collections/" + id + "/",
		"5 GET manifest": taxiiAPI + "collections/" + id + "/manifest/?limit=4", "6 GET objects": objectsOf(id) + "?match[type]=ipv4-addr,observed-data",
		"6 GET objects, a page": objectsOf(id) + "?limit=1", "6 GET objects, none": objectsOf(id) + "?match[type]=malware",
		"7 GET object": object, "7 GET versions": object + "versions/", "9 GET status": status,
		"error 400": objectsOf(id) + "?limit=x", "error 403": objectsOf(inbox), "error 404": objectsOf("nothing"),
	} {
		got[name] = taxiiGolden(t, r, r.taxii(r.admin, path))
	}
	const file = "testdata/taxii.txtar"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		writeGolden(t, file, got)
		return
	}
	want := map[string]string{}
	for _, f := range must(txtar.ParseFile(file))(t).Files {
		want[f.Name] = string(f.Data)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
}

var (
	goldenHeaders = []string{"Content-Type", "X-Taxii-Date-Added-First", "X-Taxii-Date-Added-Last"}
	goldenMasks   = []struct {
		from *regexp.Regexp
		to   string
	}{
		{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "UUID"},
		{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "HASH"},
		{regexp.MustCompile(`("alias"|"error_id"|"next"): "[^"]+"`), "$1: …"},
		{regexp.MustCompile(`20[0-9-]{8}T[0-9:]{8}\.[0-9]+Z`), "TIME"},
		{regexp.MustCompile(`127\.0\.0\.1:[0-9]+`), "HOST"},
	}
)

// taxiiGolden prints an answer without what differs from run to run.
func taxiiGolden(t *testing.T, r *rig, a answer) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintln(&b, a.status)
	for _, name := range goldenHeaders {
		if v := a.header.Get(name); v != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, v)
		}
	}
	var body any
	check(t, json.Unmarshal(a.body, &body))
	b.Write(append(must(json.MarshalIndent(body, "", "  "))(t), '\n'))
	text := b.String()
	for _, m := range goldenMasks {
		text = m.from.ReplaceAllString(text, m.to)
	}
	return text
}

// TestTaxiiFeedsASource has the platform's own client of TAXII, which was written against other servers, read from its server: what was seen in
// the logins comes back as observed data, and after new logins so do those.
func TestTaxiiFeedsASource(t *testing.T) {
	r := newRig(t)
	r.load(logins(3))
	id := r.save(r.admin, "logins", "events login", true)
	body, _ := json.Marshal(map[string]any{ // strings are always JSON
		"name": "own", "kind": "taxii", "org": r.orgName, "typetag": "stix", "url": r.url + taxiiAPI + "collections/" + id + "/", "period": "1s",
		"login": r.reader.Email, "secret": r.reader.token, "filter": map[string][]string{"type": {"observed-data", "ipv4-addr", "user-account", "identity"}},
	})
	if got := r.post(r.admin, "/api/v1/sources", string(body)); got.status != http.StatusCreated {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	pages := func() any { // each is a bundle, and so a record
		var list struct{ Sources []map[string]any }
		check(t, json.Unmarshal(r.get(r.admin, "/api/v1/sources").body, &list))
		return list.Sources[0]["records"]
	}
	eventually(t, "a first page", func() bool { return pages() == 1.0 })
	r.load(strings.ReplaceAll(login, "198.51.100.7", "198.51.100.8"))
	eventually(t, "what is new", func() bool { return pages() == 2.0 })
	n := 0
	eventually(t, "it is in the graph", func() bool {
		n++ // another question, for which there is no report yet
		return r.hashesBy(r.admin, fmt.Sprintf("events last %dY where ipv4 = 198.51.100.8", 50+n))["observed_data"] != ""
	})
}
