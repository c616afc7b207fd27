package ingest_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/internal/testdgraph"
)

// export is the whole graph as text: all vertices with their edges, by hash. When a raw came is left out: it differs.
func export(t *testing.T) map[string]string {
	t.Helper()
	var answer struct {
		Data struct{ Q []map[string]any }
	}
	edges := strings.Fields("cref ref mal_ref ben_ref ocref sref sattr rref")
	query(t, `{ q(func: has(hash)) { hash itype sub_type name data value ip host number audience tlp audiences category state timezone timestamp ts
		spans: ~span_of { span_audience span_start span_end span_duration } `+strings.Join(edges, " { hash } ")+` { hash } } }`, &answer)
	all := map[string]string{}
	for _, v := range answer.Data.Q {
		hash := v["hash"].(string)
		if all[hash] != "" {
			t.Fatalf("hash %s has two vertices", hash)
		}
		for _, name := range append(edges, "audiences", "spans") {
			if list, ok := v[name].([]any); ok {
				v[name] = sorted(t, list)
			}
		}
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		all[hash] = string(text)
	}
	return all
}

func sorted(t *testing.T, list []any) []string {
	t.Helper()
	texts := make([]string, len(list))
	for i, v := range list {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = string(text)
	}
	slices.Sort(texts)
	return texts
}

// TestOrderDoesNotMatter sends files of several formats in several orders, and some of them again, and gets one graph.
func TestOrderDoesNotMatter(t *testing.T) {
	cowrie, err := os.ReadFile("testdata/cowrie.json")
	if err != nil {
		t.Fatal(err)
	}
	half := strings.SplitAfter(string(cowrie), "\n")
	files := [][2]string{
		{"cowrie", strings.Join(half[:len(half)/2], "")},
		{"cowrie", strings.Join(half[len(half)/2:], "")},
		{"cowrie", logins(40)},
		{"suricata", `{"timestamp":"2024-01-01T00:00:00.1+0000","event_type":"dns","src_ip":"192.0.2.3","dest_ip":"192.0.2.53","proto":"UDP","dns":{"type":"query","rrname":"example.org","rrtype":"A"}}`},
		{"zeek", `{"_path":"conn","ts":1704067200.5,"uid":"C1","id.orig_h":"192.0.2.3","id.orig_p":1,"id.resp_h":"192.0.2.53","id.resp_p":53,"proto":"udp"}`},
		{"sighting", `{"timestamp":1704067200,"ipv4":"192.0.2.3","url":"http://example.org/"}`},
		{"stix", `{"type":"indicator","id":"indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f","spec_version":"2.1","created":"2024-01-01T00:00:00Z","modified":"2024-01-01T00:00:00Z","valid_from":"2024-01-01T00:00:00Z","pattern_type":"stix","pattern":"[ipv4-addr:value = '192.0.2.3']"}`},
		{"misp_event", `{"Event":{"id":"1","uuid":"5f6e0000-0000-4000-8000-000000000001","info":"x","date":"2024-01-01","timestamp":"1704067200","Attribute":[{"uuid":"5f6e0000-0000-4000-8000-000000000002","type":"ip-dst","category":"Network activity","value":"192.0.2.3","to_ids":true,"timestamp":"1704067200"}]}}`},
		{"email", "From: a@example.org\nTo: b@example.org\nDate: Mon, 01 Jan 2024 00:00:00 +0000\nMessage-ID: <1@example.org>\nSubject: x\n\nhttp://example.org/\n"},
		{"some_format", "{\"a\":1}\n"},
	}
	forward := make([]int, len(files))
	for i := range forward {
		forward[i] = i
	}
	backward := slices.Clone(forward)
	slices.Reverse(backward)
	var want map[string]string
	for name, order := range map[string][]int{
		"forward": forward, "backward": backward, "mixed": {3, 1, 9, 0, 5, 2, 8, 7, 4, 6}, "twice": append(slices.Clone(forward), backward...),
	} {
		store := testdgraph.Open(t)
		s := archive(t, openBus(t, t.TempDir()), store)
		run(t, s)
		for _, i := range order {
			if st := finish(t, s, accept(t, s, files[i][0], files[i][1]).ID); st.Mapped == 0 && st.NotSupported == 0 {
				t.Errorf("%s gave nothing: %+v", files[i][0], st)
			}
		}
		got := export(t)
		if want == nil {
			want = got
			if len(got) < 100 {
				t.Fatalf("got %d vertices only", len(got))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: graph differs:\n%.2000s", name, diff)
		}
	}
}
