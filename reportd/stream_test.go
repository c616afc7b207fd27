package reportd_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
	"github.com/cybexp/cybexp/tdql/dql"
)

// What the graph of the tests holds: events enough for several pages, of red, and a few of blue, a minute apart.
const (
	redEvents  = 2600
	blueEvents = 3
	allEvents  = "events login"
)

func seeded(tb testing.TB) *graph.Store {
	tb.Helper()
	store := testdgraph.Open(tb)
	var records []tahoe.Record
	for i := range redEvents {
		records = append(records, login(tb, red, i))
	}
	for i := range blueEvents {
		records = append(records, login(tb, blue, redEvents+i))
	}
	if _, err := store.Write(tb.Context(), records); err != nil {
		tb.Fatal(err)
	}
	return store
}

// login is the record of the i-th login: each tenth is from 10.0.0.1, the others are from addresses of their own.
func login(tb testing.TB, org tdql.Org, i int) tahoe.Record {
	tb.Helper()
	must := func(err error) {
		if err != nil {
			tb.Fatal(err)
		}
	}
	address := "10.0.0.1"
	if i%10 != 0 {
		address = fmt.Sprintf("10.1.%d.%d", i/250, i%250)
	}
	ip, err := tahoe.NewAttribute("ipv4", tahoe.String(address))
	must(err)
	user, err := tahoe.NewAttribute("username", tahoe.String(fmt.Sprintf("user%d", i)))
	must(err)
	event, err := tahoe.NewEvent("login", org.Hash.String(), float64(1_700_000_000+60*i), ip, user)
	must(err)
	raw, err := tahoe.NewRaw("test", tahoe.Map(map[string]tahoe.Value{"n": tahoe.Int(int64(i))}), org.Hash.String(), "UTC")
	must(err)
	return tahoe.Record{Raw: raw, State: tahoe.Mapped, Events: []*tahoe.Event{event}}
}

// gate is a Querier that holds each query back until pass lets it through.
type gate struct {
	reportd.Querier
	pass  chan struct{}
	asked atomic.Int64
}

func newGate(db reportd.Querier, open int) *gate {
	g := &gate{Querier: db, pass: make(chan struct{}, 1000)}
	g.open(open)
	return g
}

func (g *gate) open(n int) {
	for range n {
		g.pass <- struct{}{}
	}
}

func (g *gate) Query(ctx context.Context, q dql.Query, at uint64) ([]byte, uint64, error) {
	g.asked.Add(1)
	select {
	case <-g.pass:
		return g.Querier.Query(ctx, q, at)
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
}

func same(a, b []json.RawMessage) bool {
	return slices.EqualFunc(a, b, func(x, y json.RawMessage) bool { return string(x) == string(y) })
}

func query(id, text string) string {
	m, err := json.Marshal(map[string]string{"op": "query", "id": id, "tdql": text})
	if err != nil {
		panic(err)
	}
	return string(m)
}

func TestReportsOnTheGraph(t *testing.T) {
	store := seeded(t)
	b := openBus(t)
	r := start(t, b, store)
	c := r.dial(t, "alice")
	c.send(query("q", allEvents))
	rows, end := c.all("q")
	if len(rows) != redEvents || end.Status != "ready" {
		t.Fatalf("got %d rows and %s, want %d", len(rows), end.raw, redEvents)
	}

	t.Run("a report has its rows in numbered frames and one snapshot", func(t *testing.T) { frames(t, r) })
	t.Run("each user sees what the user's organisations have", func(t *testing.T) {
		c := r.dial(t, "bob")
		c.send(query("q", allEvents))
		if got, _ := c.all("q"); len(got) != blueEvents {
			t.Errorf("bob sees %d events, want %d", len(got), blueEvents)
		}
	})
	t.Run("rights that were taken away while it waited count", func(t *testing.T) { rights(t, store) })
	t.Run("the first rows leave before the last page is read", func(t *testing.T) { firstRows(t, store) })
	t.Run("a subscriber gets exactly the rows after its last", func(t *testing.T) { resume(t, r, rows) })
	t.Run("a client that lost its connection misses nothing", func(t *testing.T) { reconnect(t, store, rows) })
	t.Run("credit bounds the rows", func(t *testing.T) { creditBounds(t, r, rows) })
	t.Run("a client that does not read holds up nobody", func(t *testing.T) { slowReader(t, r, rows) })
	t.Run("the row limit is told", func(t *testing.T) { rowLimit(t, store, rows) })
	t.Run("another worker goes on where one stopped", func(t *testing.T) { handOver(t, store, rows) }) // last: it writes
}

func frames(t *testing.T, r *rig) {
	c := r.dial(t, "alice")
	c.send(query("q", allEvents))
	var statuses []string
	f := c.next()
	for ; f.Type == "status"; f = c.next() {
		statuses = append(statuses, f.Status)
	}
	if !slices.Equal(statuses, []string{"wait", "processing"}) {
		t.Errorf("statuses are %v, want wait and processing", statuses)
	}
	if f.Type != "header" || f.Kind != "events" || len(f.Fields) == 0 || f.Canonical == "" || f.Snapshot == "" {
		t.Errorf("got %s, want a header with kind, fields, canonical text and snapshot", f.raw)
	}
	var seq uint64
	for f = c.until("q", "rows", "end"); f.Type == "rows"; f = c.until("q", "rows", "end") {
		n := len(f.rows(t))
		seq += uint64(n)
		if f.Seq != seq || n == 0 || n > 500 || len(f.Rows) > 80<<10 {
			t.Errorf("a frame of %d rows and %d bytes has seq %d, want %d", n, len(f.Rows), f.Seq, seq)
		}
	}
}

func rights(t *testing.T, store *graph.Store) {
	r := start(t, openBus(t), store, func(c *reportd.Config) {
		c.Rights = func(context.Context, string) ([]tdql.Org, error) { return []tdql.Org{blue}, nil }
	})
	c := r.dial(t, "alice")
	c.send(query("q", allEvents))
	if got, _ := c.all("q"); len(got) != blueEvents {
		t.Errorf("got %d events, want the %d that may still be read", len(got), blueEvents)
	}
}

func firstRows(t *testing.T, store *graph.Store) {
	g := newGate(store, 0)
	r := start(t, openBus(t), g)
	c := r.dial(t, "alice")
	c.send(query("q", allEvents))
	untilRows(t, c, g)
	g.open(cap(g.pass) / 2)
	if _, end := c.all("q"); end.Status != "ready" {
		t.Errorf("got %s, want ready", end.raw)
	}
}

// untilRows opens a gate one query at a time until rows come, which must be before there is nothing left to ask.
func untilRows(t *testing.T, c *client, g *gate) frame {
	t.Helper()
	got := make(chan frame, 1)
	go func() { got <- c.until("q", "rows") }()
	for held := int64(1); ; held++ {
		eventually(t, "a page is asked for or rows come", func() bool { return g.asked.Load() == held || len(got) == 1 })
		select {
		case f := <-got:
			if int(f.Seq) >= redEvents {
				t.Fatalf("the first rows frame came with the last row")
			}
			return f
		case <-time.After(100 * time.Millisecond):
		}
		g.open(1)
	}
}

func resume(t *testing.T, r *rig, rows []json.RawMessage) {
	rep, err := r.Submit(t.Context(), caller("alice"), reportd.Request{TDQL: allEvents})
	if err != nil {
		t.Fatal(err)
	}
	c := r.dial(t, "alice")
	for _, after := range []int{0, 1, 499, 500, 777, redEvents - 1, redEvents} {
		c.send(fmt.Sprintf(`{"op":"subscribe","id":"s","report":%q,"after":%d}`, rep.ID, after))
		if got, _ := c.all("s"); !same(got, rows[after:]) {
			t.Errorf("after row %d: got %d rows, want exactly the other %d", after, len(got), len(rows)-after)
		}
	}
}

func reconnect(t *testing.T, store *graph.Store, rows []json.RawMessage) {
	g := newGate(store, 0)
	b := openBus(t)
	worker, front := start(t, b, g), start(t, b, nil, noWorkers)
	c := worker.dial(t, "alice")
	c.send(query("q", allEvents))
	id := c.until("q", "status").Report
	f := untilRows(t, c, g)
	_ = c.conn.NetConn().Close()

	got := slices.Clone(rows[:f.Seq])
	back := front.dial(t, "alice") // another server of the deployment
	back.send(fmt.Sprintf(`{"op":"subscribe","id":"s","report":%q,"after":%d}`, id, f.Seq))
	back.until("s", "header")
	g.open(cap(g.pass) / 2)
	rest, end := back.all("s")
	if got = append(got, rest...); !same(got, rows) || end.Status != "ready" {
		t.Errorf("got %d rows and %s, want all %d", len(got), end.raw, len(rows))
	}
}

func handOver(t *testing.T, store *graph.Store, rows []json.RawMessage) {
	g := newGate(store, 0)
	b := openBus(t)
	front, first := start(t, b, nil, noWorkers), start(t, b, g, shortLease)
	c := front.dial(t, "alice")
	c.send(query("q", allEvents))
	f := untilRows(t, c, g)
	got := f.rows(t)
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Write(t.Context(), []tahoe.Record{login(t, red, redEvents+blueEvents)}); err != nil {
		t.Fatal(err)
	}
	start(t, b, store, shortLease)
	rest, end := c.all("q")
	if got = append(got, rest...); !same(got, rows) || end.Status != "ready" {
		t.Errorf("got %d rows and %s, want the %d of the first worker's snapshot", len(got), end.raw, len(rows))
	}
}

func creditBounds(t *testing.T, r *rig, rows []json.RawMessage) {
	c := r.dial(t, "alice")
	c.send(fmt.Sprintf(`{"op":"query","id":"q","tdql":%q,"credit":3}`, allEvents))
	got := c.until("q", "rows").rows(t)
	for len(got) < 3 {
		got = append(got, c.until("q", "rows").rows(t)...)
	}
	c.send(`{"op":"ping"}`)
	for f := c.next(); f.Type != "pong"; f = c.next() {
		if f.Type == "rows" {
			t.Fatalf("got rows without credit: %s", f.raw)
		}
	}
	c.send(`{"op":"credit","id":"q","n":4}`)
	for len(got) < 7 {
		got = append(got, c.until("q", "rows").rows(t)...)
	}
	if !same(got, rows[:7]) {
		t.Errorf("got %d rows, want the first 7", len(got))
	}
	c.send(fmt.Sprintf(`{"op":"credit","id":"q","n":%d}`, uint64(math.MaxUint64)))
	rest, _ := c.all("q")
	if got = append(got, rest...); !same(got, rows) {
		t.Errorf("got %d rows, want %d", len(got), len(rows))
	}
}

func slowReader(t *testing.T, r *rig, rows []json.RawMessage) {
	const many = 10 // queries are more than the system buffers for this connection
	slow, quick := r.dialNarrow(t, "alice"), r.dial(t, "alice")
	for i := range many {
		slow.send(query(fmt.Sprint("q", i), allEvents))
	}
	quick.send(query("q", allEvents))
	if got, end := quick.all("q"); !same(got, rows) {
		t.Errorf("got %d rows and %s, want %d", len(got), end.raw, len(rows))
	}
	got := map[string]int{}
	for ended := 0; ended < many; {
		switch f := slow.next(); f.Type {
		case "rows":
			got[f.ID] += len(f.rows(t))
		case "end":
			ended++
		case "error":
			t.Fatal(f.raw)
		}
	}
	for id, n := range got {
		if n != len(rows) {
			t.Errorf("query %s of the slow client has %d rows, want %d", id, n, len(rows))
		}
	}
}

func rowLimit(t *testing.T, store *graph.Store, rows []json.RawMessage) {
	r := start(t, openBus(t), store, func(c *reportd.Config) { c.QueryRows = 700 })
	c := r.dial(t, "alice")
	c.send(query("q", allEvents))
	got, end := c.all("q")
	if !same(got, rows[:700]) || len(end.Warnings) != 1 || end.Warnings[0].Code != "report.row_limit" {
		t.Errorf("got %d rows and %s, want 700 and a warning", len(got), end.raw)
	}
}
