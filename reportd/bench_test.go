package reportd_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/tdql"
	"github.com/cybexp/cybexp/tdql/dql"
)

// BenchmarkSocketCount measures, turn by turn, a count asked over the websocket and the same compiled query asked of the
// database directly, and what the way through the server costs at the median.
func BenchmarkSocketCount(b *testing.B) {
	const text = "count ipv4 10.0.0.1"
	store := seeded(b)
	r := start(b, openBus(b), store, func(c *reportd.Config) { c.Socket.Operations = 4 })
	c := r.dial(b, "alice")
	q := compiled(b, text)
	var direct, socket []time.Duration
	n := 0
	for b.Loop() {
		began := time.Now()
		if _, _, err := store.Query(b.Context(), q, 0); err != nil {
			b.Fatal(err)
		}
		direct = append(direct, time.Since(began))

		n++
		id := fmt.Sprint("q", n)
		began = time.Now()
		c.send(query(id, text))
		if f := c.until(id, "end"); f.Status != "ready" {
			b.Fatal(f.raw)
		}
		socket = append(socket, time.Since(began))
	}
	d, s := median(direct), median(socket)
	b.ReportMetric(d, "direct-ms")
	b.ReportMetric(s, "socket-ms")
	b.ReportMetric(s-d, "overhead-ms")
}

// compiled returns the one query that a question asks the database.
func compiled(tb testing.TB, text string) dql.Query {
	tb.Helper()
	parsed, err := tdql.Parse(text)
	if err != nil {
		tb.Fatal(err)
	}
	plan, _, err := tdql.Check(parsed, tdql.Env{Now: time.Now(), Orgs: users["alice"]})
	if err != nil {
		tb.Fatal(err)
	}
	program, err := tdql.Compile(plan)
	if err != nil {
		tb.Fatal(err)
	}
	q, ok := program.Start().Next()
	if !ok {
		tb.Fatalf("%s asks nothing", text)
	}
	return q
}

func median(d []time.Duration) float64 {
	slices.Sort(d)
	return float64(d[len(d)/2].Microseconds()) / 1000
}

// BenchmarkLoadQueries asks 200 queries at once, of two users over ten connections, and measures how long they take to their ends.
func BenchmarkLoadQueries(b *testing.B) {
	const connections, each = 10, 20
	store := seeded(b)
	r := start(b, openBus(b), store, func(c *reportd.Config) { c.UserQueries = 0 })
	texts := []string{"count ipv4 10.0.0.1 by day", "ipv4 10.0.0.1 | events", "events login | limit 50", "events | attributes username | top 5"}
	var took []time.Duration
	var whole time.Duration
	for b.Loop() {
		began := time.Now()
		ended := make(chan time.Duration, connections*each)
		for n := range connections {
			c := r.dial(b, []string{"alice", "bob"}[n%2])
			for i := range each {
				c.send(query(fmt.Sprint("q", i), texts[i%len(texts)]))
			}
			go func() {
				for left := each; left > 0; {
					f, err := c.readWithin(time.Minute)
					if err != nil || f.Type == "error" {
						b.Errorf("got %s, %v", f.raw, err)
					}
					if err != nil || f.Type == "end" || f.Type == "error" {
						left--
						ended <- time.Since(began)
					}
				}
			}()
		}
		for range connections * each {
			took = append(took, <-ended)
		}
		whole += time.Since(began)
	}
	b.ReportMetric(float64(len(took))/whole.Seconds(), "queries/s")
	b.ReportMetric(median(took), "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Milliseconds()), "p99-ms")
}
