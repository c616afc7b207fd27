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
	"time"

	"github.com/cybexp/cybexp/ingest"
)

// maxResident is how much memory the cybexp process may take, in KiB, however long an upload is.
const maxResident = 200 << 10

// waiting is how old what lies in the lake gets before the upload: the embedded bus keeps what it used within ten seconds, and what is older is
// handled in another way (see gather.go of package bus).
const waiting = 11 * time.Second

// TestUploadInBoundedMemory streams an upload of CYBEXP_UPLOAD_MIB (256 unless it is set) to a platform that has work waiting, and holds
// the peak of its resident memory to what is promised.
func TestUploadInBoundedMemory(t *testing.T) {
	size, peak, took := uploadMemory(t)
	t.Logf("%d MiB of NDJSON in %s; peak of resident memory %d MiB", size>>20, took, peak>>10)
	if peak > maxResident {
		t.Errorf("the process had %d KiB in memory, more than %d", peak, maxResident)
	}
}

// BenchmarkUpload measures the same: until all of the upload is on disk.
func BenchmarkUpload(b *testing.B) {
	for b.Loop() {
		size, peak, took := uploadMemory(b)
		b.ReportMetric(float64(size>>20)/took.Seconds(), "MiB/s")
		b.ReportMetric(float64(peak>>10), "RSS-MiB")
		b.ReportMetric(0, "ns/op")
	}
}

// uploadMemory uploads to a new platform, and gives the length of the upload, in bytes, the peak of the platform's memory, in KiB, and how
// long it took until all was on disk.
func uploadMemory(t testing.TB) (size int64, peak int, took time.Duration) {
	t.Helper()
	mib, err := strconv.Atoi(cmp.Or(os.Getenv("CYBEXP_UPLOAD_MIB"), "256"))
	if err != nil {
		t.Fatal(err)
	}
	p := up(t, filepath.Join(t.TempDir(), "data"), "--min-free", "1")
	if r := p.cybexp("org", "create", "demo"); r.code != 0 {
		t.Fatal(r.stderr)
	}
	var receipt ingest.Receipt
	p.client().call(http.MethodPost, "/raw?typetag=cowrie&org=demo", &logins{left: 16 << 20}, &receipt)
	time.Sleep(waiting)
	size = int64(mib) << 20
	begun := time.Now()
	p.client().call(http.MethodPost, "/raw?typetag=cowrie&org=demo", &logins{left: size}, &receipt)
	took = time.Since(begun)
	if receipt.Bytes < size {
		t.Errorf("%d bytes of %d were taken: %+v", receipt.Bytes, size, receipt)
	}
	peak = resident(t, p.cmd.Process.Pid)
	p.kill() // what waits in the lake is not what is measured
	return size, peak, took
}

// resident is the peak of a process's resident memory in KiB.
func resident(t testing.TB, pid int) int {
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
