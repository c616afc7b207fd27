package reportd_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
	"github.com/cybexp/cybexp/tdql/dql"
)

// counted is a Querier that counts.
type counted struct {
	reportd.Querier
	queries atomic.Int64
}

func (c *counted) Query(ctx context.Context, q dql.Query, at uint64) ([]byte, uint64, error) {
	c.queries.Add(1)
	return c.Querier.Query(ctx, q, at)
}

// crowd is many watches over some connections.
type crowd struct {
	tb    testing.TB
	ready sync.WaitGroup // watches whose header came
	rows  chan told
}

// told is a rows frame that a watch got.
type told struct {
	watch int
	rows  int
	at    time.Time
}

// gather starts watches, some on each connection, and waits until they have looked at what is there.
func gather(tb testing.TB, r *rig, watches []string, each int) *crowd {
	tb.Helper()
	c := &crowd{tb: tb, rows: make(chan told, 10*len(watches))}
	for from := 0; from < len(watches); from += each {
		conn := r.dial(tb, "alice")
		some := watches[from:min(from+each, len(watches))]
		c.ready.Add(len(some))
		go c.listen(conn)
		for i, text := range some {
			conn.send(query(fmt.Sprint(from+i), "watch "+text))
		}
	}
	c.ready.Wait()
	return c
}

func (c *crowd) listen(conn *client) {
	for {
		f, err := conn.readWithin(time.Minute)
		if err != nil {
			return // the test is over
		}
		var i int
		_, _ = fmt.Sscan(f.ID, &i)
		switch f.Type {
		case "header":
			c.ready.Done()
		case "rows":
			c.rows <- told{i, len(f.rows(c.tb)), time.Now()}
		case "error", "end":
			c.tb.Errorf("watch %d got %s", i, f.raw)
		}
	}
}

// expect waits for the rows of some watches, and returns how long after a time the last of them came. Others must get none.
func (c *crowd) expect(since time.Time, want map[int]int) time.Duration {
	c.tb.Helper()
	late := time.After(soon)
	var last time.Time
	for len(want) > 0 {
		select {
		case got := <-c.rows:
			if want[got.watch] < got.rows {
				c.tb.Fatalf("watch %d got %d rows, want %d", got.watch, got.rows, want[got.watch])
			}
			if want[got.watch] -= got.rows; want[got.watch] == 0 {
				delete(want, got.watch)
			}
			last = got.at
		case <-late:
			c.tb.Fatalf("%d watches got nothing", len(want))
		}
	}
	return last.Sub(since)
}

// TestAThousandWatches has a thousand standing queries hear of what concerns them within a second, and counts what that asks of the
// database.
func TestAThousandWatches(t *testing.T) {
	b := openBus(t)
	g := watched(t, b)
	db := &counted{Querier: g}
	r := start(t, b, db, func(c *reportd.Config) { c.UserWatches, c.Socket.Operations = 0, 100 })
	const named, idle, open = 900, 80, 20
	var texts []string
	for i := range named {
		texts = append(texts, fmt.Sprintf("events where username = user%d", i))
	}
	for range idle {
		texts = append(texts, "events scan | attributes ipv4")
	}
	for range open {
		texts = append(texts, "events login")
	}
	c := gather(t, r, texts, 100)
	all := func(of int) map[int]int { // the open ones, which get rows of all events
		want := map[int]int{}
		for i := named + idle; i < named+idle+open; i++ {
			want[i] = of
		}
		return want
	}

	before := db.queries.Load()
	want := all(1)
	want[7] = 1
	wrote := g.write(red, 7, 8)
	if took := c.expect(wrote, want); took > patience() {
		t.Errorf("the last row came after %s", took)
	} else {
		t.Logf("%d watches told of one event in %s, by %d queries", open+1, took, db.queries.Load()-before)
	}
	if n := db.queries.Load() - before; n > 4 {
		t.Errorf("one event of two different watches took %d queries", n)
	}

	want = all(50)
	for i := 100; i < 150; i++ {
		want[i] = 1
	}
	wrote = g.write(red, 100, 150)
	if took := c.expect(wrote, want); took > patience() {
		t.Errorf("the last of many rows came after %s", took)
	} else {
		t.Logf("%d watches told of 50 events in %s", open+50, took)
	}

	before = db.queries.Load()
	wrote = g.write(blue, 200, 210) // concerns nobody here
	want = all(1)
	want[800] = 1
	g.write(red, 800, 801)
	c.expect(wrote, want)
	if n := db.queries.Load() - before; n > 4 {
		t.Errorf("events of others, and one of two different watches, took %d queries", n)
	}
}

// TestAWatchLooksAtEverythingWhenAnnouncementsAreLost writes without a word, and then sends one that nobody understands.
func TestAWatchLooksAtEverythingWhenAnnouncementsAreLost(t *testing.T) {
	b := openBus(t)
	g := watched(t, b)
	r := start(t, b, g)
	c := r.dial(t, "alice")
	c.send(query("w", "watch events login"))
	c.until("w", "header")
	if _, err := g.Write(t.Context(), []tahoe.Record{login(t, red, 1), login(t, red, 2)}); err != nil {
		t.Fatal(err)
	}
	s, err := b.Stream(t.Context(), bus.StreamConfig{
		Name: "graph-written", Subjects: []string{"graph.written"}, Storage: bus.Memory, MaxAge: 10 * time.Minute, MaxBytes: 16 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Publish(t.Context(), "graph.written", nil, []byte("not of this version")); err != nil {
		t.Fatal(err)
	}
	c.hashes("w", map[string]bool{}, 2)
}

// TestWatchesThatAskTheSameAreAskedOnce has a user watch the same over and over, and another with other rights.
func TestWatchesThatAskTheSameAreAskedOnce(t *testing.T) {
	b := openBus(t)
	g := watched(t, b)
	db := &counted{Querier: g}
	both := func(_ context.Context, id string) ([]tdql.Org, error) {
		if id == "bob" {
			return []tdql.Org{blue}, nil
		}
		return []tdql.Org{red}, nil
	}
	r := start(t, b, db, func(c *reportd.Config) { c.Rights = both })
	var conns []*client
	for _, who := range []string{"alice", "alice", "alice", "alice", "bob"} {
		c := r.dial(t, who)
		c.send(query("w", "watch events"))
		c.until("w", "header")
		conns = append(conns, c)
	}
	before := db.queries.Load()
	g.write(red, 1, 2)
	for _, c := range conns[:4] {
		c.hashes("w", map[string]bool{}, 1)
	}
	if n := db.queries.Load() - before; n != 1 {
		t.Errorf("one event took %d queries for four watches that ask the same, want 1", n)
	}
	g.write(blue, 10, 11)
	conns[4].hashes("w", map[string]bool{}, 1)
}
