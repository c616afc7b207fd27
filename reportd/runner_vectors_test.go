package reportd

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/internal/testdgraph"
)

// TestDegreesAndSummariesAreThoseOfTheOriginal asks for what holds an attribute, and for the values related to it.
func TestDegreesAndSummariesAreThoseOfTheOriginal(t *testing.T) {
	v := loadVectors(t)
	store := testdgraph.Open(t)
	if _, err := store.Write(t.Context(), v.records()); err != nil {
		t.Fatal(err)
	}
	degrees, summaries := 0, 0
	for i, q := range v.Queries {
		a := v.Attributes[q.Attribute]
		orgs := v.orgs(q.AsUser)
		count := func(text string) int {
			return column[int](t, ask(t, store, orgs, a.SubType+" "+string(a.Data)+text), "count")[0]
		}
		switch q.Op {
		case "degree":
			var want int
			must(0, json.Unmarshal(q.Expect, &want))
			got := 0
			if q.IType != "session" {
				if q.IType != "object" {
					got += count(" | events | count")
				}
				if q.IType != "event" {
					got += count(" | objects | count")
				}
			}
			if a.SubType == "sessionid" && q.IType != "event" && q.IType != "object" { // it is in no event
				got += count(" | sessions | count")
			}
			degrees++
			if got != want {
				t.Errorf("%d: degree of %s, %s, as %q: got %d, want %d", i, q.Attribute, q.IType, q.AsUser, got, want)
			}
		case "summary":
			rows := ask(t, store, orgs, fmt.Sprintf("related %s %s level %d summary", a.SubType, a.Data, q.Level))
			var want, got map[string][]any
			must(0, json.Unmarshal(q.Expect, &want))
			must(0, json.Unmarshal(column0(t, rows[0], "summary"), &got))
			summaries++
			if d := cmp.Diff(sortedLists(want), sortedLists(got)); d != "" {
				t.Errorf("%d: summary of %s, level %d, as %q: want - got +\n%s", i, q.Attribute, q.Level, q.AsUser, d)
			}
		}
	}
	if degrees < 20 || summaries < 20 {
		t.Errorf("only %d degrees and %d summaries", degrees, summaries)
	}
	if got := column[int](t, ask(t, store, v.orgs(""), "attributes ipv4 where data = 1.1.1.1 | fields degree"), "degree"); len(got) != 1 || got[0] != 4 {
		t.Errorf("degree as a field: %v", got)
	}
}

func sortedLists(m map[string][]any) map[string][]string {
	out := map[string][]string{}
	for name, list := range m {
		for _, v := range list {
			out[name] = append(out[name], fmt.Sprint(v))
		}
		slices.Sort(out[name])
	}
	return out
}
