package reportd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// crowd makes events of ten attributes each, of which a few are in most events.
func crowd(org tahoe.Hash, events, attributes int) []tahoe.Record {
	rng := rand.New(rand.NewPCG(1, 2))
	var r tahoe.Record
	for i := range events {
		var nodes []tahoe.Node
		for range 10 {
			n := int(float64(attributes) * math.Pow(rng.Float64(), 4))
			nodes = append(nodes, must(tahoe.NewAttribute(fmt.Sprintf("kind%d", n%5), tahoe.Int(int64(n)))))
		}
		e := must(tahoe.NewEvent("sighting", org.String(), 1.6e9+float64(i)*600, nodes...))
		if i > 0 && rng.IntN(3) == 0 {
			must(0, e.SetCategory(tahoe.Malicious))
		}
		r.Events = append(r.Events, e)
	}
	var records []tahoe.Record
	for len(r.Events) > 0 {
		n := min(500, len(r.Events))
		records = append(records, tahoe.Record{Events: r.Events[:n]})
		r.Events = r.Events[n:]
	}
	return records
}

// BenchmarkWalks asks about a graph in which nearly everything is within three events' reach of everything.
func BenchmarkWalks(b *testing.B) {
	org := tdql.Org{Hash: tahoe.OrgHash("ours"), Name: "ours"}
	store := testdgraph.Open(b)
	records := crowd(org.Hash, 20_000, 30_000)
	for _, r := range records {
		if _, err := store.Write(b.Context(), []tahoe.Record{r}); err != nil {
			b.Fatal(err)
		}
	}
	env := tdql.Env{Now: time.Unix(1_620_000_000, 0), Orgs: []tdql.Org{org}}
	first := records[0].Events[0].Hash().String()
	for _, q := range []string{
		"threatrank event " + first, "threatrank event " + first + " depth 4", "events category unknown | limit 50 | threatrank",
		"path kind1 29996 to kind2 29997 paths 10", "path kind0 0 to kind1 1", "kind1 29996 | related level 2 via attributes | graph",
	} {
		b.Run(q[:20], func(b *testing.B) {
			for b.Loop() {
				rows, stats, err := tryAsk(b.Context(), store, env, q)
				if err != nil {
					b.Fatal(err)
				}
				if len(rows) > 0 {
					b.Logf("%s: %d rows, %d scanned: %.300s", q, len(rows), stats.Scanned, rows[0])
				}
			}
		})
	}
}
