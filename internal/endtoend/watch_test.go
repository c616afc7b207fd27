package endtoend_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAWatchOutlivesItsWorker kills the process that runs a watch. What is written while nobody runs it, and what comes after
// another has taken it over, is told once.
func TestAWatchOutlivesItsWorker(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	alpha, nats := startDgraph(t, dir), startNATS(t, dir)
	data := filepath.Join(dir, "keys")
	shared := []string{"--data", data, "--dgraph", alpha.Target(), "--dgraph-http", alpha.HTTP(), "--nats", nats}
	p := startWeb(t, data, shared)
	startRole(t, append([]string{"ingest"}, shared...))
	reportd := append([]string{"reportd", "--watches", "2", "--user-watches", "1"}, shared...)
	first := startRole(t, reportd)
	if r := p.cybexp("org", "create", "demo"); r.code != 0 {
		t.Fatal(r.stderr)
	}
	p.logins(0, 20)
	w := p.watch("events login")
	w.hears(20)
	if err := first.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.cmd.Wait() // killed
	p.logins(20, 35)
	startRole(t, reportd)
	w.hears(15)
	p.logins(35, 40)
	w.hears(5)
	if r := p.cybexp("watch", "events"); r.code != 1 || !strings.Contains(r.stderr, "as many watches as one user may") {
		t.Errorf("a second watch ended with %d and %s", r.code, r.stderr)
	}
	if err := w.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for line := range w.lines {
		t.Errorf("told as well: %s", line)
	}
	if err := w.cmd.Wait(); err != nil {
		t.Errorf("Ctrl-C ended the watch with %v", err)
	}
}

// logins sends the logins from one number to another, without the last, and waits until they are in the graph.
func (p *platform) logins(from, to int) {
	p.t.Helper()
	var b strings.Builder
	for i := from; i < to; i++ {
		at := time.Date(2025, 4, 13, 0, i, 0, 0, time.UTC).Format(time.RFC3339)
		fmt.Fprintf(&b, `{"eventid":"cowrie.login.failed","username":"user%d","password":"x","src_ip":"198.51.100.%d","session":"s%d","sensor":"s","timestamp":%q}`+"\n",
			i, i, i, at)
	}
	path := filepath.Join(p.t.TempDir(), "logins.json")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		p.t.Fatal(err)
	}
	if status := p.send(path, "demo"); status["mapped"] != float64(to-from) {
		p.t.Fatalf("sent %d logins: %v", to-from, status)
	}
}

// watching is a `cybexp watch` that runs.
type watching struct {
	t     testing.TB
	cmd   *exec.Cmd
	lines chan string // closed when it tells no more
	seen  map[string]bool
}

func (p *platform) watch(query string) *watching {
	p.t.Helper()
	w := &watching{t: p.t, lines: make(chan string, 100), seen: map[string]bool{}}
	w.cmd = exec.Command(program(p.t, "cybexp"), "watch", query, "-o", "ndjson", "--server", p.url, "--data", p.data)
	w.cmd.Stderr = p.log
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = w.cmd.Process.Kill() }) // it has ended, if all went well
	go func() {
		defer close(w.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			w.lines <- s.Text()
		}
	}()
	return w
}

// hears waits for so many rows, none of which was told before.
func (w *watching) hears(n int) {
	w.t.Helper()
	late := time.After(time.Minute)
	for range n {
		select {
		case line, ok := <-w.lines:
			var row struct{ Hash string }
			if err := json.Unmarshal([]byte(line), &row); !ok || err != nil {
				w.t.Fatalf("told %q, %v", line, err)
			}
			if w.seen[row.Hash] {
				w.t.Errorf("told twice: %s", line)
			}
			w.seen[row.Hash] = true
		case <-late:
			w.t.Fatalf("only %d rows were told", len(w.seen))
		}
	}
}
