package reportd_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
	"github.com/cybexp/cybexp/tdql/dql"
)

// graphOf is an empty graph whose writes are announced on a bus, as ingest does.
type graphOf struct {
	*graph.Store
	tb     testing.TB
	herald *reportd.Herald
}

func watched(tb testing.TB, b *bus.Bus) graphOf {
	tb.Helper()
	herald, err := reportd.NewHerald(tb.Context(), b)
	if err != nil {
		tb.Fatal(err)
	}
	return graphOf{testdgraph.Open(tb), tb, herald}
}

// write writes the logins from one number to another, without the last, and returns when that was.
func (g graphOf) write(org tdql.Org, from, to int) time.Time {
	g.tb.Helper()
	var records []tahoe.Record
	for i := from; i < to; i++ {
		records = append(records, login(g.tb, org, i))
	}
	if _, err := g.Write(g.tb.Context(), records); err != nil {
		g.tb.Error(err)
	}
	if err := g.herald.Announce(g.tb.Context(), records); err != nil {
		g.tb.Error(err)
	}
	return time.Now()
}

// hashes reads rows until n came, and tells those that came twice.
func (c *client) hashes(id string, seen map[string]bool, n int) {
	c.tb.Helper()
	for n > 0 {
		for _, row := range c.until(id, "rows").rows(c.tb) {
			var r struct{ Hash string }
			if err := json.Unmarshal(row, &r); err != nil {
				c.tb.Fatal(err)
			}
			if seen[r.Hash] {
				c.tb.Errorf("row %s came twice", row)
			}
			seen[r.Hash] = true
			n--
		}
	}
	if n < 0 {
		c.tb.Errorf("%d rows too many came", -n)
	}
}

func quickLease(c *reportd.Config) {
	c.Lease = time.Second
	c.Socket.Linger = 100 * time.Millisecond
}

func TestAWatchShowsWhatIsAndThenWhatIsWritten(t *testing.T) {
	b := openBus(t)
	g := watched(t, b)
	g.write(red, 0, 250)
	g.write(blue, 1000, 1003)
	r := start(t, b, g, quickLease, func(c *reportd.Config) { c.QueryTime = time.Millisecond; c.ReportTTL = time.Second })
	c := r.dial(t, "alice")
	for id, q := range map[string]struct {
		text      string
		now, more int // rows
	}{
		"scan":       {"watch events login", 250, 100},
		"by address": {"watch ipv4 10.0.0.1 | events", 25, 10},
		"tested":     {"watch events from 2020-01-01 | where username != user7", 249, 100},
		"values":     {"watch ipv4 10.0.0.1 | events | attributes username", 25, 10},
		"related":    {"watch related ipv4 10.0.0.1 return attribute", 26, 10},
		"raws":       {"watch raws", 250, 100},
		"elsewhere":  {"watch events from 2010-01-01 to 2010-01-02", 0, 0},
	} {
		t.Run(id, func(t *testing.T) {
			c.send(query(id, q.text))
			if h := c.until(id, "header"); h.Canonical == "" || h.Canonical[:6] != "watch " {
				t.Errorf("header is %s", h.raw)
			}
			seen := map[string]bool{}
			c.hashes(id, seen, q.now)
			if q.more > 0 {
				base := 10_000 * (len(q.text) + q.now)
				wrote := g.write(red, base, base+100)
				g.write(blue, base+100, base+105)
				c.hashes(id, seen, q.more)
				if took := time.Since(wrote); took > time.Second {
					t.Errorf("new rows came after %s", took)
				}
				// What later looks find is told as well, and nothing of blue was among it.
				g.write(red, base+200, base+210)
				c.hashes(id, seen, q.more/10)
			}
			c.send(`{"op":"cancel","id":"` + id + `"}`)
			if f := c.until(id, "end"); f.Status != "cancelled" {
				t.Errorf("got %s, want an end that says cancelled", f.raw)
			}
		})
		// The next query begins with an empty graph of its own.
		g = watched(t, b)
		g.write(red, 0, 250)
		g.write(blue, 1000, 1003)
	}
}

func TestAWatchUnderConcurrentWritesHasNoHolesAndNoDoubles(t *testing.T) {
	b := openBus(t)
	g := watched(t, b)
	r := start(t, b, g)
	c := r.dial(t, "alice")
	c.send(query("w", "watch events"))
	c.until("w", "header")
	const writers, rounds, each = 4, 12, 7
	var wg sync.WaitGroup
	for n := range writers {
		wg.Go(func() {
			for round := range rounds {
				from := 10_000*n + each*round
				g.write(red, from, from+each)
				g.write(blue, from+5000, from+5001)
			}
		})
	}
	c.hashes("w", map[string]bool{}, writers*rounds*each)
	wg.Wait()
}

func TestWatchesDoNotHoldUpReports(t *testing.T) {
	b := openBus(t)
	g := watched(t, b)
	g.write(red, 0, 3)
	r := start(t, b, g, func(c *reportd.Config) { c.Workers, c.Watches = 1, 3 })
	c := r.dial(t, "alice")
	for i := range 3 {
		id := fmt.Sprint("w", i)
		c.send(query(id, "watch events"))
		c.until(id, "rows")
	}
	c.send(query("over", "watch events"))
	if f := c.until("over", "error"); f.Code != "query.busy" {
		t.Errorf("one watch too many got %s, want query.busy", f.raw)
	}
	began := time.Now()
	c.send(query("q", "events"))
	if rows, end := c.all("q"); len(rows) != 3 || end.Status != "ready" {
		t.Errorf("a report beside the watches got %d rows and %s", len(rows), end.raw)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("a report beside the watches took %s", took)
	}
	c.send(`{"op":"cancel","id":"w0"}`)
	c.until("w0", "end")
	eventually(t, "there is room for a watch again", func() bool {
		c.send(query("again", "watch events"))
		return c.until("again", "rows", "error").Type == "rows"
	})
}

func TestAWatchGoesOnWhereAnotherWorkerStopped(t *testing.T) {
	b := openBus(t)
	g := watched(t, b)
	g.write(red, 0, 20)
	front := start(t, b, nil, noWorkers)
	first := start(t, b, g, shortLease)
	c := front.dial(t, "alice")
	seen := map[string]bool{}
	c.send(query("chosen", "watch events | fields username"))
	c.until("chosen", "rows")
	c.send(query("w", "watch events"))
	c.hashes("w", seen, 20)
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	g.write(red, 20, 30)
	start(t, b, g, shortLease)
	// Without hashes nobody knows what was shown.
	lost := make(chan string, 1)
	for got := 0; got < 10 || len(lost) == 0; {
		f := c.next()
		switch {
		case f.ID == "w" && f.Type == "rows":
			for _, row := range f.rows(t) {
				var r struct{ Hash string }
				if err := json.Unmarshal(row, &r); err != nil || seen[r.Hash] {
					t.Errorf("row %s came twice, %v", row, err)
				}
				seen[r.Hash] = true
				got++
			}
		case f.ID == "chosen" && f.Type == "error":
			lost <- f.Code
		case f.Type == "end" || f.Type == "error":
			t.Fatalf("got %s", f.raw)
		}
	}
	if code := <-lost; code != "report.watch_lost" {
		t.Errorf("a watch that cannot go on ended with %s", code)
	}
}

func TestAWatchEndsWhenNobodyIsThere(t *testing.T) {
	b := openBus(t)
	g := watched(t, b)
	g.write(red, 0, 2)
	back := start(t, b, g, quickLease)
	front := start(t, b, nil, noWorkers, quickLease)
	c := front.dial(t, "alice")
	c.send(query("gone", "watch events"))
	gone := c.until("gone", "status").Report
	c.until("gone", "rows")
	if err := front.stop(); err != nil { // its clients are told to come back
		t.Fatal(err)
	}
	eventually(t, "the watch whose asker does not come back has ended", func() bool { return status(t, back, gone) == reportd.StatusCancelled })

	c = back.dial(t, "alice")
	c.send(query("broken", "watch events"))
	broken := c.until("broken", "status").Report
	c.until("broken", "rows")
	_ = c.conn.NetConn().Close()
	eventually(t, "the watch whose connection broke has ended", func() bool { return status(t, back, broken) == reportd.StatusCancelled })
}

func TestAWatchOutlivesItsReportsTime(t *testing.T) {
	b := openBus(t)
	g := watched(t, b)
	r := start(t, b, g, quickLease, func(c *reportd.Config) { c.QueryTime, c.ReportTTL = time.Second, 2*time.Second })
	c := r.dial(t, "alice")
	c.send(query("w", "watch events"))
	c.until("w", "header")
	began := time.Now()
	eventually(t, "three lives of a report have passed", func() bool { return time.Since(began) > 6*time.Second })
	g.write(red, 0, 4)
	c.hashes("w", map[string]bool{}, 4)
}

func TestAWatchSaysWhenItRemembersNoMore(t *testing.T) {
	b := openBus(t)
	g := watched(t, b)
	g.write(red, 0, 10)
	r := start(t, b, g, func(c *reportd.Config) { c.WatchRows = 12 })
	c := r.dial(t, "alice")
	c.send(query("w", "watch events"))
	c.hashes("w", map[string]bool{}, 10)
	g.write(red, 10, 15)
	if rows, f := c.all("w"); len(rows) != 2 || f.Code != "report.watch_limit" {
		t.Errorf("got %d rows and %s, want 2 and report.watch_limit", len(rows), f.raw)
	}
}

func TestAWatchIsRefusedWhereAnswersEnd(t *testing.T) {
	r := start(t, openBus(t), querier(broken))
	_, err := r.Submit(t.Context(), caller("alice"), reportd.Request{TDQL: "  watch events", Shared: true})
	if f := asFaults(err); len(f) != 1 || f[0].Column != 3 || f[0].Length != len("watch") {
		t.Errorf("got %v, want a fault at the word watch", err)
	}
	if _, err := r.Submit(t.Context(), caller("alice"), reportd.Request{TDQL: "explain watch events", Shared: true}); err != nil {
		t.Errorf("explaining a watch: %v", err)
	}
}

// TestAWatchAsksOnlyAboutNewEvents counts what the looks after a write read.
func TestAWatchAsksOnlyAboutNewEvents(t *testing.T) {
	b := openBus(t)
	g := watched(t, b)
	g.write(red, 0, 300)
	var bytes atomic.Int64
	r := start(t, b, querier(func(ctx context.Context, q dql.Query, at uint64) ([]byte, uint64, error) {
		body, ts, err := g.Query(ctx, q, at)
		bytes.Add(int64(len(body)))
		return body, ts, err
	}))
	c := r.dial(t, "alice")
	seen := map[string]bool{}
	c.send(query("w", "watch events where username != user3"))
	c.hashes("w", seen, 299)
	whole := bytes.Swap(0)
	g.write(red, 1000, 1001)
	c.hashes("w", seen, 1)
	if got := bytes.Load(); got > whole/20 {
		t.Errorf("one new row took %d bytes of answers, all before it %d", got, whole)
	}
}

func TestAUserRunsOnlySoManyWatches(t *testing.T) {
	b := openBus(t)
	g := watched(t, b)
	g.write(red, 0, 2)
	g.write(blue, 10, 12)
	limit := func(c *reportd.Config) { c.UserWatches = 2 }
	first, second := start(t, b, g, limit), start(t, b, g, limit)
	alice, again, bob := first.dial(t, "alice"), second.dial(t, "alice"), second.dial(t, "bob")
	alice.send(query("a", "watch events"))
	alice.until("a", "rows")
	again.send(query("b", "watch events"))
	again.until("b", "rows")
	alice.send(query("c", "watch events"))
	if f := alice.until("c", "error"); f.Code != "query.too_many_watches" {
		t.Errorf("one watch too many got %s, want query.too_many_watches", f.raw)
	}
	alice.send(query("q", "events"))
	if _, end := alice.all("q"); end.Status != "ready" {
		t.Errorf("a report beside the watches got %s", end.raw)
	}
	bob.send(query("d", "watch events"))
	bob.until("d", "rows")
	again.send(`{"op":"cancel","id":"b"}`)
	again.until("b", "end")
	eventually(t, "there is room for a watch again", func() bool {
		alice.send(query("e", "watch events"))
		return alice.until("e", "rows", "error").Type == "rows"
	})
}

func TestAWatchIsLostWithTheBus(t *testing.T) {
	dir := t.TempDir()
	open := func() *bus.Bus {
		b, err := bus.Open(t.Context(), bus.Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = b.Close() })
		return b
	}
	b := open()
	g := watched(t, b)
	g.write(red, 0, 5)
	r := start(t, b, g, shortLease)
	rep, err := r.Submit(t.Context(), caller("alice"), reportd.Request{TDQL: "watch events"})
	if err != nil {
		t.Fatal(err)
	}
	for f, err := range r.Frames(t.Context(), caller("alice"), rep.ID, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if f.Type == reportd.TypeRows {
			break
		}
	}
	if err := errors.Join(r.stop(), b.Close()); err != nil {
		t.Fatal(err)
	}
	r = start(t, open(), g, shortLease)
	eventually(t, "the watch has ended", func() bool {
		got, err := r.Report(t.Context(), caller("alice"), rep.ID)
		return err == nil && got.Status == reportd.StatusFailed
	})
	last := lastFrame(t, r, rep.ID)
	if f, err := last.Failure(); err != nil || f.Code != "report.watch_lost" || !strings.Contains(f.Message, "ask again") {
		t.Errorf("the watch ended with %s, want report.watch_lost", last.JSON)
	}
}
