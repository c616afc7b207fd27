package reportd

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// scanGraph writes n events whose times lie as they do in life: bursts, pauses of months, and thousands in one second.
func scanGraph(tb testing.TB, org tdql.Org, n int) Querier {
	tb.Helper()
	store := testdgraph.Open(tb)
	random := rand.New(rand.NewPCG(1, 2))
	ip := must(tahoe.NewAttribute("ipv4", tahoe.String("8.8.8.8")))
	at := 1.6e9
	var events []*tahoe.Event
	for i := range n {
		switch {
		case i%5000 == 4999:
			at += 40 * 86400
		case i/5000 == 2: // all at once
		default:
			at += random.ExpFloat64() * 20
		}
		at = float64(int64(at*1e6)) / 1e6
		port := must(tahoe.NewAttribute("port", tahoe.Int(int64(random.IntN(1000)))))
		url := must(tahoe.NewAttribute("url", tahoe.String(fmt.Sprintf("http://example.com/%d/some/longer/path?with=%d", i, i*i))))
		events = append(events, must(tahoe.NewEvent("download", org.Hash.String(), at, ip, port, url)))
	}
	for len(events) > 0 {
		batch := events[:min(500, len(events))]
		events = events[len(batch):]
		if _, err := store.Write(tb.Context(), []tahoe.Record{{Events: batch}}); err != nil {
			tb.Fatal(err)
		}
	}
	return store
}

type scanResult struct {
	rows  int
	first time.Duration
	took  time.Duration
}

// scan runs a query whose rows are events, and checks their order.
func scan(tb testing.TB, db Querier, org tdql.Org, text string) scanResult {
	tb.Helper()
	prog := must(tdql.Compile(planOf(tb, text, org)))
	began := time.Now()
	var r scanResult
	var all []tdql.Row
	if _, err := run(tb.Context(), db, prog, func(rows []tdql.Row) error {
		if r.rows == 0 {
			r.first = time.Since(began)
		}
		r.rows += len(rows)
		all = append(all, rows...)
		return nil
	}, nil); err != nil {
		tb.Fatal(err)
	}
	r.took = time.Since(began)
	if prog.Kind != "events" {
		return r
	}
	hashes := column[string](tb, all, "hash")
	var last time.Time
	seen := map[string]bool{}
	for i, at := range column[time.Time](tb, all, "timestamp") {
		if seen[hashes[i]] {
			tb.Fatalf("%s: %s comes twice", text, hashes[i])
		}
		seen[hashes[i]] = true
		if i > 0 && (at.After(last) || at.Equal(last) && hashes[i] < hashes[i-1]) {
			tb.Fatalf("%s: row %d: %v %s after %v %s", text, i, at, hashes[i], last, hashes[i-1])
		}
		last = at
	}
	return r
}

func TestScansAreWholeAndInOrder(t *testing.T) {
	org := tdql.Org{Hash: tahoe.OrgHash("scan"), Name: "scan"}
	const n = 16000
	db := scanGraph(t, org, n)
	for text, want := range map[string]int{
		"events": n, "events download": n, "ipv4 8.8.8.8 | events": n, "events where ipv4 = 8.8.8.8": n, "events | page 3 size 5000": 5000,
		"events | limit 2500": 2500, "ipv4 8.8.8.8 | events | page 16 size 1000": 1000, "ipv4 8.8.8.8 | events | attributes url": n,
		"events | limit 7000 | attributes url": 7000, "related ipv4 8.8.8.8 return event": n, "events to 1600000000": 0,
	} {
		r := scan(t, db, org, text)
		t.Logf("%s: %d rows in %v, the first after %v", text, r.rows, r.took, r.first)
		if r.rows != want {
			t.Errorf("%s: %d rows, want %d", text, r.rows, want)
		}
	}
}
