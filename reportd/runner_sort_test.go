package reportd

import (
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

func TestSortFieldsAndDistinct(t *testing.T) {
	org := tdql.Org{Hash: tahoe.OrgHash("sort"), Name: "sort"}
	num := func(n int64) tahoe.Node { return must(tahoe.NewAttribute("n", tahoe.Int(n))) }
	word := func(s string) tahoe.Node { return must(tahoe.NewAttribute("w", tahoe.String(s))) }
	event := func(at float64, nodes ...tahoe.Node) *tahoe.Event {
		return must(tahoe.NewEvent("e", org.Hash.String(), at, nodes...))
	}
	store := testdgraph.Open(t)
	events := []*tahoe.Event{event(1, num(10), word("b")), event(2, num(9), word("b"), word("c")), event(3, word("a")), event(4, num(100), num(1), word("a"))}
	if _, err := store.Write(t.Context(), []tahoe.Record{{Events: events}}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"events | sort timestamp | fields n, w", []string{`{"n":[10],"w":["b"]}`, `{"n":[9],"w":["b","c"]}`, `{"n":[],"w":["a"]}`, `{"n":[1,100],"w":["a"]}`}},
		{"events | sort n | fields n", []string{`{"n":[1,100]}`, `{"n":[9]}`, `{"n":[10]}`, `{"n":[]}`}},
		{"events | sort n desc | fields n", []string{`{"n":[1,100]}`, `{"n":[10]}`, `{"n":[9]}`, `{"n":[]}`}},
		{"events | sort w, n desc | fields w, n | limit 2", []string{`{"w":["a"],"n":[1,100]}`, `{"w":["a"],"n":[]}`}},
		{"events | sort w, timestamp desc | page 2 size 2 | fields timestamp", []string{`{"timestamp":"1970-01-01T00:00:02Z"}`, `{"timestamp":"1970-01-01T00:00:01Z"}`}},
		{"events | sort timestamp | limit 2 | attributes n | sort data desc | fields data, degree", []string{`{"data":10,"degree":1}`, `{"data":9,"degree":1}`}},
		{"events | limit 1 | sort timestamp | fields timestamp", []string{`{"timestamp":"1970-01-01T00:00:04Z"}`}},
		{"attributes w | sort degree desc, data | fields data, degree", []string{`{"data":"a","degree":2}`, `{"data":"b","degree":2}`, `{"data":"c","degree":1}`}},
		{"events | fields timestamp, degree, org_name | limit 1", []string{`{"timestamp":"1970-01-01T00:00:04Z","degree":3,"org_name":"sort"}`}},
		{"n 9 | related | attributes | fields data | limit 9", nil},
		{"events | count distinct by w", []string{`{"count":3}`}},
		{"events | count distinct by w, n", []string{`{"count":5}`}},
		{"count distinct w a", []string{`{"count":2}`}},
		{"events where n = 77 | count distinct by w", []string{`{"count":0}`}},
		{"events | sort timestamp | events where n = 9 | count", []string{`{"count":1}`}},
		{"events to 0 | sort timestamp", []string{}},
		{"events | sort n desc | limit 1 | attributes n | sort degree | count", []string{`{"count":2}`}},
	} {
		rows := ask(t, store, []tdql.Org{org}, tt.text)
		if tt.want == nil {
			if len(rows) != 3 {
				t.Errorf("%s: %s", tt.text, rows)
			}
			continue
		}
		if d := cmp.Diff(tt.want, texts(rows)); d != "" {
			t.Errorf("%s: want - got +\n%s", tt.text, d)
		}
	}
}

func TestExplainAnalyze(t *testing.T) {
	org := tdql.Org{Hash: tahoe.OrgHash("analyze"), Name: "analyze"}
	store := testdgraph.Open(t)
	if _, err := store.Write(t.Context(), whereGraph(org, must(tahoe.NewAttribute("n", tahoe.Int(1))), must(tahoe.NewAttribute("n", tahoe.Int(2))))); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][]string{
		"explain analyze events | attributes n | where n > 1": {`{"step":"scan events","rows":2,"ms":T,"round_trips":1}`,
			`{"step":"hop event -> attributes n","rows":2,"ms":T,"round_trips":1}`, `{"step":"filter n > 1","rows":1,"ms":T,"round_trips":1}`},
		"explain analyze count n 1": {`{"step":"seed n 1 = attribute H","rows":1,"ms":T,"round_trips":1}`,
			`{"step":"hop attribute -> events","rows":1,"ms":T,"round_trips":1}`, `{"step":"reduce count","rows":1,"ms":T,"round_trips":1}`},
		"explain analyze events | limit 1 | sessions | count by sub_type": {`{"step":"scan events","rows":2,"ms":T,"round_trips":1}`, `{"step":"cut limit 1","rows":1,"ms":T,"round_trips":2}`,
			`{"step":"hop event -> sessions","rows":1,"ms":T,"round_trips":2}`, `{"step":"reduce count by sub_type","rows":1,"ms":T,"round_trips":2}`},
	} {
		got := texts(ask(t, store, []tdql.Org{org}, text))
		for i := range got {
			got[i] = regexp.MustCompile(`"ms":[0-9.]+`).ReplaceAllString(got[i], `"ms":T`)
			got[i] = regexp.MustCompile(`[0-9a-f]{64}`).ReplaceAllString(got[i], `H`)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: want - got +\n%s", text, d)
		}
	}
}
