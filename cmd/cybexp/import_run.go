package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/tahoe"
)

// importRun is the work of an import: files → batches of records → instances → N-Quads. Reading is for one goroutine, filters and
// spelling for all processors, and in between each batch waits for its turn, so that the graph is the one that a single upload makes.
type importRun struct {
	app      *app
	up       ingest.Upload
	received time.Time
	inputs   inputs
	note     *note

	bulk     *graph.Bulk   // whose turn it is uses this and the next
	status   ingest.Status // what became of the records
	ledgers  int
	records  atomic.Int64
	vertices atomic.Int64
	stage    atomic.Pointer[string]
}

// importGC lets the heap grow more between collections than usual: nearly all of it is garbage, but for what graph.Bulk holds.
const importGC = 300

// batchTurn is a batch and its place in the order.
type batchTurn struct {
	*ingest.Batch
	file  string
	begin <-chan struct{} // closed by the one before
	end   chan<- struct{}
}

// spell writes all records to w.
func (r *importRun) spell(ctx context.Context, w io.Writer) error {
	defer r.tellProgress()()
	defer debug.SetGCPercent(debug.SetGCPercent(importGC))
	r.stageIs("mapping")
	workers := runtime.GOMAXPROCS(0)
	g, ctx := errgroup.WithContext(ctx)
	work := make(chan batchTurn, workers)
	g.Go(func() error {
		defer close(work)
		return r.read(ctx, work)
	})
	out := &lockedWriter{w: w}
	for range workers {
		g.Go(func() error {
			var text []byte
			for b := range work {
				var err error
				if text, err = r.spellBatch(ctx, b, text[:0]); err != nil {
					return err
				}
				if _, err := out.Write(text); err != nil {
					return fmt.Errorf("write to the bulk loader: %w", err)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	r.stageIs("building the graph")
	return r.bulk.WriteRest(w)
}

// read cuts the files up and hands the batches out in order.
func (r *importRun) read(ctx context.Context, work chan<- batchTurn) error {
	turn := make(chan struct{})
	close(turn)
	begin := (<-chan struct{})(turn)
	for _, s := range r.inputs {
		for b, err := range ingest.Batches(r.up, r.received, s) {
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			end := make(chan struct{})
			select {
			case work <- batchTurn{b, s.name, begin, end}:
				begin = end
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// spellBatch maps a batch, takes it in when it is its turn, and appends its N-Quads to text.
func (r *importRun) spellBatch(ctx context.Context, b batchTurn, text []byte) ([]byte, error) {
	outcomes := b.Map()
	select {
	case <-b.begin:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	parts, err := r.take(b.file, outcomes)
	if err != nil {
		return nil, err
	}
	r.vertices.Store(int64(r.bulk.Vertices()))
	close(b.end)
	r.records.Add(int64(len(outcomes)))
	for _, p := range parts {
		text = p.AppendRDF(text)
	}
	return text, nil
}

// take adds what a batch became to the graph: all at once, or one by one if there is something in it that the graph does not take.
func (r *importRun) take(file string, outcomes []ingest.Outcome) ([]*graph.Part, error) {
	records := make([]tahoe.Record, 0, len(outcomes))
	for _, o := range outcomes {
		if o.Record.Raw != nil {
			records = append(records, o.Record)
		}
	}
	part, err := r.bulk.Add(records...)
	switch {
	case err == nil:
		r.count(file, func() { r.status.Count(outcomes...) })
		return []*graph.Part{part}, nil
	case !errors.Is(err, tahoe.ErrCollision):
		return nil, err
	case len(outcomes) == 1:
		r.count(file, func() { r.status.CountDead(outcomes[0].Line, err) })
		return nil, nil
	}
	var parts []*graph.Part
	for i := range outcomes {
		one, err := r.take(file, outcomes[i:i+1])
		if err != nil {
			return nil, err
		}
		parts = append(parts, one...)
	}
	return parts, nil
}

// count lets f add to the status, and tells the first problems with their file.
func (r *importRun) count(file string, f func()) {
	told := len(r.status.Problems)
	f()
	for _, p := range r.status.Problems[told:] {
		fmt.Fprintf(r.app.stderr, "%s:%s\n", file, p)
	}
}

// openLedgers lets counts of what is in very many events be fast from the first question on.
func (r *importRun) openLedgers(ctx context.Context, s *graph.Store) error {
	defer r.tellProgress()()
	r.stageIs("counting what is in very many events")
	for _, h := range r.bulk.Hot(graph.DefaultConfig().HotDegree) {
		if err := s.OpenLedger(ctx, h); err != nil {
			return err
		}
		r.ledgers++
	}
	return nil
}

func (r *importRun) stageIs(text string) { r.stage.Store(&text) }

// tellProgress shows how far the import is until the returned function is called: all the time on a terminal, now and then elsewhere.
func (r *importRun) tellProgress() (stop func()) {
	every := 200 * time.Millisecond
	if !r.note.live {
		every = 15 * time.Second
	}
	done, gone := make(chan struct{}), make(chan struct{})
	begun := time.Now()
	go func() {
		defer close(gone)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			text := fmt.Sprintf("%s: %d records, %d vertices%s, %s", *r.stage.Load(), r.records.Load(), r.vertices.Load(),
				r.inputs.share(), time.Since(begun).Round(time.Second))
			if r.note.live {
				r.note.show(text)
			} else {
				fmt.Fprintln(r.app.stderr, text)
			}
		}
	}()
	return func() { close(done); <-gone; r.note.clear() }
}

// tellImport says what became of the records: in words, and for programs as a line of JSON.
func (a *app) tellImport(r *importRun, took time.Duration) error {
	s := r.status
	s.Typetag, s.Org, s.Begun, s.Done, s.Name = r.up.Typetag, r.up.Org, r.received.UTC(), true, "import"
	s.Problems = append([]ingest.Problem{}, s.Problems...) // in JSON no problems are an empty list
	fmt.Fprintf(a.stderr, "%s\n", summary(s))
	if more := s.ProblemTotal - len(s.Problems); more > 0 {
		fmt.Fprintf(a.stderr, "and %d more problems\n", more)
	}
	rate := float64(s.Received) / took.Seconds()
	fmt.Fprintf(a.stderr, "%d vertices, %d ledgers, in %s (%.0f records/s); `cybexp up` serves them\n",
		r.bulk.Vertices(), r.ledgers, took.Round(time.Second/10), rate)
	return a.forPrograms(struct {
		ingest.Status
		Vertices int     `json:"vertices"`
		Ledgers  int     `json:"ledgers"`
		Seconds  float64 `json:"seconds"`
	}{s, r.bulk.Vertices(), r.ledgers, took.Seconds()})
}

// lockedWriter lets many write, one at a time.
type lockedWriter struct {
	mu sync.Mutex

	w io.Writer
}

// Write writes p whole, with nothing of another's in between.
func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
