package web_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/tahoe"
)

// sees counts the events with an address that a user sees, and tells whether they see the raw.
func (r *rig) sees(who person, ip, raw string) (events any, sees bool) {
	r.t.Helper()
	n := r.post(who, "/query", `{"type":"count","data":{"sub_type":"ipv4","data":"`+ip+`"},"redo":true}`).member(r.t, "data")
	return n, r.get(who, "/api/v1/raw/"+raw).status == http.StatusOK
}

// TestMarkings uploads something red, and lets the administrator show it to more and more people.
func TestMarkings(t *testing.T) {
	r := newRig(t)
	member := r.stranger
	r.org = must(r.users.Grant(t.Context(), r.org.Hash, member.Hash, identity.Member))(t)
	must(r.users.CreateOrg(t.Context(), r.admin.Hash, identity.Org{Name: r.orgName + "-other"}))(t) // which the administrator's deeds do not concern
	const ip = "198.51.100.201"
	record := strings.ReplaceAll(login, "198.51.100.7", ip)
	sent := r.post(r.admin, "/api/v1/raw?typetag=cowrie&org="+r.orgName+"&tlp="+url.QueryEscape("TLP:RED"), record)
	if sent.status != http.StatusCreated {
		t.Fatalf("got %d %s", sent.status, sent.body)
	}
	r.uploaded(sent.text(t, "id"))
	raw := rawHash(t, record, r.org.Hash)
	event := ""
	for _, hash := range r.hashesBy(r.admin, "ipv4 "+ip+" | events where tlp = red") {
		event = hash
	}
	for _, c := range []struct {
		tlp                   string
		admin, member, reader any
		memberRaw             bool
	}{
		{"", 1.0, 0.0, 0.0, false},
		{"amber+strict", 1.0, 1.0, 0.0, false}, // what was red of the raw is not known any more
		{"tlp:green", 1.0, 1.0, 1.0, false},
		{"red", 1.0, 0.0, 0.0, false},
	} {
		if c.tlp != "" {
			path := "/api/v1/events/" + event + "/marking"
			for name, who := range map[string]person{"member": member, "reader": r.reader, "superuser": r.super} {
				refused := r.as(who, http.MethodPut, path, `{"tlp":"clear"}`)
				none := r.as(who, http.MethodPut, "/api/v1/events/"+strings.Repeat("0", 64)+"/marking", `{"tlp":"clear"}`)
				if refused.status != http.StatusNotFound || refused.text(t, "detail") != none.text(t, "detail") {
					t.Errorf("%s marks it: got %d %s, want what is said of nothing: %s", name, refused.status, refused.body, none.body)
				}
			}
			if got := r.as(r.admin, http.MethodPut, path, `{"tlp":"`+c.tlp+`"}`); got.status != http.StatusOK || got.text(t, "tlp") != strings.TrimPrefix(c.tlp, "tlp:") {
				t.Fatalf("%s: got %d %s", c.tlp, got.status, got.body)
			}
			if got := r.newest(audit.Filter{Action: string(audit.Marking)}); got.Object != event || got.Detail["tlp"] == "" || got.User != r.admin.Hash.String() ||
				!slices.Equal(got.Orgs, []tahoe.Hash{r.org.Hash}) {
				t.Errorf("the audit trail has %s", got.Text)
			}
		}
		for name, p := range map[string]struct {
			who    person
			events any
			raw    bool
		}{"administrator": {r.admin, c.admin, true}, "member": {member, c.member, c.memberRaw}, "reader": {r.reader, c.reader, false}, "superuser": {r.super, 0.0, false}} {
			if events, sees := r.sees(p.who, ip, raw); events != p.events || sees != p.raw {
				t.Errorf("marked %q, the %s sees %v events, raw %v; want %v, %v", c.tlp, name, events, sees, p.events, p.raw)
			}
		}
	}
	for _, body := range []string{`{}`, `{"tlp":""}`, `{"tlp":"blue"}`, `{"tlp":7}`, `{"tlp":"red","x":1}`} {
		if got := r.as(r.admin, http.MethodPut, "/api/v1/events/"+event+"/marking", body); got.status != http.StatusBadRequest {
			t.Errorf("%s: got %d %s", body, got.status, got.body)
		}
	}
}

// TestUploadsAreMarked sends markings in all ways that uploads have.
func TestUploadsAreMarked(t *testing.T) {
	r := newRig(t)
	org := "orgid=" + r.orgName
	form := func(parts ...string) call { return uploadForm(t, r.admin, parts...) }
	own := func(query string) call {
		return call{method: http.MethodPost, path: "/api/v1/raw?typetag=cowrie&org=" + r.orgName + query, as: r.admin, body: strings.NewReader(login)}
	}
	for name, c := range map[string]struct {
		call   call
		status int
		text   string
	}{
		"form":                    {form(org, "name", "typetag", "timezone", "tlp=green", "file"), 201, ""},
		"form, no time zone":      {form(org, "name", "typetag", "tlp=amber+strict", "file"), 201, ""},
		"form, file first":        {form("file", "tlp=red", org, "name", "typetag"), 201, ""},
		"form, after the file":    {form(org, "name", "typetag", "timezone", "file", "tlp=red"), 400, "must stand before the file"},
		"form, no label":          {form(org, "name", "typetag", "timezone", "tlp=blue", "file"), 400, "Invalid 'tlp'=blue!"},
		"query string":            {own("&tlp=amber%2Bstrict"), 201, ""},
		"query string, bare plus": {own("&tlp=amber+strict"), 400, "%2B"},
	} {
		if got := r.do(c.call); got.status != c.status || !strings.Contains(string(got.body), c.text) {
			t.Errorf("%s: got %d %s, want %d and %q", name, got.status, got.body, c.status, c.text)
		}
	}
	key := http.Header{"Idempotency-Key": {"marked"}}
	first, again := own("&tlp=red"), own("&tlp=clear")
	first.header, again.header = key, key
	var receipt ingest.Receipt
	if got := r.do(first); got.status != http.StatusCreated || json.Unmarshal(got.body, &receipt) != nil {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	if got := r.do(again); got.status != http.StatusConflict {
		t.Errorf("the same upload with another marking: got %d %s", got.status, got.body)
	}
	// Somebody else's key is another key.
	other := must(r.users.CreateOrg(t.Context(), r.stranger.Hash, identity.Org{Name: r.orgName + "-other"}))(t)
	theirs := r.do(call{method: http.MethodPost, path: "/api/v1/raw?typetag=cowrie&org=" + other.Name, as: r.stranger, header: key, body: strings.NewReader("{}")})
	if theirs.status != http.StatusCreated || theirs.text(t, "id") == receipt.ID {
		t.Errorf("the key of another: got %d %s", theirs.status, theirs.body)
	}
	r.uploaded(receipt.ID)
	if list := r.hashesBy(r.admin, "events where ipv4 = 198.51.100.7 and tlp = red"); len(list) != 1 {
		t.Errorf("the administrator sees %v, want one red event", list)
	}
	if list := r.hashesBy(r.reader, "events where ipv4 = 198.51.100.7"); len(list) != 0 {
		t.Errorf("a reader sees %v", list)
	}
}
