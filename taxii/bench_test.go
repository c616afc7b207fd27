package taxii_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/taxii"
)

// BenchmarkPoll polls a collection of 20,000 logins that has nothing new, by a process that remembers its rows and by one that has no room for
// that. The rows come from memory.
func BenchmarkPoll(b *testing.B) {
	b.Run("remembered", func(b *testing.B) { pollNoNews(b, 0) })
	b.Run("not", func(b *testing.B) { pollNoNews(b, 1) })
}

func pollNoNews(b *testing.B, kept int) {
	b.Helper()
	const n = 20_000
	rows := make([]json.RawMessage, n)
	for i := range rows {
		rows[i] = json.RawMessage(fmt.Sprintf(`{"hash":%q,"itype":"event","sub_type":"login","timestamp":"2026-01-01T00:00:00.5Z","category":"malicious","org":"o",`+
			`"org_name":"Org","tlp":"amber","data":{"ipv4":["198.51.%d.%d"],"username":["user%d"],"password":["p%d"],"session_id":["s%d"]}}`,
			tahoe.Hash(sha256.Sum256(fmt.Append(nil, i))), i>>8&255, i&255, i%100, i%3000, i/4))
	}
	src := taxii.Source{
		ID: "query", Basis: "b",
		Scan: func(_ context.Context, row func(json.RawMessage) error) error {
			for _, text := range rows {
				if err := row(text); err != nil {
					return err
				}
			}
			return nil
		},
	}
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	s, err := taxii.New(taxii.Config{Store: mortal{kv: openBucket(b)}, Now: func() time.Time { return now }, MaxKept: kept})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	poll := func() {
		now = now.Add(time.Hour)
		if _, err := s.Records(b.Context(), src, taxii.Filter{Limit: 500, After: now.UnixMicro()}); err != nil {
			b.Fatal(err)
		}
	}
	poll()
	b.ReportAllocs()
	for b.Loop() {
		poll()
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/n, "µs/row")
}
