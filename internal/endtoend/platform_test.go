package endtoend_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	startLimit = 90 * time.Second // a loaded machine may take long to start a database
	stopLimit  = 10 * time.Second // what the platform promises
)

// program is the path of a built program.
func program(t testing.TB, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "bin", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: run make build", err)
	}
	return path
}

// platform is a running `cybexp up`, or a web of which it is a part.
type platform struct {
	t    testing.TB
	web  *role    // of a split deployment
	args []string // of every client command
	data string
	url  string
	cmd  *exec.Cmd
	log  *lockedBuffer
	done chan error
}

// lockedBuffer collects a process's messages while a test may read them.
type lockedBuffer struct {
	mu sync.Mutex

	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// up starts a platform on a data folder and waits for its ready line. It is killed at the end of the test, if it still runs.
func up(t testing.TB, data string, args ...string) *platform {
	t.Helper()
	p := &platform{t: t, data: data, log: &lockedBuffer{}, done: make(chan error, 1)}
	p.cmd = exec.Command(program(t, "cybexp"),
		append([]string{"up", "--data", data, "--listen", "127.0.0.1:0", "--dgraph-offset", "auto"}, args...)...)
	p.cmd.Stderr = p.log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.kill() })
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(out).ReadString('\n') // no line at all is told below
		line <- text
		_, _ = io.Copy(io.Discard, out)
		p.done <- p.cmd.Wait()
	}()
	select {
	case text := <-line:
		url, ok := strings.CutPrefix(strings.TrimSpace(text), "ready ")
		if !ok {
			t.Fatalf("up printed %q instead of a ready line\n%s", text, p.log)
		}
		p.url = url
	case <-time.After(startLimit):
		t.Fatalf("not ready after %s\n%s", startLimit, p.log)
	}
	return p
}

// kill ends the process at once and waits for it.
func (p *platform) kill() {
	if p.done == nil {
		return
	}
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.done
	p.done = nil
}

// stop asks the process to end and fails the test when it takes longer than is promised or ends badly.
func (p *platform) stop() time.Duration {
	p.t.Helper()
	begun := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	select {
	case err := <-p.done:
		p.done = nil
		if err != nil {
			p.t.Fatalf("stopped with %v\n%s", err, p.log)
		}
	case <-time.After(stopLimit):
		p.t.Fatalf("still running %s after SIGTERM\n%s", stopLimit, p.log)
	}
	return time.Since(begun)
}

// child finds the process of a Dgraph role among the platform's children.
func (p *platform) child(role string) int {
	p.t.Helper()
	pid, err := findChild(p.cmd.Process.Pid, role)
	if err != nil {
		p.t.Fatal(err)
	}
	return pid
}

func findChild(parent int, role string) (int, error) {
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
	if err != nil {
		return 0, err
	}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // the thread has ended
		}
		for _, word := range strings.Fields(string(text)) {
			cmdline, err := os.ReadFile("/proc/" + word + "/cmdline")
			if err != nil {
				continue
			}
			if args := strings.Split(string(cmdline), "\x00"); len(args) > 1 && args[1] == role {
				return strconv.Atoi(word)
			}
		}
	}
	return 0, fmt.Errorf("process %d has no child that runs dgraph %s", parent, role)
}

// result is what a command printed and how it ended.
type result struct {
	stdout, stderr string
	code           int
}

// cybexp runs a client command against the platform.
func (p *platform) cybexp(args ...string) result {
	p.t.Helper()
	return run(p.t, "", append(append(args, "--server", p.url, "--data", p.data), p.args...)...)
}

// run runs the program with text on standard input.
func run(t testing.TB, stdin string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(t, "cybexp"), args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("cybexp %s: %v", strings.Join(args, " "), err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// rows asks a query and returns its rows.
func (p *platform) rows(query string) []map[string]any {
	p.t.Helper()
	r := p.cybexp("query", query, "-o", "ndjson")
	if r.code != 0 {
		p.t.Fatalf("query %q ended with %d\n%s", query, r.code, r.stderr)
	}
	var rows []map[string]any
	for line := range strings.Lines(r.stdout) {
		var row map[string]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			p.t.Fatalf("row %q: %v", line, err)
		}
		rows = append(rows, row)
	}
	return rows
}

// count asks a query that counts.
func (p *platform) count(query string) int {
	p.t.Helper()
	rows := p.rows(query)
	if len(rows) != 1 {
		p.t.Fatalf("%q gave %d rows, want one count: %v", query, len(rows), rows)
	}
	n, ok := rows[0]["count"].(float64)
	if !ok {
		p.t.Fatalf("%q gave %v, want a count", query, rows[0])
	}
	return int(n)
}

// send uploads a file and waits until it is in the graph; it returns the account of its records.
func (p *platform) send(path, org string) map[string]any {
	p.t.Helper()
	r := p.cybexp("send", path, "--typetag", "cowrie", "--org", org, "--follow")
	if r.code != 0 {
		p.t.Fatalf("send %s ended with %d\n%s\n%s", path, r.code, r.stderr, p.log)
	}
	var status map[string]any
	if err := json.Unmarshal([]byte(r.stdout), &status); err != nil {
		p.t.Fatalf("send printed %q: %v", r.stdout, err)
	}
	return status
}

// eventually polls until check is true.
func eventually(t testing.TB, limit time.Duration, what string, check func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for tick := time.NewTicker(100 * time.Millisecond); ; <-tick.C {
		if check() {
			tick.Stop()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not so after %s", what, limit)
		}
	}
}
