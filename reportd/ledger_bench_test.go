package reportd

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/internal/benchgraph"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
	"github.com/cybexp/cybexp/tdql/dql"
)

var hotOrgs = []tdql.Org{{Hash: tahoe.OrgHash("red"), Name: "red"}, {Hash: tahoe.OrgHash("blue"), Name: "blue"}, {Hash: tahoe.OrgHash("green"), Name: "green"}}

// hotRecord makes an event of the year before testNow that holds 8.8.8.8, and one of a few thousand other values.
func hotRecord(r *rand.Rand) tahoe.Record { return hotRecordOf(r, hotOrgs) }

// hotRecordOf makes an event of one of the organisations.
func hotRecordOf(r *rand.Rand, orgs []tdql.Org) tahoe.Record {
	hot := must(tahoe.NewAttribute("ipv4", tahoe.String("8.8.8.8")))
	other := must(tahoe.NewAttribute("domain", tahoe.String(fmt.Sprintf("d%d.example", r.IntN(5000)))))
	at := testNow.Add(-time.Duration(r.Int64N(int64(365 * 24 * time.Hour)))).UnixMicro()
	e := must(tahoe.NewEvent("dns", orgs[r.IntN(len(orgs))].Hash.String(), float64(at)/1e6, hot, other))
	must(0, e.SetCategory([]tahoe.Category{tahoe.Unknown, tahoe.Malicious, tahoe.Benign}[r.IntN(3)]))
	if r.IntN(4) == 0 {
		must(0, e.SetContext(tahoe.Malicious, hot))
	}
	return tahoe.Record{Events: []*tahoe.Event{e}}
}

// hotGraph has n events of 8.8.8.8 in one year, and a ledger of it.
func hotGraph(n int) benchgraph.Recipe {
	return benchgraph.Recipe{
		Name: fmt.Sprintf("hot-%d-v1", n),
		Make: func(w *bufio.Writer) error {
			r := rand.New(rand.NewPCG(uint64(n), 8))
			for left := n; left > 0; left -= 1000 {
				records := make([]tahoe.Record, min(left, 1000))
				for i := range records {
					records[i] = hotRecord(r)
				}
				if _, err := graph.RDF(w, records); err != nil {
					return err
				}
			}
			return nil
		},
		Then: func(s *graph.Store) error {
			return s.OpenLedger(context.Background(), must(tahoe.AttributeHash("ipv4", tahoe.String("8.8.8.8"))))
		},
	}
}

// hotQuestions are asked of the ledger; naive is how many events a filter over the edges would be asked for, in the same words.
var hotQuestions = []struct {
	name, text string
	naive      func(q *dql.Query) dql.Filter
}{
	{"all", "count ipv4 8.8.8.8", func(*dql.Query) dql.Filter { return nil }},
	{"seconds", "count ipv4 8.8.8.8 from 2020-09-03T04:05:06Z to 2021-02-14T21:07:59Z", func(q *dql.Query) dql.Filter {
		return dql.Between("timestamp", q.Bind("t", "2020-09-03T04:05:06Z"), q.Bind("t", "2021-02-14T21:07:59Z"))
	}},
	{"category", "count ipv4 8.8.8.8 last 90d category malicious", func(q *dql.Query) dql.Filter {
		return dql.All(dql.Between("timestamp", q.Bind("t", "2021-03-03T12:00:00Z"), q.Bind("t", "2021-06-01T12:00:00Z")), dql.Eq("category", q.Bind("c", "malicious")))
	}},
	{"context", "count ipv4 8.8.8.8 last 30d context malicious org red", nil},
	{"by-day", "count ipv4 8.8.8.8 by day", nil},
	{"by-day-in-a-zone", "count ipv4 8.8.8.8 by day tz Asia/Kolkata", nil},
	{"by-category-and-org", "count ipv4 8.8.8.8 last 200d by category, org", nil},
}

// BenchmarkHotCount counts the events of an attribute in 10 thousand to a million of them, while nobody writes and while 500 events a second are
// written, and beside it what Dgraph takes for the filters written by hand.
func BenchmarkHotCount(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("events=%d", n), func(b *testing.B) {
			g := benchgraph.Open(b, hotGraph(n))
			for _, q := range hotQuestions {
				b.Run(q.name, func(b *testing.B) { hotCount(b, g, q.text, q.naive) })
			}
			if n == 1_000_000 {
				ctx, stop := context.WithCancel(b.Context())
				done := make(chan error, 1)
				go func() { done <- keepWriting(ctx, g, 500) }()
				for _, q := range hotQuestions {
					b.Run("written/"+q.name, func(b *testing.B) { hotCount(b, g, q.text, nil) })
				}
				stop()
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRemoveHot removes an organisation's events, all of which hold an attribute that others have in ten thousand to a million events: how many others
// there are should not matter. x-write is its speed as a share of that of writing them.
func BenchmarkRemoveHot(b *testing.B) {
	const events = 8000
	org := tdql.Org{Hash: tahoe.OrgHash("yellow"), Name: "yellow"}
	for _, n := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprintf("others=%d", n), func(b *testing.B) {
			g := benchgraph.Open(b, hotGraph(n))
			r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 10))
			var writing, removal time.Duration
			for b.Loop() {
				records := make([]tahoe.Record, events)
				for i := range records {
					records[i] = hotRecordOf(r, []tdql.Org{org})
				}
				began := time.Now()
				must(g.Write(b.Context(), records))
				writing += time.Since(began)
				began = time.Now()
				if gone := must(g.RemoveOrg(b.Context(), org.Hash.String(), nil)); gone.Events != events {
					b.Fatalf("removed %+v", gone)
				}
				removal += time.Since(began)
			}
			b.ReportMetric(float64(events*b.N)/removal.Seconds(), "events/s")
			b.ReportMetric(writing.Seconds()/removal.Seconds(), "x-write")
		})
	}
}

// keepWriting writes so many new events of 8.8.8.8 a second until ctx ends.
func keepWriting(ctx context.Context, g *benchgraph.Graph, rate int) error {
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 9))
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		var records []tahoe.Record
		for range rate / 10 {
			records = append(records, hotRecord(r))
		}
		if _, err := g.Write(context.WithoutCancel(ctx), records); err != nil {
			return err
		}
	}
}

// hotCount reports the median of a question, and of the filter.
func hotCount(b *testing.B, g *benchgraph.Graph, text string, naive func(*dql.Query) dql.Filter) {
	var times, plain []time.Duration
	for b.Loop() {
		began := time.Now()
		ask(b, g, hotOrgs, text)
		times = append(times, time.Since(began))
	}
	median := func(list []time.Duration) float64 {
		slices.Sort(list)
		return float64(list[len(list)/2].Microseconds()) / 1000
	}
	b.ReportMetric(median(times), "median-ms")
	b.ReportMetric(0, "ns/op")
	if naive == nil {
		return
	}
	q := dql.Query{Name: "naive"}
	filter := naive(&q)
	q.Blocks = []dql.Block{{Name: "r", Func: dql.Eq("hash", q.Bind("h", must(tahoe.AttributeHash("ipv4", tahoe.String("8.8.8.8"))).String())), Fields: []dql.Field{
		{Alias: "n", Name: "~ref", Count: true, Filter: dql.All(dql.Eq("audience", q.Bind("o", hotOrgs[0].Hash.String()), q.Bind("o", hotOrgs[1].Hash.String()), q.Bind("o", hotOrgs[2].Hash.String())), filter)},
	}}}
	var body []byte
	for range 5 {
		began := time.Now()
		var err error
		if body, _, err = g.Query(b.Context(), q, 0); err != nil {
			b.Fatal(err)
		}
		plain = append(plain, time.Since(began))
	}
	var answer struct{ R []struct{ N int } }
	must(0, json.Unmarshal(body, &answer))
	if got := column[int](b, ask(b, g, hotOrgs, text), "count"); answer.R[0].N != got[0] {
		b.Fatalf("%s: the ledger has %d, the edges %d", text, got[0], answer.R[0].N)
	}
	b.ReportMetric(median(plain), "naive-ms")
	b.ReportMetric(median(plain)/median(times), "x-naive")
}
