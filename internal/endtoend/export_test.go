package endtoend_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// judged is who said something of an event: an export tells what was said, not that it was a person.
var judged = regexp.MustCompile(`(?m)^judged_ref: .*\n`)

// exported is what an export promises of a graph.
func exported(t *testing.T, p *platform) map[string]string {
	t.Helper()
	d := dump(t, p.alphaHTTP())
	for hash, text := range d {
		d[hash] = judged.ReplaceAllString(text, "")
	}
	return d
}

// filled is a platform with the data of two organisations, marked and judged, and with the samples beside the repository where there are any.
func filled(t *testing.T, dir string) *platform {
	t.Helper()
	p := up(t, filepath.Join(dir, "a"), "--demo")
	p.must("org", "create", "acme")
	p.must("send", stormFile(t, dir, 0), "--typetag", "cowrie", "--org", "acme", "--tlp", "amber+strict", "--follow")
	p.send(stormFile(t, dir, 0), "demo") // both have it
	p.must("send", stormFile(t, dir, 1), "--typetag", "nobody_knows", "--org", "acme", "--tlp", "red", "--follow")
	event := p.rows("events | limit 1")[0]["hash"].(string)
	inside := p.rows("event " + event + " | attributes | limit 1")[0]["hash"].(string)
	p.must("classify", event, "benign")
	p.must("classify", event, "benign", "--instance", inside)
	if _, err := os.Stat("../../../shared/data"); err == nil {
		c := p.client()
		taken := map[string]bool{}
		for _, f := range sampleFiles(t) {
			if !taken[f.typetag] {
				c.send(&f)
			}
			taken[f.typetag] = true
		}
	}
	return p
}

// TestExportMakesTheSameGraph exports all that a platform has, in one go and broken off, and takes it into an empty one.
func TestExportMakesTheSameGraph(t *testing.T) {
	dir := t.TempDir()
	a := filled(t, dir)
	whole := filepath.Join(dir, "whole.ndjson")
	a.must("export", "-o", whole)
	text, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, 1, len(text) / 3, bytes.LastIndexByte(text[:len(text)/2], '\n'), bytes.LastIndexByte(text[:len(text)/2], '\n') + 1, len(text) - 1, len(text)} {
		cut := filepath.Join(dir, "cut.ndjson")
		if err := os.WriteFile(cut, text[:at], 0o600); err != nil {
			t.Fatal(err)
		}
		a.must("export", "-o", cut, "--resume")
		if got, err := os.ReadFile(cut); err != nil || !bytes.Equal(got, text) {
			t.Errorf("cut off at byte %d of %d and gone on with, the file has %d bytes and is another, %v", at, len(text), len(got), err)
		}
		if err := os.Remove(cut); err != nil {
			t.Fatal(err)
		}
	}
	want := exported(t, a)
	part := filepath.Join(dir, "part.ndjson")
	a.must("export", "events | limit 3", "-o", part)
	if r := a.cybexp("export", "-o", whole); r.code != 1 || !strings.Contains(r.stderr, "exists already") {
		t.Errorf("over a file that is there: %d %s", r.code, r.stderr)
	}
	a.stop()

	b := up(t, filepath.Join(dir, "b"))
	b.must("org", "create", "demo")
	if r := b.cybexp("import", whole); r.code != 1 || !strings.Contains(r.stderr, "which you do not administer here") {
		t.Errorf("without an organisation: %d %s", r.code, r.stderr)
	}
	b.must("org", "create", "acme")
	for range 2 { // again it changes nothing
		b.must("import", whole)
		if diff := cmp.Diff(want, exported(t, b)); diff != "" {
			t.Fatalf("the graphs differ (-exported +imported): %.6000s", diff)
		}
	}
	again := filepath.Join(dir, "again.ndjson")
	b.must("export", "-o", again)
	if diff := linesDiff(sortedLines(t, whole), sortedLines(t, again)); diff != "" {
		t.Errorf("what the other one exports differs:\n%.6000s", diff)
	}
	importsHurtFiles(t, b, text, want)
	b.must("import", part, "--org", "acme")
}

// importsHurtFiles holds that a line that is hurt is told, and the others count.
func importsHurtFiles(t *testing.T, p *platform, text []byte, want map[string]string) {
	t.Helper()
	lines := bytes.SplitAfter(text, []byte("\n"))
	hurt := bytes.Join([][]byte{
		[]byte("no JSON\n"), bytes.Replace(lines[0], []byte(`"data":{"`), []byte(`"data":{"x`), 1), lines[1], []byte(`{"_hash":"","itype":"attribute"}` + "\n"), lines[2][:len(lines[2])/2],
	}, nil)
	r := run(t, string(hurt), "import", "-", "--server", p.url, "--data", p.data)
	for _, want := range []string{"-:1: is no JSON", "-:2: record is not of this format: the raw says that its hash is", `-:4: has the itype "attribute"`, "-:5: is no JSON", "not taken: 4 documents"} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("of a hurt file nothing says %q: %d\n%s", want, r.code, r.stderr)
		}
	}
	if r.code != 1 {
		t.Errorf("the import of a hurt file ended with %d", r.code)
	}
	got := exported(t, p)
	for hash, text := range want {
		if got[hash] != text {
			t.Errorf("a hurt file changed %s: %s", text, cmp.Diff(text, got[hash]))
		}
	}
}

func sortedLines(t *testing.T, path string) map[string]int {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]int{}
	for line := range strings.Lines(string(text)) {
		lines[line]++
	}
	return lines
}

// linesDiff lists the lines that not both have as often.
func linesDiff(want, got map[string]int) string {
	var b strings.Builder
	for _, line := range slices.Sorted(maps.Keys(want)) {
		if want[line] != got[line] {
			fmt.Fprintf(&b, "- %d, not %d times: %s", want[line], got[line], line)
		}
	}
	for _, line := range slices.Sorted(maps.Keys(got)) {
		if want[line] == 0 {
			fmt.Fprintf(&b, "+ %s", line)
		}
	}
	return b.String()
}

// TestExportOfAQuery exports what queries find, for whom may see it, as TAHOE documents and as STIX.
func TestExportOfAQuery(t *testing.T) {
	dir := t.TempDir()
	p := up(t, filepath.Join(dir, "a"), "--demo")
	for query, itype := range map[string]string{
		"attributes ipv4": "attribute", "objects": "object", "events": "event", "sessions": "session", "raws": "raw",
	} {
		file := filepath.Join(dir, itype+".ndjson")
		p.must("export", query, "-o", file)
		lines := sortedLines(t, file)
		if want := p.count(query + " | count"); len(lines) != want || want == 0 {
			t.Errorf("%s: %d documents, want %d", query, len(lines), want)
		}
		for line := range lines {
			var doc struct{ Itype string }
			if err := json.Unmarshal([]byte(line), &doc); err != nil || doc.Itype != itype {
				t.Fatalf("%s: %s %v", query, line, err)
			}
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text[:len(text)/2], 0o600); err != nil {
			t.Fatal(err)
		}
		p.must("export", query, "-o", file, "--resume")
		if diff := linesDiff(lines, sortedLines(t, file)); diff != "" {
			t.Errorf("%s broken off and gone on with:\n%.2000s", query, diff)
		}
	}
	if r := p.cybexp("export", "events | count", "-o", filepath.Join(dir, "no")); r.code != 2 || !strings.Contains(r.stderr, "ask for attributes") {
		t.Errorf("of a count: %d %s", r.code, r.stderr)
	}
	p.must("user", "create", "nobody@example.org", "--no-password")
	token := strings.TrimSpace(p.must("token", "create", "--user", "nobody@example.org", "--label", "t"))
	if text := p.must("export", "--token", token); text != "" {
		t.Errorf("who may read nothing gets %s", text)
	}

	bundle := filepath.Join(dir, "bundle.stix.json")
	p.must("export", "--format", "stix", "-o", bundle)
	p.must("org", "create", "acme")
	p.must("import", "--typetag", "stix", "--org", "acme", bundle)
	if n := p.count("events org acme | count"); n == 0 {
		t.Error("nothing came of the STIX bundle")
	}
}
