package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/graph/dgraphd"
	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/internal/benchgraph"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
)

// importRecords is how many records are imported. They take a few seconds, and a new zero takes two to four to elect itself, so that the clock of
// a single run tells little.
const importRecords = 30_000

// BenchmarkImport maps records and loads them, and beside it Dgraph's bulk loader loads the same quads from a zipped file, as somebody
// would who has such a file already. On a machine that does other work too, the processor's time tells more than the clock.
func BenchmarkImport(b *testing.B) {
	file := filepath.Join(b.TempDir(), "cowrie.json")
	writeHoneypotLog(b, file, importRecords)
	rdf := filepath.Join(b.TempDir(), "records.rdf.gz")
	vertices, want := writeQuads(b, file, rdf), mapped(b, file)
	if vertices != want.Vertices() {
		b.Fatalf("an import counts %d vertices, the log has %d", vertices, want.Vertices())
	}
	for b.Loop() {
		ours := load(b, want, func(w io.Writer) error { return newImport(b, file).spell(b.Context(), w) })
		plain := load(b, want, func(w io.Writer) error {
			f, err := os.Open(rdf)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = io.Copy(w, f)
			return err
		})
		b.ReportMetric(importRecords/ours.wall.Seconds(), "records/s")
		b.ReportMetric(importRecords/plain.wall.Seconds(), "bulk-records/s")
		b.ReportMetric(ours.cpu.Seconds()*1e6/importRecords, "cpu-µs/record")
		b.ReportMetric(plain.cpu.Seconds()*1e6/importRecords, "bulk-cpu-µs/record")
		b.ReportMetric(float64(ours.disk)/float64(vertices), "disk-B/vertex")
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkSpell is the part of an import that is ours: records to quads, in memory.
func BenchmarkSpell(b *testing.B) {
	file := filepath.Join(b.TempDir(), "cowrie.json")
	writeHoneypotLog(b, file, importRecords/10)
	used := processorTime(b)
	for b.Loop() {
		if err := newImport(b, file).spell(b.Context(), io.Discard); err != nil {
			b.Fatal(err)
		}
	}
	records := float64(b.N) * importRecords / 10
	b.ReportMetric(float64(b.Elapsed().Microseconds())/records, "µs/record")
	b.ReportMetric(float64((processorTime(b)-used).Microseconds())/records, "cpu-µs/record")
}

// cost is what a load took.
type cost struct {
	wall, cpu time.Duration
	disk      int64
}

// load measures Dgraph's bulk loader, and then holds what that made to what it should be.
func load(b *testing.B, want *benchgraph.Contents, source dgraphd.Source) cost {
	b.Helper()
	c := dgraphd.DefaultConfig()
	c.Dir = b.TempDir()
	var err error
	if c.Bin, err = testdgraph.Binary(); err != nil {
		b.Fatal(err)
	}
	begun, used := time.Now(), processorTime(b)
	if err := dgraphd.Load(b.Context(), c, source, graph.Predicates); err != nil {
		b.Fatal(err)
	}
	t := cost{wall: time.Since(begun), cpu: processorTime(b) - used}
	err = filepath.Walk(filepath.Join(c.Dir, "p"), func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			t.disk += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return err
	})
	if err := errors.Join(err, verify(b, c, want), os.RemoveAll(c.Dir)); err != nil {
		b.Fatal(err)
	}
	return t
}

// verify starts a Dgraph on what was loaded.
func verify(b *testing.B, c dgraphd.Config, want *benchgraph.Contents) error {
	b.Helper()
	server, err := dgraphd.Start(b.Context(), c)
	if err != nil {
		return err
	}
	defer server.Stop()
	return want.Verify(server.HTTP())
}

// mapped is what the filters make of a log.
func mapped(b *testing.B, file string) *benchgraph.Contents {
	b.Helper()
	f, err := os.Open(file)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	want := &benchgraph.Contents{}
	for out, err := range ingest.Try(ingest.Upload{Typetag: "cowrie", Org: tahoe.OrgHash("bench"), Timezone: "UTC"}, time.Unix(0, 0), f) {
		if err != nil {
			b.Fatal(err)
		}
		want.Add(out.Record)
	}
	return want
}

// processorTime is that of this process and of all those it has waited for.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			b.Fatal(err)
		}
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return sum
}

func newImport(b *testing.B, file string) *importRun {
	b.Helper()
	a := &app{stdout: io.Discard, stderr: io.Discard}
	list, err := openInputs(a, []string{file})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(list.close)
	return &importRun{
		app: a, up: ingest.Upload{Typetag: "cowrie", Org: tahoe.OrgHash("bench"), Timezone: "UTC"}, received: time.Unix(0, 0),
		inputs: list, bulk: graph.NewBulk(), note: newNote(a),
	}
}

// writeQuads writes the quads of an import to a zipped file, and counts the vertices.
func writeQuads(b *testing.B, file, rdf string) int {
	b.Helper()
	f, err := os.Create(rdf)
	if err != nil {
		b.Fatal(err)
	}
	r := newImport(b, file)
	zip := gzip.NewWriter(f)
	if err := errors.Join(r.spell(b.Context(), zip), zip.Close(), f.Close()); err != nil {
		b.Fatal(err)
	}
	return r.bulk.Vertices()
}

// writeHoneypotLog writes n records or some more: sessions of the demo sample again and again, at other times, from addresses of which few are
// frequent and many are rare.
func writeHoneypotLog(b *testing.B, path string, n int) {
	b.Helper()
	sessions := map[string][]map[string]any{}
	var names []string
	for line := range bytes.Lines(demoSample) {
		var record map[string]any
		if err := json.Unmarshal(line, &record); err != nil {
			b.Fatal(err)
		}
		name := fmt.Sprint(record["session"])
		if sessions[name] == nil {
			names = append(names, name)
		}
		sessions[name] = append(sessions[name], record)
	}
	rng := rand.New(rand.NewPCG(uint64(n), 4))
	addresses := rand.NewZipf(rng, 1.2, 8, 60_000)
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	for n > 0 {
		session := sessions[names[rng.IntN(len(names))]]
		name, from := fmt.Sprintf("%012x", rng.Uint64N(1<<48)), addresses.Uint64()
		at := time.Date(2026, 1, 1, 0, 0, rng.IntN(365*86400), 0, time.UTC)
		for i, record := range session {
			record["session"], record["timestamp"] = name, at.Add(time.Duration(i)*time.Second).Format(time.RFC3339Nano)
			if record["src_ip"] != nil {
				record["src_ip"] = fmt.Sprintf("10.%d.%d.%d", from>>16&255, from>>8&255, from&255)
			}
			if err := enc.Encode(record); err != nil {
				b.Fatal(err)
			}
		}
		n -= len(session)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
}
