package web_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/tdql"
)

// pasted gives the queries for a text, and those for several values at once.
func (r *rig) pasted(text string) (queries []string) {
	r.t.Helper()
	body, _ := json.Marshal(map[string]string{"text": text}) // a string is always JSON
	got := r.post(r.reader, "/api/v1/tdql/indicator", string(body))
	var found struct{ Candidates, Together []struct{ TDQL string } }
	check(r.t, json.Unmarshal(got.body, &found))
	if got.status != http.StatusOK || found.Candidates == nil || found.Together == nil {
		r.t.Fatalf("got %d %s", got.status, got.body)
	}
	for _, one := range append(found.Candidates, found.Together...) {
		queries = append(queries, one.TDQL)
		q, err := tdql.Parse(one.TDQL)
		if err != nil || q.String() != one.TDQL {
			r.t.Errorf("%q is not tidy: %v, %v", one.TDQL, q, err)
		}
	}
	return queries
}

func TestIndicators(t *testing.T) {
	r := newRig(t)
	hash := strings.Repeat("ab", 32)
	for text, want := range map[string][]string{
		"198.51.100[.]7:22":         {"ipv4 198.51.100.7"},
		"hxxp://evil[.]example/a b": {"url http://evil.example/a", "domain evil.example"},
		"10.0.0.0/8":                {"attributes ipv4 where data in 10.0.0.0/8"},
		"2001:DB8::/32":             {"attributes ipv6 where data in 2001:db8::/32"},
		hash:                        {"sha256 " + hash, "instance " + hash},
		"root":                      {"any root"},
		`quo"te last`:               {`any "quo\"te last"`},
		"last":                      {`any "last"`},
		`C:\a b\x.exe`:              {`any "C:\\a b\\x.exe"`, "filename x.exe"},
		"1.1.1.1\n8.8.8.8, evil.example and as64496": {"ipv4 1.1.1.1", "ipv4 8.8.8.8", "domain evil.example", "asn AS64496",
			"ipv4 (1.1.1.1, 8.8.8.8)"},
		"two\nlines": nil,
		" ":          nil,
	} {
		if diff := cmp.Diff(want, r.pasted(text)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestRewrite(t *testing.T) {
	r := newRig(t)
	got := r.post(r.reader, "/api/v1/tdql/rewrite", `{"tdql":"count ipv4 1.1.1.1 last 7d by day","from":"2025-04-12T00:00:00Z","to":"2025-04-13T00:00:00Z"}`)
	if want := "count ipv4 1.1.1.1 from 2025-04-12T00:00:00Z to 2025-04-13T00:00:00Z by day"; got.text(t, "tdql") != want {
		t.Errorf("got %d %s, want %s", got.status, got.body, want)
	}
	for _, body := range []string{`{"tdql":"ipv4 1.1.1.1","last":"1d"}`, `{"tdql":"events","from":"soon"}`, `{"tdql":"events |","from":"now"}`} {
		if got := r.post(r.reader, "/api/v1/tdql/rewrite", body); got.status != http.StatusBadRequest || got.member(t, "errors") == nil {
			t.Errorf("%s: got %d %s", body, got.status, got.body)
		}
	}
}

func TestHelpIsPlacedInCharacters(t *testing.T) {
	r := newRig(t)
	got := r.post(r.reader, "/api/v1/tdql/complete", `{"tdql":"ipv4 \"ä\" | related ","pos":19}`)
	var body struct {
		Help struct {
			Word, Takes string
			Start, End  int
		}
	}
	check(t, json.Unmarshal(got.body, &body))
	if h := body.Help; h.Word != "related" || h.Start != 11 || h.End != 18 || h.Takes == "" {
		t.Errorf("got %s", got.body)
	}
}
