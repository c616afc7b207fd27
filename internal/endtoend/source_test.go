package endtoend_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSourceSurvivesAKill follows a file, kills the platform without a word while the file grows, and finds every record in the graph
// after the next start, once.
func TestSourceSurvivesAKill(t *testing.T) {
	t.Parallel()
	data, files := filepath.Join(t.TempDir(), "data"), t.TempDir()
	text, err := os.ReadFile(stormFile(t, t.TempDir(), 0))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSpace(string(text)), "\n")
	log, err := os.OpenFile(filepath.Join(files, "cowrie.json"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	grow := func(to int, half string) {
		t.Helper()
		if _, err := log.WriteString(strings.Join(lines[:to], "") + half); err != nil {
			t.Fatal(err)
		}
		lines = lines[to:]
	}

	p := up(t, data, "--sources-files", files)
	p.must("org", "create", "demo")
	p.must("source", "add", "pot", "--kind", "file", "--org", "demo", "--typetag", "cowrie", "--path", "*.json", "--period", "1s")
	grow(100, "")
	eventually(t, startLimit, "the first records", func() bool { return p.count("count ipv4 "+stormAddress(0)) == 100 })
	rest := lines[50]
	lines[50] = rest[10:]
	grow(50, rest[:10]) // killed in the middle of a line
	p.kill()
	grow(len(lines), "\n")

	p = up(t, data, "--sources-files", files)
	eventually(t, startLimit, "all records", func() bool { return p.count("count ipv4 "+stormAddress(0)) == stormLines })
	var status struct {
		State   string  `json:"state"`
		Lag     float64 `json:"lag"`
		Records int     `json:"records"`
	}
	if err := json.Unmarshal([]byte(p.must("source", "status", "pot")), &status); err != nil {
		t.Fatal(err)
	}
	if status.State != "running" || status.Records < stormLines || status.Lag < 0 {
		t.Errorf("the source does so: %+v", status)
	}
	p.must("source", "stop", "pot")
	eventually(t, time.Minute, "it is stopped", func() bool { return strings.Contains(p.must("source", "list"), "stopped") })
	p.must("source", "remove", "pot")
	if list := p.must("source", "list"); strings.Contains(list, "pot") {
		t.Errorf("it is still there: %s", list)
	}
	p.stop()
}

// must runs a client command that has to succeed, and returns what it printed.
func (p *platform) must(args ...string) string {
	p.t.Helper()
	r := p.cybexp(args...)
	if r.code != 0 {
		p.t.Fatalf("cybexp %s ended with %d\n%s\n%s", strings.Join(args, " "), r.code, r.stderr, p.log)
	}
	return r.stdout
}
