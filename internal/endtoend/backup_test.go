package endtoend_test

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/internal/testdgraph"
)

var received = regexp.MustCompile(`(?m)^received: .*\n`)

// dump reads all of a platform's graph, without the times at which raws came.
func dump(t *testing.T, http string) map[string]string {
	t.Helper()
	d := testdgraph.Dump(t, http)
	for hash, text := range d {
		d[hash] = received.ReplaceAllString(text, "")
	}
	return d
}

var alphaHTTP = regexp.MustCompile(`msg="dgraph is ready" .*http=(\S+)`)

// alphaHTTP is where the platform's own Dgraph answers.
func (p *platform) alphaHTTP() string {
	p.t.Helper()
	found := alphaHTTP.FindStringSubmatch(p.log.String())
	if found == nil {
		p.t.Fatalf("no address of Dgraph in\n%s", p.log)
	}
	return found[1]
}

// TestRestoredPlatformAnswersAlike backs a platform up while files are being sent to it, and makes others of the backup: one of its own, and one in servers.
// Each must have all that had been accepted when the backup began, in the graph or on its way there, and when the same files are sent to both, the same graph.
func TestRestoredPlatformAnswersAlike(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := up(t, filepath.Join(dir, "one"), "--demo")
	p.must("user", "create", "alice@example.org", "--no-password")
	p.must("org", "create", "acme")
	token := strings.TrimSpace(p.must("token", "create", "--user", "alice@example.org", "--label", "before"))
	files := make([]string, 6)
	for n := range files {
		files[n] = stormFile(t, dir, n)
	}
	const before = 3
	accepted := storm(p, files[:before], make(chan int, len(files)))
	meanwhile := make(chan []int)
	go func() { meanwhile <- storm(p, files[before:], make(chan int, len(files))) }()
	tar := filepath.Join(dir, "cybexp.tar")
	p.must("backup", tar)
	<-meanwhile
	if info, err := os.Stat(tar); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the backup is %v %v: its keys are for its owner only", info.Mode(), err)
	}

	data := filepath.Join(dir, "two")
	if r := run(t, "", "restore", tar, "--data", data, "--dgraph-offset", "auto"); r.code != 0 {
		t.Fatalf("restore ended with %d\n%s", r.code, r.stderr)
	}
	restored := up(t, data)
	checkStorm(t, restored, accepted)
	if text := restored.must("user", "self", "--token", token); !strings.Contains(text, "alice@example.org") {
		t.Errorf("a token of before signs in %s", text)
	}
	for _, list := range [][]string{{"user", "list"}, {"org", "list"}} {
		if diff := cmp.Diff(p.must(list...), restored.must(list...)); diff != "" {
			t.Errorf("%v: %s", list, diff)
		}
	}
	for _, q := range []*platform{p, restored} {
		for _, file := range files {
			q.send(file, "demo")
		}
	}
	want := dump(t, p.alphaHTTP())
	if diff := cmp.Diff(want, dump(t, restored.alphaHTTP())); diff != "" {
		t.Errorf("the graphs differ: %.4000s", diff)
	}
	if text := restored.must("doctor"); strings.Contains(text, "fail") || !strings.Contains(text, "events are what their hashes say") || !strings.Contains(text, "ok    layout") {
		t.Errorf("doctor says\n%s", text)
	}
	syslog, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer syslog.Close()
	_, port, _ := net.SplitHostPort(syslog.LocalAddr().String())
	restored.must("source", "add", "firewall", "--kind", "syslog", "--listen", "udp:"+port, "--org", "acme", "--typetag", "syslog")
	restored.stop()
	if mark, err := os.ReadFile(filepath.Join(data, "layout.json")); err != nil || !strings.Contains(string(mark), `"version":2,`) {
		t.Errorf("the restored folder is marked %s, %v", mark, err)
	}
	refusesToRestore(t, tar, data)
	taken := strings.TrimPrefix(p.url, "http://")
	r := run(t, "", "doctor", "--data", data, "--dgraph-offset", "auto", "--listen", taken, "--sources-listen", "127.0.0.1")
	for _, want := range []string{"fail  ports         listen tcp " + taken, "fail  ports         source firewall: listen udp 127.0.0.1:" + port, "no edge leads nowhere"} {
		if r.code != 1 || !strings.Contains(r.stdout, want) {
			t.Errorf("doctor of a stopped platform whose ports are taken ended with %d, and lacks %s\n%s%s", r.code, want, r.stdout, r.stderr)
		}
	}

	// The one that is stopped now is backed up from its folder, and goes to servers.
	tar = filepath.Join(dir, "stopped.tar")
	if r := run(t, "", "backup", tar, "--data", data, "--dgraph-offset", "auto"); r.code != 0 {
		t.Fatalf("backup of a stopped platform ended with %d\n%s", r.code, r.stderr)
	}
	alpha, nats := startDgraph(t, dir), startNATS(t, dir)
	shared := []string{"--dgraph", alpha.Target(), "--dgraph-http", alpha.HTTP(), "--nats", nats, "--data", filepath.Join(dir, "three")}
	if r := run(t, "", append([]string{"restore", tar, "--exchange", dir}, shared...)...); r.code != 0 {
		t.Fatalf("restore into servers ended with %d\n%s", r.code, r.stderr)
	}
	if diff := cmp.Diff(want, dump(t, alpha.HTTP())); diff != "" {
		t.Errorf("the graphs differ: %.4000s", diff)
	}
	web := startWeb(t, filepath.Join(dir, "three"), shared)
	if diff := cmp.Diff(p.must("user", "list"), web.must("user", "list")); diff != "" {
		t.Errorf("users: %s", diff)
	}
}

// refusesToRestore holds that a restore hurts nothing that is there.
func refusesToRestore(t *testing.T, tar, data string) {
	t.Helper()
	r := run(t, "", "restore", tar, "--data", data)
	if r.code != 1 || !strings.Contains(r.stderr, "restore into an empty data folder") {
		t.Errorf("restore over a platform ended with %d\n%s", r.code, r.stderr)
	}
	text, err := os.ReadFile(tar)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	hurt, empty := tar+".hurt", filepath.Join(filepath.Dir(data), "empty")
	if err := os.WriteFile(hurt, text, 0o600); err != nil {
		t.Fatal(err)
	}
	r = run(t, "", "restore", hurt, "--data", empty)
	if r.code != 1 || !strings.Contains(r.stderr, "the backup is damaged") {
		t.Errorf("restore of a damaged backup ended with %d\n%s", r.code, r.stderr)
	}
	if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
		t.Errorf("a restore that was refused left %v %v", left, err)
	}
}
