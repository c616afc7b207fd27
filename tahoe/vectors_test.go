package tahoe_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/cybexp/cybexp/tahoe"
)

// vector is a line of testdata/tahoe_hash.jsonl.gz: an instance, and what the original Cybex-P makes of it.
type vector struct {
	Kind      string          `json:"kind"`
	Input     json.RawMessage `json:"input"`
	Canonical string          `json:"canonical"`
	Unique    string          `json:"unique"`
	Hash      string          `json:"hash"`
	QueryHash string          `json:"qhash"`
	Timestamp string          `json:"timestamp_str"`
	Children  []tahoe.Hash    `json:"cref"`
	Refs      []tahoe.Hash    `json:"ref"`
}

func vectorLines(tb testing.TB) [][]byte {
	tb.Helper()
	file, err := os.Open("testdata/tahoe_hash.jsonl.gz")
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	text, err := gzip.NewReader(file)
	if err != nil {
		tb.Fatal(err)
	}
	var lines [][]byte
	scan := bufio.NewScanner(text)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		lines = append(lines, slices.Clone(scan.Bytes()))
	}
	if err := scan.Err(); err != nil {
		tb.Fatal(err)
	}
	return lines
}

func TestVectors(t *testing.T) {
	kinds := map[string]int{}
	var specs tahoe.Specs
	for i, line := range vectorLines(t) {
		var want vector
		if err := json.Unmarshal(line, &want); err != nil {
			t.Fatal(err)
		}
		kinds[want.Kind]++
		got, err := specs.Hash(line)
		if err != nil {
			t.Errorf("line %d, %s: %v", i+1, want.Kind, err)
			continue
		}
		if got.Kind != want.Kind || got.Canonical != want.Canonical || got.Unique != want.Unique {
			t.Errorf("line %d, %s:\n got %s\n     %s\nwant %s\n     %s", i+1, want.Kind, got.Canonical, got.Unique, want.Canonical, want.Unique)
		}
		if got.Hash.String() != want.Hash || got.QueryHash != want.QueryHash || got.Timestamp != want.Timestamp {
			t.Errorf("line %d, %s: got %s %s %s, want %s %s %s", i+1, want.Kind, got.Hash, got.QueryHash, got.Timestamp, want.Hash, want.QueryHash, want.Timestamp)
		}
		if !slices.Equal(got.Children, want.Children) || !slices.Equal(got.Refs, want.Refs) {
			t.Errorf("line %d, %s: got children %v, refs %v, want %v, %v", i+1, want.Kind, got.Children, got.Refs, want.Children, want.Refs)
		}
	}
	for _, kind := range []string{"attribute", "object", "event", "session", "raw", "tdql", "report", "user", "superuser", "org", "input_config", "canonical"} {
		if kinds[kind] == 0 {
			t.Errorf("no vector of kind %s", kind)
		}
	}
}

// TestOrgOfStrangers leaves open what only the users' documents would tell.
func TestOrgOfStrangers(t *testing.T) {
	got, err := tahoe.HashSpec([]byte(`{"kind":"org","input":{"orgname":"org1","name":"","user":["a@b.c"],"admin":["a@b.c"]}}`))
	if err != nil || got.Canonical != "" || got.Hash != tahoe.OrgHash("org1") {
		t.Errorf("got %+v, %v", got, err)
	}
}
