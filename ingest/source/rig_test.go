package source_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/ingest/source"
	"github.com/cybexp/cybexp/tahoe"
)

// rig is a real bus and the real pipeline, whose records end in memory.
type rig struct {
	t       *testing.T
	bus     *bus.Bus
	lake    *ingest.Service
	records *records
	log     *lockedBuffer
	org     tahoe.Hash
}

const leaseTTL = 2 * time.Second

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, records: &records{}, log: &lockedBuffer{}, org: tahoe.OrgHash("acme")}
	r.bus = must(bus.Open(t.Context(), bus.Config{Dir: t.TempDir()}))(t)
	t.Cleanup(func() { check(t, r.bus.Close()) })
	keys := must(ingest.LoadOrCreateKeys(t.TempDir()))(t)
	r.lake = must(ingest.New(t.Context(), ingest.Config{Bus: r.bus, Graph: r.records, Keys: keys}))(t)
	r.start(r.lake.Run)
	return r
}

// start runs something until the test ends, or the function it returns is called.
func (r *rig) start(run func(context.Context) error) (stop func()) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			r.t.Errorf("run: %v", err)
		}
	})
	r.t.Cleanup(stop)
	return stop
}

// service makes a service that is in a hurry; tune may change its configuration.
func (r *rig) service(tune ...func(*source.Config)) *source.Service {
	r.t.Helper()
	cfg := source.Config{
		Logger:      slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		PrivateNets: true, Listen: "127.0.0.1", LeaseTTL: leaseTTL, Look: 20 * time.Millisecond, MinPeriod: time.Millisecond,
		BatchDelay: 20 * time.Millisecond, Rotation: 300 * time.Millisecond, Stall: time.Second,
		Backoff: func(int) time.Duration { return 20 * time.Millisecond },
	}
	for _, f := range tune {
		f(&cfg)
	}
	return must(r.lake.Sources(r.t.Context(), cfg))(r.t)
}

// add adds a source that runs every few milliseconds.
func (r *rig) add(s *source.Service, src source.Source, secret string) source.Source {
	r.t.Helper()
	src.Org, src.User, src.Enabled = r.org, tahoe.UserHash("ada@example.org", false), true
	if src.Name == "" {
		src.Name = "test"
	}
	if src.Typetag == "" {
		src.Typetag = "sample"
	}
	if src.Period == 0 && src.Kind != source.WebSocket && src.Kind != source.Syslog {
		src.Period = source.Period(30 * time.Millisecond)
	}
	return must(s.Add(r.t.Context(), src, secret))(r.t)
}

func (r *rig) status(s *source.Service, src source.Source) source.Status {
	r.t.Helper()
	return must(s.Status(r.t.Context(), must(s.Source(r.t.Context(), src.ID))(r.t)))(r.t)
}

// await waits until exactly these records are there, each of them at least once.
func (r *rig) await(want ...string) {
	r.t.Helper()
	slices.Sort(want)
	defer func() {
		if r.t.Failed() {
			r.t.Logf("got %q, want %q\n%s", r.records.unique(), want, r.log)
		}
	}()
	eventually(r.t, "records", func() bool { return slices.Equal(r.records.unique(), want) })
}

// took checks how many records a source brought, those that came twice counted twice.
func (r *rig) took(s *source.Service, src source.Source, want int64) {
	r.t.Helper()
	eventually(r.t, "all records are counted", func() bool { return r.status(s, src).Records >= want })
	if got := r.status(s, src).Records; got != want {
		r.t.Errorf("took %d records, want %d", got, want)
	}
}

// records is where the pipeline ends.
type records struct {
	mu   sync.Mutex
	seen map[string]int
}

func (r *records) Write(_ context.Context, batch []tahoe.Record) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = map[string]int{}
	}
	for _, record := range batch {
		text := record.Raw.Data()
		if v, ok := text.Get("data"); ok {
			r.seen[v.Text()]++
		} else {
			r.seen[string(text.AppendJSON(nil))]++
		}
	}
	return len(batch), nil
}

func (r *records) unique() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for text := range r.seen {
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		check(t, err)
		return v
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); !done(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not in time", what)
		}
	}
}

// lockedBuffer is a log that a test may read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
