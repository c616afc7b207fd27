package filter_test

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/cybexp/cybexp/ingest/filter"
	"github.com/cybexp/cybexp/tahoe"
)

// TestSightingAsTheOriginal holds the hashes of attributes to those that the original Cybex-P gave.
func TestSightingAsTheOriginal(t *testing.T) {
	got, err := apply(t, "sighting", []byte(`{"timestamp": 5, "ipv4": "1.1.1.1"}`))
	if err != nil || len(got.Events) != 1 || len(got.Problems) != 0 {
		t.Fatalf("got %+v, %v", got, err)
	}
	ip, err := tahoe.NewAttribute("ipv4", tahoe.String("1.1.1.1"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := tahoe.NewEvent("sighting", "ABC123", 5, ip)
	if err != nil || got.Events[0].Hash() != want.Hash() {
		t.Errorf("got %s, want %s, %v", got.Events[0].Hash(), want.Hash(), err)
	}
}

func TestSightingWithoutAnyTime(t *testing.T) {
	f, _ := filter.For("sighting")
	data, _ := tahoe.ParseValue([]byte(`{"ipv4":"192.0.2.1"}`))
	if got, err := f.Apply(filter.Input{Data: data}); err == nil {
		t.Errorf("got %+v, want an error", got)
	}
}

// TestSightingSample maps every line of the sample folder beside the repository: one event for each field that is not empty.
func TestSightingSample(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join("..", "..", "..", "shared", "data", "sightings", "*", "*.jsonl"))
	if len(files) == 0 {
		t.Skip("no sample folder beside the repository")
	}
	for _, file := range files {
		for i, line := range readLines(t, file) {
			var fields map[string]any
			if err := json.Unmarshal(line, &fields); err != nil {
				t.Fatal(err)
			}
			want := 0
			for name, v := range fields {
				if list, isList := v.([]any); name != "timestamp" && (!isList || len(list) > 0) {
					want++
				}
			}
			got, err := apply(t, "sighting", line)
			if err != nil || len(got.Events) != want {
				t.Fatalf("%s:%d: got %d events, %v, want %d\n%s", file, i+1, len(got.Events), err, want, line)
			}
		}
	}
}

func FuzzSighting(f *testing.F) { fuzz(f, "sighting") }
