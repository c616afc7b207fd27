package endtoend_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestAWatchOutlivesItsWorker kills the process that runs a watch. What is written while nobody runs it, and what comes after
// another has taken it over, is told once. Then somebody loses the right that a watch rests on: the process that takes it away is another than the one
// that runs the watch.
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
	line := openValve(t, strings.TrimPrefix(alpha.Target(), "dgraph://"))
	startRole(t, append(reportd, "--dgraph", "dgraph://"+line.address))
	w.hears(15)
	p.logins(35, 40)
	w.hears(5)
	p.losesTheRight(line)
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

// losesTheRight takes a reader off the reading list while a watch of theirs runs and a report of theirs is kept, and once more while the report
// daemon waits for the database to answer a question of theirs.
func (p *platform) losesTheRight(line *valve) {
	p.t.Helper()
	const rita = "rita@example.org"
	p.must("user", "create", rita, "--no-password")
	p.must("org", "set", "demo", rita, "--role", "reader")
	token := strings.TrimSpace(p.must("token", "create", "--user", rita))
	w := p.watch("events login", "--token", token)
	w.hears(40)
	kept := p.call(token, http.MethodPost, "/api/v1/reports", `{"tdql":"events login"}`)
	var report struct{ ID string }
	if err := json.Unmarshal([]byte(kept), &report); err != nil || report.ID == "" {
		p.t.Fatalf("a report: %s, %v", kept, err)
	}
	rows := "/api/v1/reports/" + report.ID + "/rows"
	if got := p.call(token, http.MethodGet, rows, ""); !strings.Contains(got, "198.51.100.") {
		p.t.Errorf("before: %s", got)
	}

	p.must("org", "remove", "demo", rita)
	for line := range w.lines { // until it ends
		p.t.Errorf("told as well: %s", line)
	}
	var exit *exec.ExitError
	if err := w.cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(w.log.String(), "may no longer read") {
		p.t.Errorf("the watch ended with %v and %q", err, w.log)
	}
	if got := p.call(token, http.MethodGet, rows, ""); strings.Contains(got, "198.51.100.") || !strings.Contains(got, "rights") {
		p.t.Errorf("after: %s", got)
	}

	p.must("org", "set", "demo", rita, "--role", "reader")
	line.Lock()
	asked := make(chan result, 1)
	go func() { asked <- p.cybexp("query", "count events login", "--token", token) }()
	eventually(p.t, time.Minute, "the question is worked on", func() bool {
		return strings.Contains(p.call(token, http.MethodGet, "/api/v1/reports", ""), `"processing"`)
	})
	p.must("org", "remove", "demo", rita)
	if r := <-asked; r.code != 1 || !strings.Contains(r.stderr, "may no longer read") {
		p.t.Errorf("the question ended with %+v", r)
	}
	line.Unlock()
	if n := p.count("count events login"); n != 40 {
		p.t.Errorf("others count %d events, want 40", n)
	}
}

// valve is a line to a server on which nothing goes while it is locked.
type valve struct {
	sync.Mutex

	address string
}

// openValve makes a line to an address.
func openValve(t *testing.T, to string) *valve {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	v := &valve{address: l.Addr().String()}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return // closed
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close() // who is on the line tries again
				continue
			}
			go v.pass(out, in)
			go v.pass(in, out)
		}
	}()
	return v
}

// pass copies one way until either end is closed.
func (v *valve) pass(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		v.Lock()
		_, werr := to.Write(buf[:n])
		v.Unlock()
		if err != nil || werr != nil {
			return
		}
	}
}

// call is a call of the HTTP API. It gives the answer, whatever it is.
func (p *platform) call(token, method, path, body string) string {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
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
	log   *lockedBuffer
	lines chan string // closed when it tells no more
	seen  map[string]bool
}

func (p *platform) watch(query string, args ...string) *watching {
	p.t.Helper()
	w := &watching{t: p.t, log: &lockedBuffer{}, lines: make(chan string, 100), seen: map[string]bool{}}
	w.cmd = exec.Command(program(p.t, "cybexp"), append([]string{"watch", query, "-o", "ndjson", "--server", p.url, "--data", p.data}, args...)...)
	w.cmd.Stderr = w.log
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
