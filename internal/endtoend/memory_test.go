package endtoend_test

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// maxResident is how much memory the cybexp process may take, in KiB, however long an upload is.
const maxResident = 200 << 10

// TestUploadInBoundedMemory streams an upload of CYBEXP_UPLOAD_MIB (64 unless it is set; 1024 is what is promised) to a platform and holds
// the peak of its resident memory to what is promised.
func TestUploadInBoundedMemory(t *testing.T) {
	mib, err := strconv.Atoi(cmp.Or(os.Getenv("CYBEXP_UPLOAD_MIB"), "64"))
	if err != nil {
		t.Fatal(err)
	}
	p := up(t, filepath.Join(t.TempDir(), "data"), "--min-free", "1")
	if r := p.cybexp("org", "create", "demo"); r.code != 0 {
		t.Fatal(r.stderr)
	}
	token, err := os.ReadFile(filepath.Join(p.data, "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, p.url+"/api/v1/raw?typetag=cowrie&org=demo", &logins{left: int64(mib) << 20})
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(resp.Body)
	peak := resident(t, p.cmd.Process.Pid)
	t.Logf("%d MiB of NDJSON: %s; peak of resident memory %d MiB", mib, answer, peak>>10)
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("got %s %s", resp.Status, answer)
	}
	if peak > maxResident {
		t.Errorf("the process had %d KiB in memory, more than %d", peak, maxResident)
	}
	p.kill() // what waits in the lake is not what is measured
}

// resident is the peak of a process's resident memory in KiB.
func resident(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
			if err != nil {
				t.Fatal(err)
			}
			return kib
		}
	}
	t.Fatal("the system does not tell")
	return 0
}

// logins gives login attempts, one a line, until so many bytes are through.
type logins struct {
	left int64
	n    int
	rest []byte
}

func (l *logins) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		if l.left <= 0 {
			return 0, io.EOF
		}
		l.n++
		l.rest = fmt.Appendf(nil, `{"eventid":"cowrie.login.failed","username":"root","password":"p%d","session":"s%d","sensor":"x",`+
			`"src_ip":"192.0.2.%d","src_port":%d,"dst_port":22,"protocol":"ssh","timestamp":"2024-01-01T00:00:00.%06dZ"}`+"\n",
			l.n%100, l.n/10, l.n%250, 1024+l.n%60000, l.n%1_000_000)
		l.left -= int64(len(l.rest))
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}
