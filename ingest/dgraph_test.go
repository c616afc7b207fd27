package ingest_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cybexp/cybexp"
	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/graph/dgraphd"
	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/internal/benchgraph"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
)

func TestMain(m *testing.M) { testdgraph.Main(m) }

// counts are the vertices of a Dgraph by type.
type counts struct{ Raw, Event, Session, Attribute, Object int }

func countVertices(tb testing.TB) (c counts) {
	tb.Helper()
	const text = `{ Raw(func: type(Raw)) { n: count(uid) } Event(func: type(Event)) { n: count(uid) } Session(func: type(Session)) { n: count(uid) }
		Attribute(func: type(Attribute)) { n: count(uid) } Object(func: type(Object)) { n: count(uid) } }`
	var answer struct {
		Data map[string][]struct{ N int }
	}
	query(tb, text, &answer)
	n := func(kind string) int {
		if len(answer.Data[kind]) == 0 {
			return 0
		}
		return answer.Data[kind][0].N
	}
	return counts{n("Raw"), n("Event"), n("Session"), n("Attribute"), n("Object")}
}

func TestSampleInDgraph(t *testing.T) {
	for _, path := range []string{"testdata/cowrie.json", "../../shared/data/cowrie/lab/patrik-krajcik+bp_cowrie/cowrie.json.2025-04-12"} {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if os.IsNotExist(err) {
				t.Skip("no folder of samples beside the repository")
			}
			if err != nil {
				t.Fatal(err)
			}
			s := service(t, openBus(t, t.TempDir()), testdgraph.Open(t))
			run(t, s)
			one := finish(t, s, accept(t, s, "cowrie", string(text)).ID)
			before := countVertices(t)
			if before.Event == 0 || before.Event > one.Events || before.Raw == 0 || before.Raw > one.Received {
				t.Errorf("got %+v of %+v", before, one)
			}
			two := finish(t, s, accept(t, s, "cowrie", string(text)).ID)
			if after := countVertices(t); after != before || two.Mapped != one.Mapped || two.Events != one.Events {
				t.Errorf("uploaded again: got %+v of %+v, want %+v of %+v", after, two, before, one)
			}
		})
	}
}

// TestKilledWhileWorking kills a process that works the lake off, and expects the next to end with every record there once.
func TestKilledWhileWorking(t *testing.T) {
	const env = "INGEST_TEST_WORK"
	if spec := os.Getenv(env); spec != "" {
		workForever(t, strings.Split(spec, " "))
		return
	}
	const n = 5000
	dir, keyDir := t.TempDir(), t.TempDir()
	store := testdgraph.Open(t)
	k, err := ingest.LoadOrCreateKeys(keyDir)
	if err != nil {
		t.Fatal(err)
	}
	c := ingest.Config{Graph: store, Keys: k, Logger: logger(t), Silence: time.Second, Bus: openBus(t, dir)}
	receipt := accept(t, open(t, c), "cowrie", logins(n))
	_ = c.Bus.Close()

	server := testdgraph.Server(t)
	for range 3 {
		before := countVertices(t).Raw
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWhileWorking$")
		cmd.Env = append(os.Environ(), env+"="+strings.Join([]string{dir, keyDir, server.Target(), server.HTTP()}, " "))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		until(t, "child has written something", func() bool { return countVertices(t).Raw > before })
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
	}
	if got := countVertices(t).Raw; got >= n {
		t.Fatalf("nothing was left to do: %d", got)
	}

	c.Bus = openBus(t, dir)
	s := open(t, c)
	run(t, s)
	if st := finish(t, s, receipt.ID); st.Mapped != n || st.Events != n {
		t.Errorf("got %+v", st)
	}
	if got := countVertices(t); got.Raw != n || got.Event != n || got.Session != n/10 {
		t.Errorf("got %+v, want %d raws and events and %d sessions", got, n, n/10)
	}
	until(t, "lake is empty", func() bool { left, err := s.Backlog(t.Context()); return left == 0 && err == nil })
}

func open(tb testing.TB, c ingest.Config) *ingest.Service {
	tb.Helper()
	s, err := ingest.New(context.Background(), c)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func workForever(t *testing.T, spec []string) {
	k, err := ingest.LoadOrCreateKeys(spec[1])
	if err != nil {
		t.Fatal(err)
	}
	store, err := graph.Open(t.Context(), graph.Config{Target: spec[2], HTTP: spec[3]})
	if err != nil {
		t.Fatal(err)
	}
	c := ingest.Config{Bus: openBus(t, spec[0]), Graph: store, Keys: k, Silence: time.Second}
	_ = open(t, c).Run(context.Background())
}

// BenchmarkPipeline is what a record costs from upload to Dgraph.
func BenchmarkPipeline(b *testing.B) {
	s := service(b, openBus(b, b.TempDir()), testdgraph.Open(b))
	run(b, s)
	const n = 10_000
	text := logins(n)
	want := &benchgraph.Contents{}
	for b.Loop() {
		finish(b, s, accept(b, s, "cowrie", text).ID)
		b.StopTimer()
		for out, err := range ingest.Try(ingest.Upload{Typetag: "cowrie", Org: org}, time.Now(), strings.NewReader(text)) {
			if err != nil {
				b.Fatal(err)
			}
			want.Add(out.Record)
		}
		b.StartTimer()
		text = strings.ReplaceAll(text, `"session":"`, `"session":"x`)
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "records/s")
	if err := want.Verify(testdgraph.Server(b).HTTP()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkHoneypotLog brings real honeypot logs from upload to Dgraph: sealed, archived, filtered, written. Beside it Dgraph's live loader
// brings in the same quads, made before, which knows all vertices of the file by name. What was brought in is removed in each way that there is.
func BenchmarkHoneypotLog(b *testing.B) {
	text, n := honeypotLogs(b)
	var records []tahoe.Record
	want := &benchgraph.Contents{}
	for out, err := range ingest.Try(ingest.Upload{Typetag: "cowrie", Org: org}, time.Now(), strings.NewReader(text)) {
		if err != nil {
			b.Fatal(err)
		}
		records = append(records, out.Record)
		want.Add(out.Record)
	}
	file := filepath.Join(b.TempDir(), "records.rdf")
	var quads bytes.Buffer
	w := bufio.NewWriter(&quads)
	if _, err := graph.RDF(w, records); err != nil {
		b.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(file, quads.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	lines := bytes.Count(quads.Bytes(), []byte{'\n'})
	for b.Loop() {
		var ours, alpha, own, removal time.Duration
		for _, r := range removals {
			server, store := benchgraph.Fresh(b, cybexp.Schema)
			s := service(b, openBus(b, b.TempDir()), store)
			stop := runUntil(b, s)
			alpha, own = cpu(b, server), cpu(b, nil)
			began := time.Now()
			id := accept(b, s, "cowrie", text).ID
			finishLooking(b, s, id, 100*time.Millisecond)
			ours = time.Since(began)
			alpha, own = cpu(b, server)-alpha, cpu(b, nil)-own
			stop()
			if err := want.Verify(server.HTTP()); err != nil {
				b.Fatal(err)
			}
			benchgraph.Rest(b, server)
			began = time.Now()
			if err := r.remove(b.Context(), s, store, id); err != nil {
				b.Fatal(err)
			}
			removal = time.Since(began)
			if err := new(benchgraph.Contents).Verify(server.HTTP()); err != nil {
				b.Fatal(err)
			}
			store.Close()
			server.Stop()
			b.ReportMetric(ours.Seconds()/removal.Seconds(), r.metric+"-x-ingest")
		}

		server, store := benchgraph.Fresh(b, cybexp.Schema)
		liveAlpha := cpu(b, server)
		began := time.Now()
		benchgraph.Live(b, server, file, "--xidmap", b.TempDir())
		live := time.Since(began)
		liveAlpha = cpu(b, server) - liveAlpha
		if err := want.Verify(server.HTTP()); err != nil {
			b.Fatal(err)
		}
		store.Close()
		server.Stop()
		b.ReportMetric(float64(n)/ours.Seconds(), "records/s")
		b.ReportMetric(float64(n)/live.Seconds(), "live-records/s")
		b.ReportMetric(float64(n)/removal.Seconds(), "removed-records/s")
		b.ReportMetric(float64(lines)/float64(n), "quads/record")
		b.ReportMetric(alpha.Seconds()*1e6/float64(n), "alpha-cpu-µs/record")
		b.ReportMetric(own.Seconds()*1e6/float64(n), "own-cpu-µs/record")
		b.ReportMetric(liveAlpha.Seconds()*1e6/float64(n), "live-alpha-cpu-µs/record")
		b.ReportMetric(0, "ns/op")
	}
}

// removals are the ways in which what was ingested goes, the whole organisation last.
var removals = []struct {
	metric string
	remove func(ctx context.Context, s *ingest.Service, store *graph.Store, upload string) error
}{
	{"aged", func(ctx context.Context, _ *ingest.Service, store *graph.Store, _ string) error {
		_, err := store.RemoveAged(ctx, graph.Aged{Before: time.Now()}, nil)
		return err
	}},
	{"upload", func(ctx context.Context, s *ingest.Service, store *graph.Store, upload string) error {
		return s.TakeBack(ctx, upload, func(ctx context.Context, raws []tahoe.Hash) error {
			_, err := store.RemoveUploads(ctx, org.String(), raws)
			return err
		})
	}},
	{"removal", func(ctx context.Context, _ *ingest.Service, store *graph.Store, _ string) error {
		_, err := store.RemoveOrg(ctx, org.String(), nil)
		return err
	}},
}

// cpu is what processors have spent on the alpha of a server, or on this process.
func cpu(b *testing.B, server *dgraphd.Server) time.Duration {
	b.Helper()
	alpha := 0
	if server != nil {
		_, alpha = server.PIDs()
	}
	took, err := benchgraph.CPU(alpha)
	if err != nil {
		b.Fatal(err)
	}
	return took
}

// honeypotLogs are the lines of the logs of honeypots beside the repository, and their number.
func honeypotLogs(b *testing.B) (string, int) {
	b.Helper()
	var text strings.Builder
	err := filepath.WalkDir("../../shared/data/cowrie/internet", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(d.Name(), ".json") {
			return err
		}
		part, err := os.ReadFile(path)
		text.Write(bytes.TrimSpace(part))
		text.WriteByte('\n')
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		b.Skip("no folder of samples beside the repository")
	}
	if err != nil {
		b.Fatal(err)
	}
	return text.String(), strings.Count(text.String(), "\n")
}

// BenchmarkAccept is what a record costs until it is on disk.
func BenchmarkAccept(b *testing.B) {
	s := service(b, openBus(b, b.TempDir()), &memory{})
	text := logins(10_000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		accept(b, s, "cowrie", text)
	}
}

// BenchmarkWork is what the pipeline costs without a graph.
func BenchmarkWork(b *testing.B) {
	s := service(b, openBus(b, b.TempDir()), &memory{})
	run(b, s)
	text := logins(10_000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		finish(b, s, accept(b, s, "cowrie", text).ID)
	}
}
