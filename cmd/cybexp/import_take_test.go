package main

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/tahoe"
)

// Hashes run sub_type and data together: ip and 44 are ip4 and 4. Only the record that comes second is lost, whatever is in its batch.
func TestImportLosesOnlyTheRecordThatTheGraphDoesNotTake(t *testing.T) {
	outcome := func(line int, subType string, n int64) ingest.Outcome {
		a, err := tahoe.NewAttribute(subType, tahoe.Int(n))
		if err != nil {
			t.Fatal(err)
		}
		e, err := tahoe.NewEvent("e", "org", float64(line), a)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := tahoe.NewRaw("r", tahoe.Int(int64(line)), "org", "UTC")
		if err != nil {
			t.Fatal(err)
		}
		return ingest.Outcome{Line: line, Record: tahoe.Record{Raw: raw, State: tahoe.Mapped, Events: []*tahoe.Event{e}}}
	}
	var told bytes.Buffer
	r := &importRun{app: &app{stdout: io.Discard, stderr: &told}, bulk: graph.NewBulk()}
	for _, batch := range [][]ingest.Outcome{
		{outcome(1, "ip", 44), outcome(2, "ip4", 4), outcome(3, "port", 22)},
		{outcome(4, "port", 22), outcome(5, "ip4", 4), outcome(6, "port", 80)},
	} {
		parts, err := r.take("log.json", batch)
		if err != nil || len(parts) != 2 {
			t.Fatalf("got %d parts, %v", len(parts), err)
		}
	}
	if s := r.status; s.Received != 6 || s.Mapped != 4 || s.Dead != 2 || s.Events != 4 {
		t.Errorf("got %+v", s)
	}
	if got := r.bulk.Vertices(); got != 11 { // four raws and events, three attributes
		t.Errorf("got %d vertices", got)
	}
	for _, line := range []string{"log.json:2: ", "log.json:5: "} {
		if !strings.Contains(told.String(), line) {
			t.Errorf("%q is not in %q", line, told.String())
		}
	}
}
