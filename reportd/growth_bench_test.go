package reportd

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/internal/benchgraph"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql/dql"
)

// growthEnv bounds the graphs of BenchmarkGrowth, in events.
const growthEnv = "CYBEXP_BENCH_EVENTS"

// mails makes e-mail events: a few senders, subjects, links and relays are in very many of them, most in one or two. They are lean: an event
// and four attributes, with neither objects nor raws, so that a million can be loaded in minutes.
type mails struct {
	rng                           *rand.Rand
	senders, subjects, links, ips *rand.Zipf
}

func newMails(seed uint64) *mails {
	r := rand.New(rand.NewPCG(seed, 12))
	return &mails{r, rand.NewZipf(r, 1.2, 10, 100_000), rand.NewZipf(r, 1.1, 20, 400_000), rand.NewZipf(r, 1.15, 10, 200_000), rand.NewZipf(r, 1.3, 10, 50_000)}
}

// attributes draws what is in a mail: sub-types and values.
func (m *mails) attributes() [4][2]string {
	ip := m.ips.Uint64()
	return [4][2]string{
		{"email_addr", fmt.Sprintf("u%d@d%d.example", m.senders.Uint64(), m.senders.Uint64()%500)},
		{"subject", fmt.Sprintf("Invoice %d is due", m.subjects.Uint64())},
		{"url", fmt.Sprintf("http://h%d.example/%d", m.links.Uint64(), m.links.Uint64()%100)},
		{"ipv4", fmt.Sprintf("10.%d.%d.%d", ip>>16&255, ip>>8&255, ip&255)},
	}
}

func (m *mails) record() tahoe.Record {
	var nodes []tahoe.Node
	for _, a := range m.attributes() {
		nodes = append(nodes, must(tahoe.NewAttribute(a[0], tahoe.String(a[1]))))
	}
	at := testNow.Add(-time.Duration(m.rng.Int64N(int64(365 * 24 * time.Hour)))).UnixMicro()
	e := must(tahoe.NewEvent("email", hotOrgs[m.rng.IntN(3)].Hash.String(), float64(at)/1e6, nodes...))
	must(0, e.SetCategory([]tahoe.Category{tahoe.Unknown, tahoe.Malicious, tahoe.Benign}[m.rng.IntN(3)]))
	return tahoe.Record{Events: []*tahoe.Event{e}}
}

// mailGraph has n events of e-mail, and ledgers of what is in very many.
func mailGraph(n int) benchgraph.Recipe {
	bulk := graph.NewBulk()
	return benchgraph.Recipe{
		Name: fmt.Sprintf("mail-%d-v3", n),
		Make: func(w *bufio.Writer) error {
			m := newMails(1)
			var text []byte
			for range n {
				part, err := bulk.Add(m.record())
				if err != nil {
					return err
				}
				text = part.AppendRDF(text[:0])
				if _, err := w.Write(text); err != nil {
					return err
				}
			}
			return bulk.WriteRest(w)
		},
		Then: func(s *graph.Store) error {
			for _, h := range bulk.Hot(graph.DefaultConfig().HotDegree) {
				if err := s.OpenLedger(context.Background(), h); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// BenchmarkGrowth asks a thousand counts, of attributes drawn as the mails drew them, of graphs from a thousand to a million events, and
// beside them a few counts that find the attribute by a value that has no index, whose time stands for a thousand.
func BenchmarkGrowth(b *testing.B) {
	most := 1_000_000
	if text := os.Getenv(growthEnv); text != "" {
		most = must(strconv.Atoi(text))
	}
	for n := 1000; n <= most; n *= 10 {
		b.Run(fmt.Sprintf("events=%d", n), func(b *testing.B) { growth(b, n) })
	}
}

func growth(b *testing.B, n int) {
	const counts, scans = 1000, 3
	g := benchgraph.Open(b, mailGraph(n))
	var questions [][2]string
	for m := newMails(2); len(questions) < counts; {
		drawn := m.attributes()
		questions = append(questions, drawn[len(questions)%4])
	}
	for _, q := range questions[:20] { // the first ones read from the disk
		ask(b, g, hotOrgs, fmt.Sprintf("count %s %q", q[0], q[1]))
	}
	var counted, scanned time.Duration
	found := map[[2]string]int{}
	for b.Loop() {
		began := time.Now()
		for _, q := range questions {
			found[q] = column[int](b, ask(b, g, hotOrgs, fmt.Sprintf("count %s %q", q[0], q[1])), "count")[0]
		}
		counted = time.Since(began)
		began = time.Now()
		for _, q := range questions[:scans] {
			if n, ok := scanByName(b, g, q[1]); ok && n != found[q] {
				b.Fatalf("%s %s: counted %d, the scan finds %d", q[0], q[1], found[q], n)
			}
		}
		scanned = time.Since(began)
	}
	b.ReportMetric(counted.Seconds(), "s/1000-counts")
	b.ReportMetric(scanned.Seconds()*counts/scans, "s/1000-scans")
	b.ReportMetric(0, "ns/op")
	_, alpha := g.Server.PIDs()
	b.ReportMetric(float64(must(benchgraph.Resident(alpha)))/(1<<20), "alpha-MiB")
	b.ReportMetric(float64(must(benchgraph.DiskUse(filepath.Join(g.Dir, "p"))))/float64(inGraph(b, g)), "disk-B/vertex")
}

// scanByName counts the events of an attribute that is found by its name, which no index keeps. It is not ok when Dgraph breaks it off, after
// a minute: then its time is the least that it takes.
func scanByName(b *testing.B, g *benchgraph.Graph, value string) (n int, ok bool) {
	b.Helper()
	q := dql.Query{Name: "scan"}
	q.Blocks = []dql.Block{{Name: "r", Func: dql.Type("Attribute"), Filter: dql.Eq("name", q.Bind("v", value)),
		Fields: []dql.Field{{Alias: "n", Name: "~ref", Count: true}}}}
	body, _, err := g.Query(b.Context(), q, 0)
	if err != nil {
		b.Logf("scan for %s: %v", value, err)
		return 0, false
	}
	var answer struct{ R []struct{ N int } }
	must(0, json.Unmarshal(body, &answer))
	for _, r := range answer.R {
		n += r.N
	}
	return n, true
}

// inGraph counts the vertices of a graph.
func inGraph(b *testing.B, g *benchgraph.Graph) int {
	b.Helper()
	s, err := g.Stats(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return s.Attributes + s.Objects + s.Events + s.Sessions + s.Raws
}
