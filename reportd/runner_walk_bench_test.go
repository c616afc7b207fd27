package reportd

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/dgo/v230"
	"github.com/dgraph-io/dgo/v230/protos/api"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/cybexp/cybexp/internal/benchgraph"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
	"github.com/cybexp/cybexp/walk"
)

// asked is how many pairs or events a benchmark asks about.
const asked = 20

// beside is how many of them a reference is asked too, which takes as long as it may each time.
const beside = 5

// honeypotEnv is a caller who may read all of a honeypot graph.
func honeypotEnv() tdql.Env {
	env := tdql.Env{Now: time.Unix(1_640_000_000, 0)}
	for _, name := range benchgraph.HoneypotOrgs {
		env.Orgs = append(env.Orgs, tdql.Org{Hash: tahoe.OrgHash(name), Name: name})
	}
	return env
}

// picked is a vertex that was chosen by chance.
type picked struct{ UID, Hash, Category string }

// dgraph is a client of the graph's Dgraph, for queries by hand.
func dgraph(tb testing.TB, g *benchgraph.Graph) *dgo.Dgraph {
	tb.Helper()
	conn, err := grpc.NewClient("passthrough:///"+strings.TrimPrefix(g.Server.Target(), "dgraph://"),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(256<<20)))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return dgo.NewDgraphClient(api.NewDgraphClient(conn))
}

// pick chooses n vertices that pass a filter, evenly among all of them and always the same ones.
func pick(tb testing.TB, g *benchgraph.Graph, n int, root string) []picked {
	tb.Helper()
	client := dgraph(tb, g)
	res, err := client.NewReadOnlyTxn().Query(tb.Context(), `{ q(func: `+root+`) { uid } }`)
	if err != nil {
		tb.Fatal(err)
	}
	var all struct{ Q []picked }
	must(0, json.Unmarshal(res.Json, &all))
	r := rand.New(rand.NewPCG(3, 5))
	uids := make([]string, n)
	for i := range uids {
		uids[i] = all.Q[r.IntN(len(all.Q))].UID
	}
	list := make([]picked, n)
	for i, uid := range uids {
		res, err := client.NewReadOnlyTxn().Query(tb.Context(), `{ q(func: uid(`+uid+`)) { uid hash category } }`)
		if err != nil {
			tb.Fatal(err)
		}
		var one struct{ Q []picked }
		must(0, json.Unmarshal(res.Json, &one))
		list[i] = one.Q[0]
	}
	return list
}

// spread reports the median, and the slowest.
func spread(b *testing.B, name string, times []time.Duration) float64 {
	slices.Sort(times)
	median := times[len(times)/2].Seconds() * 1000
	b.ReportMetric(median, name+"-median-ms")
	b.ReportMetric(times[len(times)-1].Seconds()*1000, name+"-most-ms")
	b.ReportMetric(0, "ns/op")
	return median
}

// BenchmarkPath connects instances of a graph of a million vertices, and beside it lets Dgraph do so by itself.
func BenchmarkPath(b *testing.B) {
	g := benchgraph.Open(b, benchgraph.HoneypotGraph(160_000))
	env := honeypotEnv()
	for _, of := range []struct{ name, kind, root string }{
		{"attributes", "attribute", "type(Attribute)"}, {"events", "event", "type(Event)"}, {"any", "instance", "has(hash)"},
	} {
		b.Run(of.name, func(b *testing.B) {
			ends := pick(b, g, 2*asked, of.root)
			var ours, theirs []time.Duration
			lengths := map[int]int{}
			for b.Loop() {
				for i := range asked {
					from, to := ends[2*i], ends[2*i+1]
					began := time.Now()
					rows, _, err := tryAsk(b.Context(), g, env, fmt.Sprintf("path %s %s to %s %s max 10", of.kind, from.Hash, of.kind, to.Hash))
					if err != nil {
						b.Fatal(err)
					}
					ours = append(ours, time.Since(began))
					for _, n := range column[int](b, rows, "length") {
						lengths[n]++
					}
				}
			}
			for i := range beside {
				theirs = append(theirs, shortest(b, g, ends[2*i].UID, ends[2*i+1].UID))
			}
			b.Logf("lengths of the chains: %v", lengths)
			median := spread(b, "path", ours)
			b.ReportMetric(spread(b, "shortest", theirs)/median, "x-shortest")
		})
	}
}

// shortestLimit is how long Dgraph may look for a chain.
const shortestLimit = 3 * time.Second

// shortest lets Dgraph look for a shortest chain over the same edges, without rights; a search that is cut counts as long as the limit.
func shortest(b *testing.B, g *benchgraph.Graph, from, to string) time.Duration {
	client := dgraph(b, g)
	ctx, cancel := context.WithTimeout(b.Context(), shortestLimit)
	defer cancel()
	q := fmt.Sprintf(`{ p as shortest(from: %s, to: %s) { ref ~ref sref ~sref sattr ~sattr rref ~rref } r(func: uid(p)) { uid hash } }`, from, to)
	began := time.Now()
	if _, err := client.NewReadOnlyTxn().Query(ctx, q); err != nil {
		if time.Since(began) < shortestLimit*9/10 && !strings.Contains(err.Error(), "limit") {
			b.Fatal(err)
		}
		return shortestLimit
	}
	return time.Since(began)
}

// BenchmarkThreatRank ranks events of a graph in which enumeration does not end, and beside it enumerates.
func BenchmarkThreatRank(b *testing.B) {
	g := benchgraph.Open(b, benchgraph.HoneypotGraph(30_000))
	env := honeypotEnv()
	events := pick(b, g, asked, `eq(category, "unknown")`)
	var ours, theirs []time.Duration
	for b.Loop() {
		for _, e := range events {
			began := time.Now()
			rows, _, err := tryAsk(b.Context(), g, env, "threatrank event "+e.Hash)
			if err != nil || len(rows) != 1 || !column[bool](b, rows, "exact")[0] {
				b.Fatalf("%s, %v", rows, err)
			}
			ours = append(ours, time.Since(began))
		}
	}
	in := adjacency(b, g)
	ended := 0
	for _, e := range events[:beside] {
		began := time.Now()
		if in.enumerate(must(strconv.ParseUint(e.UID, 0, 64)), began.Add(enumerationLimit)) {
			ended++
		}
		theirs = append(theirs, time.Since(began))
	}
	b.Logf("%d of %d enumerations ended within %s, of what was in memory before", ended, beside, enumerationLimit)
	median := spread(b, "rank", ours)
	b.ReportMetric(spread(b, "enumeration", theirs)/median, "x-enumeration")
}

// enumerationLimit is how long a rank is enumerated, without what it takes to fetch the graph.
const enumerationLimit = 5 * time.Second

// plain is a graph in memory whose paths are enumerated.
type plain struct {
	next      map[walk.ID][]walk.ID
	malicious map[walk.ID]bool
	weight    map[walk.ID]float64
}

func adjacency(b *testing.B, g *benchgraph.Graph) *plain {
	b.Helper()
	res, err := dgraph(b, g).NewReadOnlyTxn().Query(b.Context(), `{ r(func: type(Event)) { uid category a: ref @filter(type(Attribute)) { uid } } }`)
	if err != nil {
		b.Fatal(err)
	}
	all := must(readVertices(res.Json))
	in := &plain{next: map[walk.ID][]walk.ID{}, malicious: map[walk.ID]bool{}, weight: map[walk.ID]float64{}}
	for _, v := range all.list {
		in.next[v.ID], in.malicious[v.ID] = v.to('a'), v.Category == "malicious"
		for _, a := range v.to('a') {
			in.next[a] = append(in.next[a], v.ID)
		}
	}
	for id, list := range in.next {
		in.weight[id] = 1 / float64(len(list))
	}
	return in
}

// enumerate adds up the paths to an event one by one, but for what time takes off; false when time is out.
func (in *plain) enumerate(t walk.ID, until time.Time) bool {
	steps, sum := 0, 0.0
	var visit func(path []walk.ID, so float64) bool
	visit = func(path []walk.ID, so float64) bool {
		if steps++; steps%100_000 == 0 && time.Now().After(until) {
			return false
		}
		for _, id := range in.next[path[len(path)-1]] {
			if slices.Contains(path, id) {
				continue
			}
			weight := so * in.weight[id]
			if in.malicious[id] {
				sum -= weight
			}
			if len(path) < 6 && !visit(append(path, id), weight) {
				return false
			}
		}
		return true
	}
	return visit([]walk.ID{t}, 1)
}
