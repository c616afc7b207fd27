package reportd

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// estimated is what explain says of the rows of a query's steps.
func estimated(t *testing.T, db Querier, orgs []tdql.Org, text string) []string {
	t.Helper()
	var list []string
	for _, row := range ask(t, db, orgs, "explain "+text) {
		var r struct{ Part, Text string }
		if err := json.Unmarshal(row, &r); err != nil {
			t.Fatal(err)
		}
		if r.Part == "estimate" {
			list = append(list, r.Text)
		}
	}
	return list
}

func TestExplainEstimatesRowsThatTheCallerSees(t *testing.T) {
	store := testdgraph.Open(t)
	red, blue := tdql.Org{Hash: tahoe.OrgHash("red"), Name: "red"}, tdql.Org{Hash: tahoe.OrgHash("blue"), Name: "blue"}
	shared := must(tahoe.NewAttribute("n", tahoe.Int(0)))
	var records []tahoe.Record
	for i := range 1100 {
		org := red
		if i >= 1099 {
			org = blue
		}
		e := must(tahoe.NewEvent("e", org.Hash.String(), float64(i), shared, must(tahoe.NewAttribute("n", tahoe.Int(int64(1+i%3))))))
		records = append(records, tahoe.Record{Events: []*tahoe.Event{e}})
	}
	must(store.Write(t.Context(), records))
	for _, tt := range []struct {
		orgs []tdql.Org
		text string
		want []string
	}{
		{[]tdql.Org{red, blue}, "n 0 | events | attributes n | count", []string{": 1 row", ": more than 1000 rows", ": 4 rows"}},
		{[]tdql.Org{blue}, "n 0 | events | attributes n | count", []string{": 1 row", ": 1 row", ": 2 rows"}},
		{nil, "n 0 | events", []string{": 0 rows", ": 0 rows"}},
	} {
		got := estimated(t, store, tt.orgs, tt.text)
		if !slices.EqualFunc(got, tt.want, strings.HasSuffix) {
			t.Errorf("explain %s for %d: %q, want the ends %q", tt.text, len(tt.orgs), got, tt.want)
		}
	}
}
