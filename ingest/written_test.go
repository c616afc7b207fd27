package ingest_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
)

func TestWritesAreTold(t *testing.T) {
	k, err := keys()
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	told := map[string]bool{} // times of events
	s, err := ingest.New(t.Context(), ingest.Config{
		Bus: openBus(t, t.TempDir()), Graph: testdgraph.Open(t), Keys: k, Logger: logger(t),
		Written: func(_ context.Context, records []tahoe.Record) {
			mu.Lock()
			defer mu.Unlock()
			for _, r := range records {
				for _, e := range r.Events {
					told[e.Time().Format(time.DateOnly)] = true
				}
			}
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
	if len(told) != 2 || !told["2026-01-01"] || !told["2026-01-02"] {
		t.Errorf("told of events of %v, want those of both days", told)
	}
}
