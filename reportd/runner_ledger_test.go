package reportd

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// twins makes n events of the weeks before testNow, of three organisations. Each holds two attributes, hot and cold, in the same
// context, so that what is asked of one must be what is asked of the other.
func twins(r *rand.Rand, orgs []tdql.Org, n int) []tahoe.Record {
	hot, cold := must(tahoe.NewAttribute("hot", tahoe.Int(1))), must(tahoe.NewAttribute("cold", tahoe.Int(1)))
	categories := []tahoe.Category{tahoe.Unknown, tahoe.Benign, tahoe.Malicious}
	list := make([]tahoe.Record, n)
	for i := range list {
		other := must(tahoe.NewAttribute("n", tahoe.Int(r.Int64())))
		at := testNow.Add(-time.Duration(r.Int64N(int64(20 * 24 * time.Hour)))).Truncate(time.Microsecond)
		e := must(tahoe.NewEvent([]string{"login", "scan"}[r.IntN(2)], orgs[r.IntN(len(orgs))].Hash.String(), float64(at.UnixMicro())/1e6, hot, cold, other))
		must(0, e.SetCategory(categories[r.IntN(3)]))
		if c := categories[r.IntN(3)]; c != tahoe.Unknown {
			must(0, e.SetContext(c, hot, cold))
		}
		list[i] = tahoe.Record{Events: []*tahoe.Event{e}}
	}
	return list
}

// narrowings are clauses and what is counted by, as they come.
func narrowings(r *rand.Rand) (clauses, by string) {
	at := func() string {
		return testNow.Add(-time.Duration(r.Int64N(int64(24 * 24 * time.Hour)))).Format(time.RFC3339Nano)
	}
	var words []string
	switch from, to := at(), at(); r.IntN(5) {
	case 0:
		words = append(words, "from "+min(from, to)+" to "+max(from, to))
	case 1:
		words = append(words, "from "+from)
	case 2:
		words = append(words, "to "+to)
	case 3:
		words = append(words, fmt.Sprintf("last %dh", 1+r.IntN(400)))
	}
	for _, w := range []string{"category malicious", "category unknown", "context benign", "context malicious", "context unknown", "org red"} {
		if r.IntN(6) == 0 && !strings.Contains(strings.Join(words, " "), w[:4]) {
			words = append(words, w)
		}
	}
	dims := []string{"day", "hour", "minute", "week", "month", "year", "category", "org", "sub_type"}
	r.Shuffle(len(dims), func(i, j int) { dims[i], dims[j] = dims[j], dims[i] })
	dims = dims[:r.IntN(4)]
	times := 0
	dims = slices.DeleteFunc(dims, func(d string) bool {
		if slices.Contains([]string{"category", "org", "sub_type"}, d) {
			return false
		}
		times++
		return times > 1
	})
	if len(dims) > 0 {
		by = " by " + strings.Join(dims, ", ")
		if zone := []string{"", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia"}[r.IntN(5)]; zone != "" && times > 0 {
			by += " tz " + zone
		}
	}
	return strings.Join(words, " "), by
}

// TestLedgersCountWhatThereIs asks the same of an attribute with a ledger and of one without, while events are added.
func TestLedgersCountWhatThereIs(t *testing.T) {
	store := testdgraph.Open(t)
	orgs := []tdql.Org{{Hash: tahoe.OrgHash("red"), Name: "red"}, {Hash: tahoe.OrgHash("blue"), Name: "blue"}, {Hash: tahoe.OrgHash("green"), Name: "green"}}
	r := rand.New(rand.NewPCG(31, 1))
	events := twins(r, orgs, 4000)
	must(store.Write(t.Context(), events[:1500]))
	if err := store.OpenLedger(t.Context(), must(tahoe.AttributeHash("hot", tahoe.Int(1)))); err != nil {
		t.Fatal(err)
	}
	asked := 0
	for at := 1500; at <= 4000; at += 50 {
		for range 4 {
			clauses, by := narrowings(r)
			who := orgs[:1+r.IntN(3)]
			kind := []string{"", "login "}[r.IntN(2)]
			answer := func(attribute string) []tdql.Row {
				text := attribute + " 1 | events " + kind + clauses + " | count" + by
				rows, _, err := tryAsk(t.Context(), store, tdql.Env{Now: testNow, Orgs: who}, text)
				if err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				return rows
			}
			asked++
			hot, cold := answer("hot"), answer("cold")
			if !slices.EqualFunc(hot, cold, func(a, b tdql.Row) bool { return string(a) == string(b) }) {
				t.Fatalf("events %s%s | count%s for %d: %d rows %.300s, want %d rows %.300s", kind, clauses, by, len(who), len(hot), hot, len(cold), cold)
			}
		}
		if at < 4000 {
			must(store.Write(t.Context(), events[at:at+50]))
		}
	}
	if asked < 200 {
		t.Errorf("only %d questions were asked", asked)
	}
	_, stats, err := tryAsk(t.Context(), store, tdql.Env{Now: testNow, Orgs: orgs}, "hot 1 | events | count by day, category")
	if err != nil || stats.Read > 100 {
		t.Errorf("%d vertices were read, %v: the ledger was not", stats.Read, err)
	}
}
