package endtoend_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A storm is many uploads one after another, each from an address of its own, so that what became of each can be counted.
const (
	stormFiles = 12
	stormLines = 400
)

// stormFile writes one upload: login attempts in sessions of four.
func stormFile(t *testing.T, dir string, n int) string {
	t.Helper()
	var b strings.Builder
	for i := range stormLines {
		line, err := json.Marshal(map[string]any{
			"eventid": "cowrie.login.failed", "username": "root", "password": fmt.Sprintf("pass%d", i%50),
			"src_ip": stormAddress(n), "session": fmt.Sprintf("s%d-%d", n, i/4), "sensor": "sensor1",
			"timestamp": time.Date(2026, 1, 1+n, 0, 0, i, 0, time.UTC).Format(time.RFC3339Nano),
			"message":   "login attempt failed",
		})
		if err != nil {
			t.Fatal(err)
		}
		b.Write(line)
		b.WriteByte('\n')
	}
	path := filepath.Join(dir, fmt.Sprintf("storm%d.json", n))
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func stormAddress(n int) string { return fmt.Sprintf("198.51.100.%d", n+1) }

// storm sends the files one after another and reports which were accepted, until all are sent or the platform is gone.
func storm(p *platform, files []string, sent chan<- int) (accepted []int) {
	for n, path := range files {
		if r := p.cybexp("send", path, "--typetag", "cowrie", "--org", "demo"); r.code == 0 {
			accepted = append(accepted, n)
		}
		sent <- n
	}
	close(sent)
	return accepted
}

// checkStorm holds the graph to what was accepted: every such record exactly once.
func checkStorm(t *testing.T, p *platform, accepted []int) {
	t.Helper()
	if len(accepted) == 0 {
		t.Fatal("nothing was accepted: the test shows nothing")
	}
	for _, n := range accepted {
		query := "count ipv4 " + stormAddress(n)
		eventually(t, 60*time.Second, query, func() bool { return p.count(query) >= stormLines })
	}
	for _, n := range accepted {
		address := stormAddress(n)
		if got := p.count("count ipv4 " + address); got != stormLines {
			t.Errorf("%s has %d events, %d records were accepted", address, got, stormLines)
		}
		if got := p.count("ipv4 " + address + " | events | sessions | count"); got != stormLines/4 {
			t.Errorf("%s has %d sessions, want %d", address, got, stormLines/4)
		}
		if got := p.count("ipv4 " + address + " | events | raws | count"); got != stormLines {
			t.Errorf("%s has %d raws, want %d", address, got, stormLines)
		}
	}
}

// TestKillDuringUploads kills each part of the platform while uploads pour in.
func TestKillDuringUploads(t *testing.T) {
	t.Parallel()
	for _, victim := range []string{"cybexp", "alpha", "zero"} {
		t.Run(victim, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			var files []string
			for n := range stormFiles {
				files = append(files, stormFile(t, dir, n))
			}
			p := up(t, filepath.Join(dir, "data"))
			if r := p.cybexp("org", "create", "demo"); r.code != 0 {
				t.Fatal(r.stderr)
			}
			sent := make(chan int, stormFiles)
			result := make(chan []int, 1)
			go func() { result <- storm(p, files, sent) }()
			for n := range sent {
				if n == stormFiles/3 {
					killVictim(t, p, victim)
				}
			}
			accepted := <-result
			t.Logf("%d of %d uploads accepted", len(accepted), stormFiles)
			if victim == "cybexp" {
				p = up(t, p.data)
			}
			checkStorm(t, p, accepted)
			p.stop()
		})
	}
}

func killVictim(t *testing.T, p *platform, victim string) {
	t.Helper()
	if victim != "cybexp" {
		if err := syscall.Kill(p.child(victim), syscall.SIGKILL); err != nil {
			t.Error(err)
		}
		return
	}
	zero, alpha := p.child("zero"), p.child("alpha")
	p.kill()
	for _, pid := range []int{zero, alpha} {
		eventually(t, 5*time.Second, fmt.Sprintf("process %d ends with its parent", pid), func() bool { return !alive(pid) })
	}
}

// alive says whether a process runs; one that only waits to be reaped does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z")
}

// TestTermDuringUploads asks the platform to stop while uploads pour in: it is quick, and nothing accepted is lost.
func TestTermDuringUploads(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var files []string
	for n := range stormFiles {
		files = append(files, stormFile(t, dir, n))
	}
	p := up(t, filepath.Join(dir, "data"))
	if r := p.cybexp("org", "create", "demo"); r.code != 0 {
		t.Fatal(r.stderr)
	}
	sent := make(chan int, stormFiles)
	result := make(chan []int, 1)
	go func() { result <- storm(p, files, sent) }()
	for n := range sent {
		if n == stormFiles/3 {
			t.Logf("stopped in %s", p.stop())
		}
	}
	accepted := <-result
	p = up(t, p.data)
	checkStorm(t, p, accepted)
	p.stop()
}
