package filter_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/ingest/filter"
	"github.com/cybexp/cybexp/tahoe"
)

// TestSTIXSample maps every bundle of the sample folder beside the repository: no object may get lost.
func TestSTIXSample(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join("..", "..", "..", "shared", "data", "stix", "*", "*.json"))
	if len(files) == 0 {
		t.Skip("no sample folder beside the repository")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got, err := apply(t, "stix", text)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, p := range got.Problems {
			if !strings.Contains(p.Message, "stands beside it") && !strings.Contains(p.Message, "kept as text") {
				t.Errorf("%s: %s", file, p)
			}
		}
		var doc struct {
			Objects []struct{ Type, ID, Created string }
		}
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatal(err)
		}
		held := heldValues(got)
		for _, o := range doc.Objects {
			if o.Created != "" && o.Type != "marking-definition" && !held[o.ID] {
				t.Errorf("%s: %s is lost", file, o.ID)
			}
		}
	}
}

// heldValues are the values of all attributes in the events of a result.
func heldValues(got filter.Result) map[string]bool {
	held := map[string]bool{}
	for _, e := range got.Events {
		for _, n := range e.Refs() {
			if a, ok := n.(*tahoe.Attribute); ok {
				held[a.Value().Text()] = true
			}
		}
	}
	return held
}

// TestSTIXAnyOrder has a bundle in two orders: references may point forwards and backwards.
func TestSTIXAnyOrder(t *testing.T) {
	objects := []string{
		`{"type":"domain-name","id":"domain-name--1","value":"evil.example"}`,
		`{"type":"malware","id":"malware--1","created":"2020-01-01T00:00:00Z","name":"M"}`,
		`{"type":"relationship","id":"relationship--1","created":"2020-01-01T00:00:00Z","relationship_type":"communicates-with","source_ref":"malware--1","target_ref":"domain-name--1"}`,
	}
	hashes := func(objects ...string) map[tahoe.Hash]bool {
		got, err := apply(t, "stix", []byte(`{"type":"bundle","objects":[`+strings.Join(objects, ",")+`]}`))
		if err != nil || len(got.Problems) != 0 {
			t.Fatal(got.Problems, err)
		}
		all := map[tahoe.Hash]bool{}
		for _, e := range got.Events {
			all[e.Hash()] = true
		}
		return all
	}
	forwards, backwards := hashes(objects...), hashes(objects[2], objects[1], objects[0])
	if len(forwards) != 2 || len(backwards) != 2 {
		t.Fatalf("got %d and %d events, want 2", len(forwards), len(backwards))
	}
	for h := range forwards {
		if !backwards[h] {
			t.Errorf("%s is made in one order only", h)
		}
	}
}

// TestSTIXSameAsMISP has one file that both formats tell of: its hash must be one vertex.
func TestSTIXSameAsMISP(t *testing.T) {
	stix, err := apply(t, "stix", []byte(`{"type":"indicator","id":"indicator--1","created":"2020-01-01T00:00:00Z","pattern":"[file:name = 'a.exe' AND file:hashes.MD5 = 'D41D8CD98F00B204E9800998ECF8427E']"}`))
	if err != nil {
		t.Fatal(err)
	}
	misp, err := apply(t, "misp_event", []byte(`{"Event":{"uuid":"u","timestamp":"5","Attribute":[{"type":"filename|md5","value":"a.exe|d41d8cd98f00b204e9800998ecf8427e"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	file := func(e *tahoe.Event) tahoe.Hash {
		for _, n := range e.Children() {
			if n.SubType() == "file" {
				return n.Hash()
			}
		}
		return tahoe.Hash{}
	}
	if got, want := file(stix.Events[0]), file(misp.Events[1]); got != want || got.IsZero() {
		t.Errorf("got %s and %s", got, want)
	}
}

// TestSTIXManyLevels has observables that hold each other many levels deep, each twice: what is made of them stays small.
func TestSTIXManyLevels(t *testing.T) {
	var objects []string
	for i := range 2000 {
		id, next := quotedID(i), quotedID(i+1)
		objects = append(objects, `{"type":"process","id":`+id+`,"command_line":"`+strings.Repeat("x", 100)+`","child_refs":[`+next+`],"parent_ref":`+next+`}`)
	}
	got, err := apply(t, "stix", []byte(`{"objects":[`+strings.Join(objects, ",")+`]}`))
	if err != nil || len(got.Events) == 0 || len(got.Problems) == 0 {
		t.Fatalf("got %d events, %d problems, %v", len(got.Events), len(got.Problems), err)
	}
	for _, e := range got.Events {
		if len(e.Canonical()) > 1<<20 {
			t.Errorf("%s has %d bytes", e.Hash(), len(e.Canonical()))
		}
	}
}

func quotedID(n int) string { return fmt.Sprintf(`"process--%d"`, n) }

func FuzzSTIX(f *testing.F) { fuzz(f, "stix") }

// FuzzSTIXPattern has any text as the pattern of an indicator: it must be kept, and read the same each time.
func FuzzSTIXPattern(f *testing.F) {
	for _, line := range readLines(f, "testdata/stix/crafted.jsonl")[:1] {
		var doc struct{ Objects []struct{ Pattern string } }
		if err := json.Unmarshal(line, &doc); err != nil {
			f.Fatal(err)
		}
		for _, o := range doc.Objects {
			f.Add(o.Pattern)
		}
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		line, err := json.Marshal(map[string]string{"type": "indicator", "id": "indicator--1", "created": "2020-01-01T00:00:00Z", "pattern": pattern})
		if err != nil {
			t.Fatal(err)
		}
		got, err := apply(t, "stix", line)
		if err != nil || len(got.Events)+len(got.Problems) == 0 {
			t.Fatalf("%q is lost, %v", pattern, err)
		}
		again, _ := apply(t, "stix", line)
		if len(got.Events) == 1 && got.Events[0].Hash() != again.Events[0].Hash() {
			t.Fatalf("%q is another the second time", pattern)
		}
	})
}
