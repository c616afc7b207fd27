package dgraphd_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cybexp/cybexp/graph/dgraphd"
)

const bin = "../../bin/dgraph"

// helperEnv makes this test binary a parent that starts a Dgraph in the folder, prints where it is, and waits to be killed.
const helperEnv = "DGRAPHD_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperEnv); dir != "" {
		os.Exit(parent(dir))
	}
	os.Exit(m.Run())
}

func parent(dir string) int {
	s, err := dgraphd.Start(context.Background(), config(dir))
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	zero, alpha := s.PIDs()
	fmt.Println("ready", zero, alpha, s.HTTP())
	s.Wait()
	return 0
}

func config(dir string) dgraphd.Config {
	return dgraphd.Config{Bin: bin, Dir: dir, Offset: dgraphd.AutoOffset, MemoryMiB: 600}
}

func start(t *testing.T, dir string) *dgraphd.Server {
	t.Helper()
	s, err := dgraphd.Start(t.Context(), config(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func TestDataOutlivesStopAndStart(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	put(t, s.HTTP(), "one")
	began := time.Now()
	s.Stop()
	if d := time.Since(began); d > 8*time.Second {
		t.Errorf("Stop took %v", d)
	}
	if err := s.Wait(); err != nil {
		t.Errorf("Wait after Stop: %v", err)
	}
	s = start(t, dir)
	wantNames(t, s.HTTP(), "one")
}

func TestKilledChildrenComeBack(t *testing.T) {
	s := start(t, t.TempDir())
	put(t, s.HTTP(), "one")
	zero, alpha := s.PIDs()

	kill(t, alpha)
	eventually(t, "a new alpha", func() bool { _, pid := s.PIDs(); return pid != 0 && pid != alpha })
	wantNames(t, s.HTTP(), "one")
	put(t, s.HTTP(), "two")

	kill(t, zero)
	eventually(t, "a new zero", func() bool { pid, _ := s.PIDs(); return pid != 0 && pid != zero })
	put(t, s.HTTP(), "three")
	wantNames(t, s.HTTP(), "one", "three", "two")
}

func TestFolderInUseIsRefused(t *testing.T) {
	dir := t.TempDir()
	start(t, dir)
	_, err := dgraphd.Start(t.Context(), config(dir))
	if !errors.Is(err, dgraphd.ErrFolderInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v, want ErrFolderInUse naming %s", err, dir)
	}
}

func TestTakenPortIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	c := config(t.TempDir())
	c.Offset = port - 9080
	_, err = dgraphd.Start(t.Context(), c)
	if !errors.Is(err, dgraphd.ErrPortTaken) || !strings.Contains(err.Error(), strconv.Itoa(port)) ||
		!strings.Contains(err.Error(), "--dgraph-offset") {
		t.Errorf("got %v, want ErrPortTaken naming port %d and --dgraph-offset", err, port)
	}
}

func TestBrokenFolderEndsStartWithTheLog(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "zw"), []byte("not a folder"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := dgraphd.Start(t.Context(), config(dir))
	if err == nil || !strings.Contains(err.Error(), "zero.log") {
		t.Errorf("got %v, want the end of zero.log", err)
	}
}

func TestMissingProgramIsNamed(t *testing.T) {
	c := config(t.TempDir())
	c.Bin = filepath.Join(c.Dir, "none")
	_, err := dgraphd.Start(t.Context(), c)
	if err == nil || !strings.Contains(err.Error(), "make build") {
		t.Errorf("got %v, want a hint at make build", err)
	}
}

// A parent that is killed takes its children along, and what was acknowledged before is there when the folder is next used.
func TestKilledParentLeavesNoOrphansAndNoLoss(t *testing.T) {
	dir := t.TempDir()
	p, alphaHTTP, children := startParent(t, dir)
	put(t, alphaHTTP, "one")
	p.Process.Kill()
	p.Wait()

	s := start(t, dir) // at once: the children may still be dying
	for _, pid := range children {
		if isDgraph(pid) {
			t.Errorf("child %d outlives its parent", pid)
		}
	}
	wantNames(t, s.HTTP(), "one")
}

func TestAllKilledAtOnceLosesNothing(t *testing.T) {
	dir := t.TempDir()
	p, alphaHTTP, children := startParent(t, dir)
	for i := range 20 {
		put(t, alphaHTTP, fmt.Sprintf("n%02d", i))
	}
	for _, pid := range append(children, p.Process.Pid) {
		kill(t, pid)
	}
	p.Wait()
	s := start(t, dir)
	if got := names(t, s.HTTP()); len(got) != 20 {
		t.Errorf("got %d names after the kill, want 20: %v", len(got), got)
	}
}

func startParent(t *testing.T, dir string) (p *exec.Cmd, alphaHTTP string, children []int) {
	t.Helper()
	p = exec.Command(os.Args[0])
	p.Env = append(os.Environ(), helperEnv+"="+dir)
	p.Stderr = os.Stderr
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	var zero, alpha int
	if _, scanErr := fmt.Sscanf(line, "ready %d %d %s", &zero, &alpha, &alphaHTTP); err != nil || scanErr != nil {
		t.Fatalf("helper says %q (%v)", line, err)
	}
	return p, alphaHTTP, []int{zero, alpha}
}

// isDgraph tells whether pid is a live dgraph process, which a reused number or a zombie is not.
func isDgraph(pid int) bool {
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && strings.Contains(string(cmdline), bin)
}

func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Fatalf("kill %d: %v", pid, err)
	}
}

func put(t *testing.T, base, name string) {
	t.Helper()
	eventually(t, "write "+name, func() bool {
		_, err := post(base+"/mutate?commitNow=true", "application/rdf",
			fmt.Sprintf("{ set {\n_:x <name> %q .\n_:x <dgraph.type> \"Named\" .\n} }", name))
		return err == nil
	})
}

func wantNames(t *testing.T, base string, want ...string) {
	t.Helper()
	var got []string
	eventually(t, "names "+strings.Join(want, " "), func() bool {
		got = names(t, base)
		return strings.Join(got, " ") == strings.Join(want, " ")
	})
}

func names(t *testing.T, base string) []string {
	t.Helper()
	body := ""
	eventually(t, "an answer", func() (ok bool) {
		var err error
		body, err = post(base+"/query?ro=true", "application/dql", `{ q(func: type(Named)) { name } }`)
		return err == nil
	})
	var got []string
	for _, part := range strings.Split(body, `"name":"`)[1:] {
		name, _, _ := strings.Cut(part, `"`)
		got = append(got, name)
	}
	slices.Sort(got)
	return slices.Compact(got) // a write whose answer was lost is there twice
}

func post(to, contentType, text string) (string, error) {
	client := http.Client{Timeout: 10 * time.Second}
	res, err := client.Post(to, contentType, strings.NewReader(text))
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && strings.Contains(string(body), `"errors"`) {
		err = fmt.Errorf("dgraph: %s", body)
	}
	return string(body), err
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline, tick := time.After(40*time.Second), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("no %s in 40 s", what)
		case <-tick.C:
		}
	}
}
