package web_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func (r *rig) rowsAs(id, accept, query string) answer {
	r.t.Helper()
	return r.do(call{method: http.MethodGet, path: "/api/v1/reports/" + id + "/rows" + query, as: r.reader, header: http.Header{"Accept": {accept}}})
}

func TestRowsAsSTIX(t *testing.T) {
	r := newRig(t)
	r.load(logins(40))
	got := r.rowsAs(r.asked(r.reader, "events"), "application/stix+json;version=2.1", "")
	var b struct {
		Type    string
		Objects []struct {
			Type        string
			ObjectRefs  []string `json:"object_refs"`
			NumberSeen  int      `json:"number_observed"`
			SpecVersion string   `json:"spec_version"`
		}
	}
	check(t, json.Unmarshal(got.body, &b))
	n := map[string]int{}
	for _, o := range b.Objects {
		n[o.Type]++
		if o.SpecVersion != "2.1" || o.Type == "observed-data" && (len(o.ObjectRefs) == 0 || o.NumberSeen != 1) {
			t.Errorf("got %+v", o)
		}
	}
	if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/stix+json;version=2.1" || n["observed-data"] != 40 || n["ipv4-addr"] == 0 {
		t.Errorf("got %d %v with %v", got.status, got.header, n)
	}
	for _, query := range []string{"count ipv4 198.51.100.7", "events | fields timestamp"} {
		if got := r.rowsAs(r.asked(r.reader, query), "application/stix+json", ""); got.status != http.StatusNotAcceptable {
			t.Errorf("%s: got %d %s, want 406", query, got.status, got.body)
		}
	}
	if got := r.rowsAs("x", "application/stix+json;version=2.0", ""); got.status != http.StatusNotAcceptable {
		t.Errorf("STIX 2.0: got %d, want 406", got.status)
	}
}

func TestRowsAsAReportDocument(t *testing.T) {
	r := newRig(t)
	r.load(logins(12))
	const media = "application/vnd.cybexp.report+json"
	for _, body := range []string{
		`{"type":"count","data":{"sub_type":"ipv4","data":"198.51.100.7"}}`,
		`{"type":"related","data":{"sub_type":"ipv4","data":"198.51.100.7","summary":false,"return_type":"event","page":1}}`,
		`{"type":"related","data":{"sub_type":"ipv4","data":"198.51.100.7"}}`,
	} {
		classic := r.post(r.reader, "/query", body)
		got := r.rowsAs(classic.text(t, "report"), media, "")
		if got.status != http.StatusOK || got.header.Get("Content-Type") != media || string(got.body) != string(classic.body) {
			t.Errorf("got %d %v\n%s\nwant\n%s", got.status, got.header, got.body, classic.body)
		}
	}
	id := r.asked(r.reader, "count ipv4 198.51.100.7 by year")
	got := r.rowsAs(id, media, "")
	if got.text(t, "sub_type") != "tdql" || !strings.Contains(string(got.body), `"count":12}`) {
		t.Errorf("a query in text: got %s", got.body)
	}
	if got := r.rowsAs(id, media, "?limit=1"); got.status != http.StatusBadRequest {
		t.Errorf("a page of a document: got %d", got.status)
	}
}

func TestPagesOfRows(t *testing.T) {
	r := newRig(t)
	r.load(logins(25))
	id := r.asked(r.reader, "events")
	whole := r.rowsAs(id, "application/x-ndjson", "")
	var pages, cursors []string
	for query := "?limit=10"; query != ""; {
		got := r.rowsAs(id, "application/x-ndjson", query)
		if again := r.rowsAs(id, "application/x-ndjson", query); got.status != http.StatusOK || string(again.body) != string(got.body) {
			t.Fatalf("%s: got %d %s, then %s", query, got.status, got.body, again.body)
		}
		pages = append(pages, string(got.body))
		cursors = append(cursors, got.header.Get("Next-Cursor"))
		query = ""
		if link := got.header.Get("Link"); link != "" {
			query = strings.TrimPrefix(strings.TrimSuffix(link, `>; rel="next"`), "</api/v1/reports/"+id+"/rows")
		}
	}
	if strings.Join(pages, "") != string(whole.body) || len(pages) != 3 {
		t.Errorf("%d pages are not the whole", len(pages))
	}
	if got := r.rowsAs(id, "text/csv", "?limit=10&cursor="+cursors[1]); strings.Count(string(got.body), "\n") != 6 {
		t.Errorf("the last page as CSV is %s", got.body)
	}
	if got := r.rowsAs(id, "application/x-ndjson", "?cursor="+cursors[0]); string(got.body) != pages[1]+pages[2] {
		t.Error("a cursor without limit does not give all that follows")
	}
	other := r.asked(r.reader, "events | limit 3")
	for _, query := range []string{"?cursor=" + cursors[0], "?cursor=x", "?limit=0", "?limit=1001", "?limit=x", "?after=x"} {
		if got := r.rowsAs(other, "application/json", query); got.status != http.StatusBadRequest {
			t.Errorf("%s: got %d %s, want 400", query, got.status, got.body)
		}
	}
}

func TestPagesOfReports(t *testing.T) {
	r := newRig(t)
	want := map[string]bool{}
	for _, query := range []string{"events", "sessions", "raws", "attributes", "objects"} {
		want[r.asked(r.reader, query)] = true
	}
	path, pages := "/api/v1/reports?limit=2", 0
	for path != "" {
		got := r.get(r.reader, path)
		var list struct{ Reports []struct{ ID string } }
		check(t, json.Unmarshal(got.body, &list))
		for _, rep := range list.Reports {
			if !want[rep.ID] {
				t.Errorf("report %s comes twice, or is nobody's", rep.ID)
			}
			delete(want, rep.ID)
		}
		pages++
		path = strings.TrimPrefix(strings.TrimSuffix(got.header.Get("Link"), `>; rel="next"`), "<")
	}
	if len(want) > 0 || pages != 3 {
		t.Errorf("%d pages lack %v", pages, want)
	}
}

func TestWarningsFollowTheRows(t *testing.T) {
	r := newRig(t)
	r.load(logins(3))
	got := r.rowsAs(r.asked(r.reader, "ipv4 203.0.113.9 | events | attributes nosuchthing"), "application/x-ndjson", "")
	if got.status != http.StatusOK || got.after.Get("Report-Warnings") != "tdql.unseen" {
		t.Errorf("got %d %q after the rows", got.status, got.after)
	}
}
