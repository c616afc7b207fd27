package endtoend_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// machine is a systemd of its own over a copy-on-write view of this machine, with a network of its own.
type machine struct {
	t    *testing.T
	root string // where its files are seen, from its own mount namespace only
	pid  int    // of its PID 1, as seen from here
}

// bootMachine starts one. It is gone, with all that it wrote, at the end of the test.
func bootMachine(t *testing.T) *machine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make namespaces and an overlay")
	}
	view := t.TempDir()
	boot, err := filepath.Abs("testdata/boot.sh")
	if err != nil {
		t.Fatal(err)
	}
	console := &lockedBuffer{}
	cmd := exec.Command("unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--uts", "--ipc", "--net", "bash", boot, view)
	cmd.Stdout, cmd.Stderr = console, console
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // and with it, its child: PID 1, and so everything inside
		_ = cmd.Wait()         // says that it was killed
		if t.Failed() {
			t.Logf("console:\n%s", console)
		}
	})
	m := &machine{t: t, root: filepath.Join(view, "root")}
	m.await("PID 1", func() bool { m.pid = childOf(cmd.Process.Pid); return m.pid != 0 })
	m.await("systemd", func() bool {
		out, _ := m.command("systemctl", "is-active", "basic.target").Output() // fails until it is
		return strings.TrimSpace(string(out)) == "active"
	})
	return m
}

func (m *machine) await(what string, ready func() bool) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), startLimit)
	defer cancel()
	for !ready() {
		select {
		case <-ctx.Done():
			m.t.Fatalf("no %s after %s", what, startLimit)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func childOf(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return 0
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return child
}

// command is a command inside, as root.
func (m *machine) command(args ...string) *exec.Cmd {
	target := strconv.Itoa(m.pid)
	cmd := exec.Command("nsenter", append([]string{"--target", target, "--mount", "--pid", "--uts", "--ipc", "--net", "--root", "--wdns=/"}, args...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "HOME=/root"}
	return cmd
}

// run runs a command inside, which must succeed, and gives what it printed.
func (m *machine) run(args ...string) string {
	m.t.Helper()
	var out bytes.Buffer
	cmd := m.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		m.t.Fatalf("%s: %v\n%s\n%s", strings.Join(args, " "), err, out.String(), m.journal())
	}
	return out.String()
}

func (m *machine) journal() string {
	out, _ := m.command("journalctl", "--no-pager", "--lines=60").CombinedOutput() // is only shown
	return string(out)
}

// put copies a file inside.
func (m *machine) put(from, to string) {
	m.t.Helper()
	f, err := os.Open(from)
	if err != nil {
		m.t.Fatal(err)
	}
	defer f.Close()
	cmd := m.command("tee", to)
	cmd.Stdin, cmd.Stdout = f, nil
	if err := cmd.Run(); err != nil {
		m.t.Fatalf("copy to %s: %v", to, err)
	}
}

// debPackage is the package that make deb built last.
func debPackage(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob("../../dist/cybexp_*.deb")
	if err != nil || len(found) != 1 {
		t.Fatalf("one package in dist, please, not %v: run make deb", found)
	}
	return found[0]
}

// TestDebianPackage installs the package on a machine that runs systemd, does the main job there as a service, and purges it.
func TestDebianPackage(t *testing.T) {
	deb := debPackage(t)
	m := bootMachine(t)
	before := m.named()
	m.put(deb, "/root/cybexp.deb")
	m.put(filepath.Join("..", "..", "cmd", "cybexp", "demo", "cowrie.json"), "/root/cowrie.json")

	if said := m.run("dpkg", "--install", "/root/cybexp.deb"); !strings.Contains(said, "systemctl enable --now cybexp") {
		t.Errorf("the installation does not say how to go on:\n%s", said)
	}
	m.run("systemd-analyze", "verify", "cybexp.service", "cybexp-web.service", "cybexp-ingest.service", "cybexp-reportd@1.service",
		"cybexp-zero.service", "cybexp-alpha.service")
	for _, unit := range []string{"cybexp", "cybexp-web", "cybexp-ingest", "cybexp-reportd@1", "cybexp-zero", "cybexp-alpha"} {
		if got := m.exposure(unit); got >= 2.0 {
			t.Errorf("systemd-analyze security %s: %.1f, not below 2.0", unit, got)
		}
	}
	m.run("bash", "-c", "source /usr/share/bash-completion/completions/cybexp && complete -p cybexp")
	m.run("man", "--where", "cybexp-query")

	m.run("systemctl", "enable", "--now", "cybexp") // comes back when the platform answers
	cybexp := func(args ...string) string {
		return m.run(append(append([]string{"cybexp"}, args...), "--data", "/var/lib/cybexp")...)
	}
	cybexp("org", "create", "acme")
	cybexp("send", "/root/cowrie.json", "--typetag", "cowrie", "--org", "acme", "--follow")
	const question = "events | count"
	count := cybexp("query", question, "-o", "csv")
	if !regexp.MustCompile(`(?m)^[1-9][0-9]*\r?$`).MatchString(count) {
		t.Errorf("%s: %q", question, count)
	}
	m.run("systemctl", "restart", "cybexp")
	if again := cybexp("query", question, "-o", "csv"); again != count {
		t.Errorf("after a restart %q, before %q", again, count)
	}
	if owner := strings.TrimSpace(m.run("stat", "--format=%U %a", "/var/lib/cybexp")); owner != "cybexp 700" {
		t.Errorf("the data folder is of %s", owner)
	}

	m.run("systemctl", "stop", "cybexp")
	if said, err := m.command("cybexp", "doctor", "--data", "/var/lib/cybexp").Output(); err == nil || !strings.Contains(string(said), "sudo -u 'cybexp'") {
		t.Errorf("root looks into the folder of a service that is stopped: %v\n%s", err, said)
	}
	if said := m.run("runuser", "--user", "cybexp", "--", "cybexp", "doctor", "--data", "/var/lib/cybexp"); !strings.Contains(said, "ok    graph") {
		t.Errorf("the service's user sees\n%s", said)
	}

	m.run("dpkg", "--remove", "cybexp")
	m.run("test", "-d", "/var/lib/cybexp/keys") // what was stored outlives the program
	if state, _ := m.command("pgrep", "--count", "cybexp|dgraph").Output(); strings.TrimSpace(string(state)) != "0" {
		t.Errorf("%s processes outlive the package", strings.TrimSpace(string(state)))
	}
	m.run("dpkg", "--purge", "cybexp")
	if after := m.named(); after != before {
		t.Errorf("the purged package leaves:\n%s\nbefore it:\n%s", after, before)
	}
}

// named lists the files, users and units inside that are called cybexp, but for what the test itself brought and the cache of man.
func (m *machine) named() string {
	m.t.Helper()
	return m.run("sh", "-c", `find /etc /usr /var /run -xdev -path /var/cache/man -prune -o -name '*cybexp*' -print | sort; getent passwd cybexp; getent group cybexp;
		systemctl list-unit-files 'cybexp*' --no-legend; true`)
}

// exposure is systemd's judgement of a service's hardening, from 0 (good) to 10.
func (m *machine) exposure(unit string) float64 {
	m.t.Helper()
	out := m.run("systemd-analyze", "security", "--no-pager", unit+".service")
	found := regexp.MustCompile(`exposure level for \S+: ([0-9.]+)`).FindStringSubmatch(out)
	if found == nil {
		m.t.Fatalf("systemd-analyze security %s says:\n%s", unit, out)
	}
	level, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		m.t.Fatal(err)
	}
	return level
}
