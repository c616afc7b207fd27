package endtoend_test

import (
	"bytes"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestSendWaitsWhileTheServerIsFull sends to a platform that nobody works for: it says so, with 429, `cybexp send` waits, and goes on by
// itself once there is a worker.
func TestSendWaitsWhileTheServerIsFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	alpha, nats := startDgraph(t, dir), startNATS(t, dir)
	data := filepath.Join(dir, "keys")
	shared := []string{"--data", data, "--dgraph", alpha.Target(), "--dgraph-http", alpha.HTTP(), "--nats", nats}
	p := startWeb(t, data, append([]string{"--max-backlog-age", "1ms"}, shared...))
	p.must("org", "create", "demo")
	p.must("send", stormFile(t, dir, 0), "--typetag", "cowrie", "--org", "demo")

	resp, err := http.DefaultClient.Do(p.client().request(http.MethodPost, "/raw?typetag=cowrie&org=demo", strings.NewReader("{}")))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	if wait, err := strconv.Atoi(resp.Header.Get("Retry-After")); err != nil || wait < 1 || resp.StatusCode != http.StatusTooManyRequests {
		t.Fatalf("got %s, Retry-After %q, %s", resp.Status, resp.Header.Get("Retry-After"), text)
	}

	var stdout bytes.Buffer
	said := &lockedBuffer{}
	cmd := exec.Command(program(t, "cybexp"), "send", stormFile(t, dir, 1), "--typetag", "cowrie", "--org", "demo", "--follow", "--server", p.url, "--data", data)
	cmd.Stdout, cmd.Stderr = &stdout, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended, if all went well
	eventually(t, time.Minute, "it waits", func() bool { return strings.Contains(said.String(), "Waiting.") })
	startRole(t, append([]string{"ingest"}, shared...))
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if !strings.Contains(said.String(), "400 of 400 records mapped to 400 events") || !strings.Contains(stdout.String(), `"mapped":400`) {
		t.Errorf("it said\n%s\nand printed\n%s", said, stdout.String())
	}
}
