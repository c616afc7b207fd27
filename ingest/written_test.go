package ingest_test

import (
	"sync"
	"testing"
	"time"

	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/internal/testdgraph"
)

func TestWritesAreTold(t *testing.T) {
	k, err := keys()
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var spans [][2]time.Time
	s, err := ingest.New(t.Context(), ingest.Config{
		Bus: openBus(t, t.TempDir()), Graph: testdgraph.Open(t), Keys: k, Logger: logger(t),
		Written: func(from, to time.Time) {
			mu.Lock()
			defer mu.Unlock()
			spans = append(spans, [2]time.Time{from, to})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	run(t, s)
	const line = `{"eventid":"cowrie.login.failed","username":"root","password":"x","src_ip":"1.1.1.1","session":"s","sensor":"a","timestamp":"`
	st := finish(t, s, accept(t, s, "cowrie", line+`2026-01-02T00:00:00Z"}`+"\n"+line+`2026-01-01T00:00:00Z"}`+"\n").ID)
	if st.Events == 0 {
		t.Fatalf("nothing was mapped: %+v", st)
	}
	mu.Lock()
	defer mu.Unlock()
	from, to := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	if len(spans) != 1 || !spans[0][0].Equal(from) || !spans[0][1].Equal(to) {
		t.Errorf("told of %v, want one write from %s to %s", spans, from, to)
	}
}
