package graph_test

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
)

func write(t *testing.T, s *graph.Store, records ...tahoe.Record) int {
	t.Helper()
	added, err := s.Write(t.Context(), records)
	if err != nil {
		t.Fatal(err)
	}
	return added
}

func TestWriteMakesWhatWasGivenAndOnlyOnce(t *testing.T) {
	s := testdgraph.Open(t)
	records := newGenerator(t, 1).records(400)
	if got, want := write(t, s, records...), len(expected(records)); got != want {
		t.Errorf("Write added %d, want %d", got, want)
	}
	check(t, records)
	if got := write(t, s, records...); got != 0 {
		t.Errorf("Write of the same added %d", got)
	}
	if got := write(t, testdgraph.Connect(t), records...); got != 0 {
		t.Errorf("Write of the same in another process added %d", got)
	}
	check(t, records)
}

func TestSmallCacheForgetsButStaysRight(t *testing.T) {
	testdgraph.Wipe(t)
	s := open(t, graph.Config{CacheSize: 16})
	records := newGenerator(t, 2).records(150)
	if got, want := write(t, s, records...), len(expected(records)); got != want {
		t.Errorf("Write added %d, want %d", got, want)
	}
	check(t, records)
}

// Four goroutines of one process and one of another write the same records, each in its own order.
func TestRacingWritersMakeEachVertexOnce(t *testing.T) {
	var aborts atomic.Int64
	testdgraph.Wipe(t)
	log := slog.New(&counter{&aborts, "transaction aborted"})
	one, two := open(t, graph.Config{Logger: log}), open(t, graph.Config{Logger: log})
	records := newGenerator(t, 3).records(300)
	var added atomic.Int64
	var g errgroup.Group
	for i, s := range []*graph.Store{one, one, one, one, two} {
		mine := append([]tahoe.Record(nil), records...)
		rng := rand.New(rand.NewPCG(uint64(i), 1))
		rng.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
		g.Go(func() error {
			for len(mine) > 0 {
				n := min(len(mine), 1+rng.IntN(60))
				got, err := s.Write(t.Context(), mine[:n])
				if err != nil {
					return err
				}
				added.Add(int64(got))
				mine = mine[n:]
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if got, want := int(added.Load()), len(expected(records)); got != want {
		t.Errorf("writers added %d together, want %d", got, want)
	}
	check(t, records)
	if aborts.Load() == 0 {
		t.Error("no transaction was aborted, so that the retry was not tried")
	}
}

// Two processes write one record at once, again and again, so that one of them has to try again. The record names its events twice.
func TestRecordIsWrittenAgainAsItIs(t *testing.T) {
	var aborts atomic.Int64
	testdgraph.Wipe(t)
	log := slog.New(&counter{&aborts, "transaction aborted"})
	stores := []*graph.Store{open(t, graph.Config{Logger: log}), open(t, graph.Config{Logger: log})}
	records := newGenerator(t, 13).records(40)
	for i, r := range records {
		records[i].Events = slices.Concat(r.Events, r.Events)
		var g errgroup.Group
		for _, s := range stores {
			g.Go(func() error {
				_, err := s.Write(t.Context(), records[i:i+1])
				return err
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	check(t, records)
	if aborts.Load() == 0 {
		t.Error("no transaction was aborted, so that nothing was tried again")
	}
}

func TestWriteOutlivesKilledAlpha(t *testing.T) {
	testdgraph.Renew(t)
	s := open(t, graph.Config{})
	records := newGenerator(t, 4).records(1200)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var g errgroup.Group
	for i := range 4 {
		g.Go(func() error {
			_, err := s.Write(ctx, records[i*300:(i+1)*300])
			return err
		})
	}
	until(t, "some records", func() bool {
		var answer struct{ Data struct{ Q []struct{ N int } } }
		askDgraph(t, `{ q(func: type(Raw)) { n: count(uid) } }`, &answer)
		return len(answer.Data.Q) > 0 && answer.Data.Q[0].N > 100
	})
	killAlpha(t, s)
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	check(t, records)
}

func TestContextsOfKnownEventAreMerged(t *testing.T) {
	s := testdgraph.Open(t)
	g := newGenerator(t, 5)
	a, b, c := g.attribute("a", tahoe.Int(1)), g.attribute("b", tahoe.Int(2)), g.attribute("c", tahoe.Int(3))
	first, again, want := event(g, a, b, c), event(g, a, b, c), event(g, a, b, c)
	g.check(first.SetCategory(tahoe.Malicious))
	g.check(first.SetContext(tahoe.Malicious, a))
	g.check(again.SetCategory(tahoe.Benign))
	g.check(again.SetContext(tahoe.Benign, a, b))
	g.check(again.SetContext(tahoe.Malicious, c))
	g.check(want.SetCategory(tahoe.Malicious))
	g.check(want.SetContext(tahoe.Malicious, a, c))
	g.check(want.SetContext(tahoe.Benign, b))
	raw := rawOf(g, "o1")
	write(t, s, tahoe.Record{Raw: raw, State: tahoe.Mapped, Events: []*tahoe.Event{first}})
	write(t, s, tahoe.Record{Raw: raw, State: tahoe.Mapped, Events: []*tahoe.Event{again}})
	check(t, []tahoe.Record{{Raw: raw, State: tahoe.Mapped, Events: []*tahoe.Event{want}}})

	testdgraph.Wipe(t) // and both in one transaction
	write(t, testdgraph.Connect(t), tahoe.Record{Raw: raw, State: tahoe.Mapped, Events: []*tahoe.Event{first, again}})
	check(t, []tahoe.Record{{Raw: raw, State: tahoe.Mapped, Events: []*tahoe.Event{want}}})
}

func TestSessionTimesAreMerged(t *testing.T) {
	s := testdgraph.Open(t)
	g := newGenerator(t, 6)
	e1, e2 := event(g, g.attribute("a", tahoe.Int(1))), event(g, g.attribute("a", tahoe.Int(2)))
	session := func(start, end, duration float64, events ...*tahoe.Event) tahoe.Record {
		x, err := tahoe.NewSession("s", g.attribute("id", tahoe.Int(7)))
		g.check(err)
		x.StartTime, x.EndTime, x.Duration = &start, &end, &duration
		x.AddEvent(events...)
		return tahoe.Record{Raw: rawOf(g, "o1"), State: tahoe.Mapped, Events: events, Sessions: []*tahoe.Session{x}}
	}
	records := []tahoe.Record{session(200.25, 300, 5, e1), session(100.000001, 250, 9.5, e2), session(150, 400, 1)}
	for _, r := range records {
		write(t, s, r)
	}
	check(t, records)
}

func TestRawOfSeveralOrgsIsOneVertexAndItsStateMovesForward(t *testing.T) {
	s := testdgraph.Open(t)
	g := newGenerator(t, 7)
	e := event(g, g.attribute("a", tahoe.Int(1)))
	records := []tahoe.Record{
		{Raw: rawOf(g, "o1"), State: tahoe.NotSupported},
		{Raw: rawOf(g, "o2"), State: tahoe.NotSupported},
		{Raw: rawOf(g, "o1"), State: tahoe.Mapped, Events: []*tahoe.Event{e}},
	}
	for _, r := range records {
		write(t, s, r)
	}
	write(t, s, records[0]) // late: the state stays
	check(t, records)
}

// Hashes run sub_type and data together: ip and 44 are ip4 and 4. What came first stays.
func TestCollidingRecordAloneIsRefused(t *testing.T) {
	s := testdgraph.Open(t)
	g := newGenerator(t, 8)
	good := func(n int64) tahoe.Record {
		return tahoe.Record{Raw: rawOf(g, "o1"), State: tahoe.Mapped, Events: []*tahoe.Event{event(g, g.attribute("a", tahoe.Int(n)))}}
	}
	first := good(1)
	first.Events = append(first.Events, event(g, g.attribute("ip", tahoe.Int(44))))
	bad := good(2)
	bad.Events = []*tahoe.Event{event(g, g.attribute("ip4", tahoe.Int(4)))}
	write(t, s, first)
	for name, s := range map[string]*graph.Store{"from the cache": s, "from the graph": testdgraph.Connect(t)} {
		_, err := s.Write(t.Context(), []tahoe.Record{good(3), bad, good(4)})
		var refused *graph.RecordError
		if !errors.As(err, &refused) || refused.Index != 1 || !errors.Is(err, tahoe.ErrCollision) {
			t.Errorf("%s: got %v, want a collision in record 1", name, err)
		}
	}
	check(t, []tahoe.Record{first, good(3), good(4)})
}

func TestAwkwardValuesAreKept(t *testing.T) {
	s := testdgraph.Open(t)
	g := newGenerator(t, 9)
	big, err := tahoe.ParseValue([]byte("123456789012345678901234567890"))
	g.check(err)
	float, err := tahoe.Float(1)
	g.check(err)
	var nodes []tahoe.Node
	for _, v := range []tahoe.Value{
		tahoe.String(""), tahoe.String("\x00\x01\"\\\n<&>\u2028"), tahoe.String(strings.Repeat("ä", 5000)), tahoe.String("0x1"), tahoe.String("_:blank"),
		tahoe.Null(), tahoe.Bool(true), tahoe.Int(1), float, big, tahoe.String("1"),
	} {
		nodes = append(nodes, g.attribute("v", v))
	}
	var events []*tahoe.Event
	for _, at := range []float64{-1e300, -1, 0, 0.000001, 1620000000.123457, 1e300} {
		e, err := tahoe.NewEvent("e", "", at, nodes...)
		g.check(err)
		events = append(events, e)
	}
	raw, err := tahoe.NewRaw("big", tahoe.String(strings.Repeat("x", 900_000)), "o1", "")
	g.check(err)
	records := []tahoe.Record{{Raw: raw, State: tahoe.Mapped, Events: events}}
	write(t, s, records...)
	check(t, records)
}

func TestRecordOfManyEventsIsWritten(t *testing.T) {
	s := testdgraph.Open(t)
	g := newGenerator(t, 10)
	r := tahoe.Record{Raw: rawOf(g, "o1"), State: tahoe.Mapped}
	for _, other := range g.records(300) {
		r.Events = append(r.Events, other.Events...)
		r.Sessions = append(r.Sessions, other.Sessions...)
	}
	write(t, s, r)
	check(t, []tahoe.Record{r})
}

func TestWriteEndsWithItsContextAndItsStore(t *testing.T) {
	s := testdgraph.Open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Write(ctx, newGenerator(t, 11).records(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	s.Close()
	if _, err := s.Write(t.Context(), newGenerator(t, 11).records(1)); !errors.Is(err, graph.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

func TestUnreachableGraphIsUnavailable(t *testing.T) {
	s, err := graph.Open(t.Context(), graph.Config{Target: "dgraph://127.0.0.1:1001", Patience: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Write(t.Context(), newGenerator(t, 12).records(1)); !errors.Is(err, graph.ErrUnavailable) {
		t.Errorf("Write: got %v, want ErrUnavailable", err)
	}
	if err := s.Ready(t.Context()); !errors.Is(err, graph.ErrUnavailable) {
		t.Errorf("Ready: got %v, want ErrUnavailable", err)
	}
}

func event(g *generator, nodes ...tahoe.Node) *tahoe.Event {
	e, err := tahoe.NewEvent("e", "o1", 1, nodes...)
	g.check(err)
	return e
}

func rawOf(g *generator, org string) *tahoe.Raw {
	r, err := tahoe.NewRaw("r", tahoe.String("text"), org, "UTC")
	g.check(err)
	return r
}

func open(t *testing.T, c graph.Config) *graph.Store {
	t.Helper()
	testdgraph.Connect(t) // the schema
	c.Target = testdgraph.Target(t)
	s, err := graph.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s.InSmallSteps(24)
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline, tick := time.After(30*time.Second), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("no %s in 30 s", what)
		case <-tick.C:
		}
	}
}

// killAlpha kills Dgraph's alpha, and waits until it is back.
func killAlpha(t *testing.T, s *graph.Store) {
	t.Helper()
	_, alpha := testdgraph.Server(t).PIDs()
	if err := syscall.Kill(alpha, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, "alpha", func() bool { return s.Ready(t.Context()) == nil })
}

// counter counts log messages.
type counter struct {
	n    *atomic.Int64
	text string
}

func (c *counter) Enabled(context.Context, slog.Level) bool { return true }
func (c *counter) WithAttrs([]slog.Attr) slog.Handler       { return c }
func (c *counter) WithGroup(string) slog.Handler            { return c }
func (c *counter) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, c.text) {
		c.n.Add(1)
	}
	return nil
}
