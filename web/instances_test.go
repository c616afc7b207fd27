package web_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/tahoe"
)

// hashesBy asks for the rows of a query, and gives the hashes of the first of each sub-type.
func (r *rig) hashesBy(as person, tdql string) map[string]string {
	r.t.Helper()
	got := r.do(call{method: http.MethodGet, path: "/api/v1/reports/" + r.asked(as, tdql) + "/rows", as: as})
	found := map[string]string{}
	for line := range strings.Lines(string(got.body)) {
		var row struct {
			Hash    string
			SubType string `json:"sub_type"`
		}
		check(r.t, json.Unmarshal([]byte(line), &row))
		if found[row.SubType] == "" {
			found[row.SubType] = row.Hash
		}
	}
	return found
}

func TestInstances(t *testing.T) {
	r := newRig(t)
	r.load(logins(3))
	hashes := map[string]string{}
	for kind, query := range map[string]string{
		"attribute": "events | attributes ipv4", "object": "events | objects", "event": "events", "session": "events | sessions", "raw": "raws",
	} {
		for _, hash := range r.hashesBy(r.reader, query) {
			hashes[kind] = hash
		}
	}
	for kind, hash := range hashes {
		got := r.get(r.reader, "/api/v1/instances/"+hash)
		if got.status != http.StatusOK || got.text(t, "itype") != kind || got.text(t, "hash") != hash || got.member(t, "data") == nil {
			t.Errorf("%s: got %d %s", kind, got.status, got.body)
		}
		for who, as := range map[string]person{"stranger": r.stranger, "superuser": r.super} {
			for _, more := range []string{"", "/neighbours"} {
				refused := r.get(as, "/api/v1/instances/"+hash+more)
				none := r.get(as, "/api/v1/instances/"+strings.Repeat("0", 64)+more)
				if refused.status != http.StatusNotFound || refused.text(t, "detail") != none.text(t, "detail") || none.status != http.StatusNotFound {
					t.Errorf("%s of %s: got %d %s, want what is said of nothing: %s", who, kind, refused.status, refused.body, none.body)
				}
			}
		}
	}
	if len(hashes) != 5 {
		t.Errorf("only %v were tried", hashes)
	}
	if got := r.get(r.reader, "/api/v1/instances/x"); got.status != http.StatusNotFound {
		t.Errorf("not a hash: got %d", got.status)
	}
}

// around asks for the neighbours, as "kind sub_type count", with "at least " before a count that is not exact; and follows each to see that
// the query lists as many.
func (r *rig) around(as person, hash string) []string {
	r.t.Helper()
	got := r.get(as, "/api/v1/instances/"+hash+"/neighbours")
	var body struct {
		Instance   struct{ Hash string }
		Neighbours []struct {
			Kind, TDQL string
			SubType    string `json:"sub_type"`
			Count      int
			Exact      bool
		}
	}
	check(r.t, json.Unmarshal(got.body, &body))
	if got.status != http.StatusOK || body.Instance.Hash != hash {
		r.t.Fatalf("got %d %s", got.status, got.body)
	}
	var list []string
	for _, n := range body.Neighbours {
		least := ""
		if !n.Exact {
			least = "at least "
		}
		list = append(list, n.Kind+" "+n.SubType+" "+least+strconv.Itoa(n.Count))
		counted := r.do(call{method: http.MethodGet, path: "/api/v1/reports/" + r.asked(as, n.TDQL+" | count") + "/rows", as: as})
		var row struct{ Count int }
		check(r.t, json.Unmarshal(counted.body, &row))
		if n.Exact && row.Count != n.Count || row.Count < n.Count {
			r.t.Errorf("%s: has %d, told were %d", n.TDQL, row.Count, n.Count)
		}
	}
	return list
}

func TestNeighbours(t *testing.T) {
	r := newRig(t)
	r.load(logins(1100))
	ip := must(tahoe.AttributeHash("ipv4", tahoe.String("198.51.100.7")))(t).String()
	parts := []string{"attribute ipv4 1", "attribute method 1", "attribute password 1", "attribute success 1", "attribute username 1",
		"object attacker 1", "object credential 1", "session cowrie_session 1"}
	for _, c := range []struct {
		query, subType, hash string
		want                 []string
	}{
		{hash: ip, want: []string{"event login 1100", "object attacker 1", "session cowrie_session at least 1"}},
		{query: "events | limit 1", subType: "login", want: append(parts, "raw cowrie 1")},
		{query: "events | sessions", subType: "cowrie_session", want: []string{
			"event login at least 1001", "attribute sensor 1", "attribute sessionid 1", "raw cowrie at least 1001"}},
		{query: "raws | limit 1", subType: "cowrie", want: append([]string{"event login 1"}, parts...)},
		{query: "events | objects", subType: "attacker", want: []string{"event login 1100", "attribute ipv4 1", "session cowrie_session at least 1"}},
	} {
		hash := c.hash
		if hash == "" {
			hash = r.hashesBy(r.reader, c.query)[c.subType]
		}
		if diff := cmp.Diff(c.want, r.around(r.reader, hash)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.query, diff)
		}
	}
}
