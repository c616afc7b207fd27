package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp"
	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/graph/dgraphd"
	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
)

var arrival = regexp.MustCompile(`(?m)^received: .*\n`)

// withoutArrival leaves out of a dump when raws came in, which is another time for an upload and an import.
func withoutArrival(dump map[string]string) map[string]string {
	for hash, text := range dump {
		dump[hash] = arrival.ReplaceAllString(text, "")
	}
	return dump
}

// TestImportMakesTheGraphOfAnUpload imports the demo sample in two files, one of them zipped, and compares all of the graph with what
// uploads of them would make.
func TestImportMakesTheGraphOfAnUpload(t *testing.T) {
	lines := bytes.SplitAfter(demoSample, []byte("\n"))
	half := len(lines) / 2
	one, two := bytes.Join(lines[:half], nil), bytes.Join(lines[half-20:], nil) // some lines are in both
	uploads := serve(t, filepath.Join(t.TempDir(), graphDir))
	store, err := graph.Open(t.Context(), graph.Config{Target: uploads.Target(), HTTP: uploads.HTTP()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.ApplySchema(t.Context(), cybexp.Schema); err != nil {
		t.Fatal(err)
	}
	up := ingest.Upload{Typetag: "cowrie", Org: tahoe.OrgHash(demoOrg), Timezone: "UTC"}
	for _, text := range [][]byte{one, two} {
		var records []tahoe.Record
		for o, err := range ingest.Try(up, time.Now(), bytes.NewReader(text)) {
			if err != nil {
				t.Fatal(err)
			}
			records = append(records, o.Record)
		}
		if _, err := store.Write(t.Context(), records); err != nil {
			t.Fatal(err)
		}
	}
	want := withoutArrival(testdgraph.Dump(t, uploads.HTTP()))

	data := t.TempDir()
	first, second := filepath.Join(data, "one.json"), filepath.Join(data, "two.json.gz")
	writeFile(t, first, one)
	writeFile(t, second, zipped(t, two))
	code, stdout, stderr := importInto(t, data, first, second)
	if code != exitDone {
		t.Fatalf("exit status %d\n%s", code, stderr)
	}
	var said struct{ Received, Mapped, Vertices int }
	if err := json.Unmarshal([]byte(stdout), &said); err != nil {
		t.Fatalf("%s: %v", stdout, err)
	}
	if n := len(lines) - 1 + 20; said.Received != n || said.Mapped == 0 || said.Vertices != len(want) {
		t.Errorf("says %+v of %d records that make %d vertices", said, n, len(want))
	}
	server := serve(t, filepath.Join(data, graphDir))
	if diff := cmp.Diff(want, withoutArrival(testdgraph.Dump(t, server.HTTP()))); diff != "" {
		t.Errorf("graph differs (-upload +import):\n%.3000s", diff)
	}
	server.Stop()

	code, _, stderr = importInto(t, data, first)
	if code != exitFailed || !strings.Contains(stderr, "there is a graph in the data folder") {
		t.Errorf("a second import: exit status %d\n%s", code, stderr)
	}
}

// TestImportThatFailsLeavesNoGraph imports a file that breaks off, and then another one.
func TestImportThatFailsLeavesNoGraph(t *testing.T) {
	data := t.TempDir()
	broken, whole := filepath.Join(data, "broken.json.gz"), filepath.Join(data, "whole.json")
	text := zipped(t, demoSample)
	writeFile(t, broken, text[:len(text)/2])
	writeFile(t, whole, demoSample)
	code, _, stderr := importInto(t, data, broken)
	if code != exitFailed || !strings.Contains(stderr, "broken.json.gz") {
		t.Fatalf("exit status %d\n%s", code, stderr)
	}
	for _, dir := range []string{graphDir, importDir} {
		if _, err := os.Stat(filepath.Join(data, dir)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", dir, err)
		}
	}
	// What a killed import leaves is in the way of nobody.
	if err := os.MkdirAll(filepath.Join(data, importDir, "p"), 0o700); err != nil {
		t.Fatal(err)
	}
	// Neither is a graph that was started and never filled.
	serve(t, filepath.Join(data, graphDir)).Stop()
	if code, _, stderr := importInto(t, data, whole); code != exitDone {
		t.Fatalf("exit status %d\n%s", code, stderr)
	}
}

func importInto(t *testing.T, data string, files ...string) (code int, stdout, stderr string) {
	t.Helper()
	bin, err := testdgraph.Binary()
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &errs}
	code = a.run(t.Context(), append([]string{
		"import", "--bulk", "--typetag", "cowrie", "--org", demoOrg,
		"--data", data, "--dgraph-bin", bin, "--dgraph-offset", "auto",
	}, files...))
	return code, out.String(), errs.String()
}

func serve(t *testing.T, dir string) *dgraphd.Server {
	t.Helper()
	c := dgraphd.DefaultConfig()
	c.Dir, c.MemoryMiB = dir, 1000
	var err error
	if c.Bin, err = testdgraph.Binary(); err != nil {
		t.Fatal(err)
	}
	server, err := dgraphd.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}

func zipped(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(text)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func writeFile(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
