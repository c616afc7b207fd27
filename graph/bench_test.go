package graph_test

import (
	"bufio"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cybexp/cybexp"
	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/graph/dgraphd"
	"github.com/cybexp/cybexp/internal/benchgraph"
	"github.com/cybexp/cybexp/tahoe"

	"golang.org/x/sync/errgroup"
)

// benchEvents is enough to see the steady state.
const benchEvents = 12_000

// BenchmarkWrite writes the same records into a fresh Dgraph each time: with Write in one call and in many small ones, and, for
// comparison, the same quads with Dgraph's own live loader, with and without looking for what is there. Only Write may be repeated.
func BenchmarkWrite(b *testing.B) {
	records := newGenerator(b, 42).records(benchEvents)
	file := filepath.Join(b.TempDir(), "records.rdf.gz")
	quads := writeRDF(b, file, records)
	want := contents(records)
	for b.Loop() {
		whole := fresh(b, want, func(server *dgraphd.Server) { writeAll(b, server, records, 1, len(records)) }).wall
		small := fresh(b, want, func(server *dgraphd.Server) { writeAll(b, server, records, 16, 1) }).wall
		live := fresh(b, want, func(server *dgraphd.Server) { benchgraph.Live(b, server, file) }).wall
		upsert := fresh(b, want, func(server *dgraphd.Server) { benchgraph.Live(b, server, file, "--upsertPredicate", "hash") }).wall
		perSecond := func(d time.Duration) float64 { return benchEvents / d.Seconds() }
		b.ReportMetric(perSecond(whole), "events/s")
		b.ReportMetric(float64(quads)/whole.Seconds(), "quads/s")
		b.ReportMetric(perSecond(small), "one-by-one-events/s")
		b.ReportMetric(perSecond(live), "live-events/s")
		b.ReportMetric(perSecond(upsert), "live-upsert-events/s")
		b.ReportMetric(live.Seconds()/whole.Seconds(), "x-live")
		b.ReportMetric(upsert.Seconds()/whole.Seconds(), "x-live-upsert")
	}
}

// BenchmarkRemove removes all that Write wrote, organisation by organisation. Beside the time it tells the processor time of Dgraph, which a busy machine
// disturbs less.
func BenchmarkRemove(b *testing.B) {
	g := newGenerator(b, 42)
	records := g.records(benchEvents)
	want := contents(records)
	for b.Loop() {
		var writing, removal cost
		fresh(b, &benchgraph.Contents{}, func(server *dgraphd.Server) {
			writing = measure(b, server, func() { writeAll(b, server, records, 1, len(records)) })
			g.check(want.Verify(server.HTTP()))
			s := connect(b, server)
			removal = measure(b, server, func() {
				for _, org := range g.orgs {
					_, err := s.RemoveOrg(b.Context(), org, nil)
					g.check(err)
				}
			})
		})
		b.ReportMetric(benchEvents/removal.wall.Seconds(), "events/s")
		b.ReportMetric(writing.wall.Seconds()/removal.wall.Seconds(), "x-write")
		b.ReportMetric(float64(removal.cpu.Microseconds())/benchEvents, "cpu-µs/event")
		b.ReportMetric(float64(writing.cpu.Microseconds())/benchEvents, "write-cpu-µs/event")
	}
}

// contents are what records make of a graph.
func contents(records []tahoe.Record) *benchgraph.Contents {
	c := &benchgraph.Contents{}
	c.Add(records...)
	return c
}

// cost is what something took.
type cost struct {
	wall time.Duration
	cpu  time.Duration // of Dgraph
}

func measure(b *testing.B, server *dgraphd.Server, f func()) cost {
	b.Helper()
	_, alpha := server.PIDs()
	began, before := time.Now(), processorTime(b, alpha)
	f()
	return cost{time.Since(began), processorTime(b, alpha) - before}
}

// fresh measures f on a new Dgraph with the schema, and then holds the graph to what it should be.
func fresh(b *testing.B, want *benchgraph.Contents, f func(*dgraphd.Server)) cost {
	b.Helper()
	return freshWith(b, cybexp.Schema, want, f)
}

// freshWith is fresh with a schema of its own.
func freshWith(b *testing.B, sdl string, want *benchgraph.Contents, f func(*dgraphd.Server)) cost {
	b.Helper()
	server, store := benchgraph.Fresh(b, sdl)
	defer server.Stop()
	store.Close()
	took := measure(b, server, func() { f(server) })
	if err := want.Verify(server.HTTP()); err != nil {
		b.Fatal(err)
	}
	return took
}

func connect(b *testing.B, server *dgraphd.Server) *graph.Store {
	b.Helper()
	s, err := graph.Open(b.Context(), graph.Config{Target: server.Target()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

// writeAll writes the records from several goroutines, some to a call.
func writeAll(b *testing.B, server *dgraphd.Server, records []tahoe.Record, goroutines, size int) {
	b.Helper()
	s := connect(b, server)
	var g errgroup.Group
	g.SetLimit(goroutines)
	for len(records) > 0 {
		part := records[:min(size, len(records))]
		records = records[len(part):]
		g.Go(func() error {
			_, err := s.Write(b.Context(), part)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
}

// writeRDF writes the records as zipped RDF, and returns the number of quads.
func writeRDF(b *testing.B, path string, records []tahoe.Record) (quads int) {
	b.Helper()
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	zip := gzip.NewWriter(f)
	w := bufio.NewWriter(zip)
	quads, err = graph.RDF(w, records)
	if err := errors.Join(err, w.Flush(), zip.Close()); err != nil {
		b.Fatal(err)
	}
	return quads
}
