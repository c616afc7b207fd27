package web_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/stix"
	"github.com/cybexp/cybexp/tahoe"
)

// secrets are records that a reader of the organisation must not learn of: of another organisation, and marked for administrators.
const secrets = `{"eventid":"cowrie.login.failed","username":"mallory","password":"sesame","src_ip":"198.51.100.99","src_port":40022,` +
	`"dst_ip":"192.0.2.1","dst_port":22,"session":"ffeeddccbbaa","protocol":"ssh","sensor":"hidden","timestamp":"2025-04-12T00:20:16.647042Z","message":"m"}`

// TestReadersLearnNothingOfTheRest calls everything that a reader may call, twice: on a platform that also has what the reader must not see, and on
// one that has only what they may. All answers are the same, but for times and random ids.
func TestReadersLearnNothingOfTheRest(t *testing.T) {
	var told [2]map[string]string
	for i, hidden := range []bool{true, false} {
		testdgraph.Wipe(t)
		r := newRig(t)
		other := must(r.users.CreateOrg(t.Context(), r.stranger.Hash, identity.Org{Name: r.orgName + "-other", Title: "Other"}))(t)
		seen := logins(5)
		r.load(seen)
		if hidden {
			for _, up := range []struct {
				as           person
				org, records string
			}{
				{r.stranger, other.Name, secrets + "\n" + strings.Split(seen, "\n")[0]}, // the second one both have
				{r.admin, r.orgName + "&tlp=red", strings.ReplaceAll(secrets, "sesame", "open sesame")},
			} {
				sent := r.post(up.as, "/api/v1/raw?typetag=cowrie&org="+up.org, up.records)
				if sent.status != http.StatusCreated {
					t.Fatalf("got %d %s", sent.status, sent.body)
				}
				eventually(t, "upload", func() bool {
					done, _ := r.get(up.as, "/api/v1/uploads/"+sent.text(t, "id")).member(t, "done").(bool)
					return done
				})
			}
		}
		told[i] = r.everything(other, seen)
		r.stop()
	}
	if diff := cmp.Diff(told[1], told[0]); diff != "" {
		t.Errorf("(-what there is to see +what is told):\n%.6000s", diff)
	}
	if len(told[0]) < 60 {
		t.Errorf("only %d calls", len(told[0]))
	}
}

// everything makes all calls as the reader, and gives the answers by call.
func (r *rig) everything(other identity.Org, seen string) map[string]string {
	r.t.Helper()
	told := map[string]string{}
	note := func(name string, got answer) {
		text := varies.ReplaceAllString(string(got.body), "…")
		told[name] = http.StatusText(got.status) + " " + got.header.Get("Content-Type") + " " + strings.Join(got.after["Report-Warnings"], " ") + "\n" + text
	}
	as := r.reader
	hash := func(subType, text string) string {
		return must(tahoe.AttributeHash(subType, tahoe.String(text)))(r.t).String()
	}
	hashes := map[string]string{
		"seen address": hash("ipv4", "198.51.100.7"), "hidden address": hash("ipv4", "198.51.100.99"), "no address": hash("ipv4", "198.51.100.98"),
		"hidden name": hash("username", "mallory"), "hidden raw": rawHash(r.t, secrets, r.org.Hash),
		"hidden red raw": rawHash(r.t, strings.ReplaceAll(secrets, "sesame", "open sesame"), r.org.Hash), "seen raw": rawHash(r.t, strings.Split(seen, "\n")[0], r.org.Hash),
	}
	maps.Copy(hashes, r.hashesBy(as, "events")) // login
	for name, h := range hashes {
		for _, path := range []string{"/api/v1/instances/", "/api/v1/raw/"} {
			note("GET "+path+name, r.get(as, path+h))
		}
		note("neighbours of "+name, r.get(as, "/api/v1/instances/"+h+"/neighbours"))
		note("comments on "+name, r.get(as, "/api/v1/instances/"+h+"/comments"))
		for _, what := range []string{"marking", "category"} {
			note(what+" of "+name, r.as(as, http.MethodPut, "/api/v1/events/"+h+"/"+what, `{"tlp":"red","category":"benign"}`))
		}
		note("removal of "+name, r.as(as, http.MethodDelete, "/api/v1/events/"+h, ""))
	}
	for _, path := range []string{"/api/v1/me", "/api/v1/orgs", "/orgs/admin_of", "/orgs/user_of", "/api/v1/orgs/" + other.Name, "/api/v1/dead", "/api/v1/sources",
		"/api/v1/reprocess", "/api/v1/uploads/nothing", "/api/v1/saved", "/api/v1/reports?limit=1000"} {
		note("GET "+path, r.get(as, path))
	}
	for _, q := range []string{"events", "attributes | sort hash", "sessions | sort hash", "raws | sort hash", "objects | sort hash", "events | count by ipv4", "attributes | top 50",
		"count ipv4 198.51.100.99 by day", "ipv4 198.51.100.99 | related", "related ipv4 198.51.100.7 summary", "username mallory", "events where username = mallory | count",
		"threatrank ipv4 198.51.100.7 | sort score", "path ipv4 198.51.100.7 to username mallory", "events | related level 2 via all | graph", "events nothing_known",
		"events | attributes username where data contains mal", "events org " + other.Name, "explain analyze events | count", "events where tlp = red"} {
		body := string(must(json.Marshal(map[string]any{"tdql": q}))(r.t))
		for _, call := range []string{"check", "explain", "format"} {
			note(call+" "+q, r.post(as, "/api/v1/tdql/"+call, body))
		}
		if made := r.post(as, "/api/v1/reports", body); made.status >= 300 {
			note("ask "+q, made)
			continue
		}
		id := r.asked(as, q)
		for _, media := range []string{"application/x-ndjson", "application/json", "text/csv", "application/stix+json;version=2.1", "application/vnd.cybexp.report+json"} {
			note(q+" as "+media, r.readRows(id, media, ""))
		}
		note("page of "+q, r.readRows(id, "application/json", "?limit=2"))
		note("report of "+q, r.get(as, "/api/v1/reports/"+id))
	}
	for _, begun := range []string{"ipv4 198.51.100.9", "username mal", "events where username = ", "events mall", "events where sens", "sensor hid", "events org "} {
		note("complete "+begun, r.post(as, "/api/v1/tdql/complete", string(must(json.Marshal(map[string]any{"tdql": begun}))(r.t))))
	}
	for _, q := range []string{`{"type":"count","data":{"sub_type":"username","data":"mallory"}}`, `{"type":"related","data":{"sub_type":"ipv4","data":"198.51.100.7"}}`} {
		note("classic "+q, r.post(as, "/query", q))
	}
	note("export", r.get(as, "/api/v1/export"))
	for name, h := range hashes {
		note("export after "+name, r.get(as, "/api/v1/export?after="+h))
		note("export "+name, r.post(as, "/api/v1/export", `{"hashes":["`+h+`"]}`))
	}
	r.everyCollection(note)
	note("save", r.post(as, "/api/v1/saved", `{"name":"n","tdql":"events org `+other.Name+`"}`))
	return told
}

// everyCollection reads collections as the reader, and looks for what is hidden in them.
func (r *rig) everyCollection(note func(name string, got answer)) {
	r.t.Helper()
	var hidden []string
	for subType, text := range map[string]string{"ipv4": "198.51.100.99", "username": "mallory"} {
		_, objects, err := stix.Objects(json.RawMessage(`{"itype":"attribute","sub_type":"` + subType + `","data":"` + text + `"}`))
		check(r.t, err)
		hidden = append(hidden, objects[0].ID)
	}
	for _, q := range []string{"events", "attributes | sort hash", "ipv4 198.51.100.99 | related", "username mallory", "events where username = mallory", "raws | sort hash"} {
		at := taxiiAPI + "collections/" + r.save(r.reader, "collection "+q, q, false) + "/"
		for _, what := range append(hidden, "", "../manifest") {
			path := strings.TrimSuffix(at+"objects/"+what, "/") + "/"
			note("TAXII "+q+" "+what, r.do(call{method: http.MethodGet, path: strings.Replace(path, "objects/../", "", 1), header: basic(r.reader)}))
		}
	}
	note("TAXII collections", r.do(call{method: http.MethodGet, path: taxiiAPI + "collections/", header: basic(r.reader)}))
}

// readRows asks for rows as the reader. The answer to a report that failed breaks off.
func (r *rig) readRows(id, accept, query string) answer {
	r.t.Helper()
	req := must(http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.url+"/api/v1/reports/"+id+"/rows"+query, nil))(r.t)
	req.Header = http.Header{"Accept": {accept}, "Authorization": {"Bearer " + r.reader.token}}
	resp := must(http.DefaultClient.Do(req))(r.t)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		body = append(body, " broke off"...)
	}
	return answer{resp.StatusCode, resp.Header, body, resp.Trailer}
}

// varies is what differs from run to run: times of reports, and what is made at random or from the hour.
var varies = regexp.MustCompile(`"(id|alias|error_id|date_added|version|request_id|report|created|started|ended|elapsed_ms|cached_time|snapshot|position|ms)": ?("[^"]*"|[0-9.]+)|bundle--[0-9a-f-]+|[0-9a-f]{64}\.[0-9]+|` +
	`"(time|_hash|timestamp|next)":"?[^",}]*|last_[a-z]+|,[0-9]+\.[0-9]+,`)
