package endtoend_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"golang.org/x/sync/errgroup"

	"github.com/cybexp/cybexp/graph/dgraphd"
	"github.com/cybexp/cybexp/internal/testdeploy"
)

// deployment runs what a compose file describes, without containers: the same programs with the same commands, environment and files. Only
// addresses are others, since all share this machine's loopback: each process has an offset that is added to its ports. Volumes are folders.
type deployment struct {
	t       *testing.T
	project *types.Project
	dir     string
	entries map[string]string     // program by build target
	running map[string][]*replica // by service
}

// replica is one process of a service, and those that took its place after it.
type replica struct {
	d       *deployment
	service types.ServiceConfig
	name    string
	offset  int
	dir     string
	log     *lockedBuffer

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{}
	down   bool // on purpose
}

// notRun are services whose programs are not of this repository.
var notRun = []string{"ratel"}

// plan reads a deployment, and starts nothing yet.
func plan(t *testing.T, name string, env ...string) *deployment {
	t.Helper()
	d := &deployment{t: t, project: testdeploy.Load(t, name, env...), dir: t.TempDir(), entries: entryPoints(t), running: map[string][]*replica{}}
	for name, s := range d.project.Services {
		if slices.Contains(notRun, name) {
			continue
		}
		for n := range s.GetScale() {
			d.running[name] = append(d.running[name], d.replica(s, n+1))
		}
	}
	return d
}

// deploy starts the services in the order in which they depend on each other, and waits until all are healthy.
func deploy(t *testing.T, name string, env ...string) *deployment {
	t.Helper()
	d := plan(t, name, env...)
	t.Cleanup(func() {
		if t.Failed() {
			d.tell()
		}
	})
	healthy := map[string]chan struct{}{}
	for name := range d.running {
		healthy[name] = make(chan struct{})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*startLimit)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	for name, replicas := range d.running {
		g.Go(func() error {
			for other := range replicas[0].service.DependsOn {
				select {
				case <-healthy[other]:
				case <-ctx.Done():
					return fmt.Errorf("%s waits for %s: %w", name, other, ctx.Err())
				}
			}
			if err := startAll(ctx, replicas); err != nil {
				return err
			}
			close(healthy[name])
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	return d
}

func startAll(ctx context.Context, replicas []*replica) error {
	for _, r := range replicas {
		if err := r.start(); err != nil {
			return err
		}
	}
	for _, r := range replicas {
		if err := r.awaitHealthy(ctx); err != nil {
			return err
		}
	}
	return nil
}

// entryPoints reads the Dockerfile.
func entryPoints(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	entries := map[string]string{}
	for _, m := range regexp.MustCompile(`(?ms)^FROM \S+ AS (\w+)$[^"]*?^ENTRYPOINT \["([^"]+)"\]$`).FindAllStringSubmatch(string(text), -1) {
		entries[m[1]] = m[2]
	}
	return entries
}

func (d *deployment) replica(s types.ServiceConfig, n int) *replica {
	d.t.Helper()
	r := &replica{d: d, service: s, name: fmt.Sprintf("%s.%d", s.Name, n), log: &lockedBuffer{}}
	offset, guard, err := d.freeOffset()
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = guard.Close() })
	r.offset, r.dir = offset, filepath.Join(d.dir, r.name)
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		d.t.Fatal(err)
	}
	return r
}

// usedPorts are those that services have, and that by which an offset is kept from others.
var usedPorts = []int{4080, 4222, 5080, 6080, 6222, 7080, 8080, 8090, 8222, 9080, 9099}

func (d *deployment) freeOffset() (offset int, guard net.Listener, err error) {
	for range 100 {
		if offset, guard, err = dgraphd.FreeOffset(); err != nil || d.fits(offset) {
			return offset, guard, err
		}
		_ = guard.Close()
	}
	return 0, nil, errors.New("no offset is free")
}

// fits tells whether no other replica will use one of the ports, and nobody does now.
func (d *deployment) fits(offset int) bool {
	for _, replicas := range d.running {
		for _, r := range replicas {
			for _, port := range usedPorts {
				if slices.Contains(usedPorts, port+offset-r.offset) {
					return false
				}
			}
		}
	}
	for _, port := range usedPorts[1:] {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+offset))
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
}

var address = regexp.MustCompile(`\b([a-z][a-z0-9]*|0\.0\.0\.0|127\.0\.0\.1):(\d{4,5})\b`)

// here turns a text of the compose file into one for this machine: addresses, paths and programs.
func (r *replica) here(text string) string {
	text = address.ReplaceAllStringFunc(text, func(found string) string {
		host, port, _ := strings.Cut(found, ":")
		n, err := strconv.Atoi(port)
		to := r
		if other := r.d.running[host]; other != nil {
			to = other[0]
		} else if host[0] > '9' || err != nil {
			return found
		}
		return fmt.Sprintf("127.0.0.1:%d", n+to.offset)
	})
	for inside, outside := range r.paths() {
		text = regexp.MustCompile(`(^|[^\w/.])`+regexp.QuoteMeta(inside)+`\b`).ReplaceAllString(text, "${1}"+outside)
	}
	return text
}

// paths are the folders and files that a container would see, and where they are.
func (r *replica) paths() map[string]string {
	at := map[string]string{}
	for _, v := range r.service.Volumes {
		at[v.Target] = v.Source
		if v.Type == types.VolumeTypeVolume {
			at[v.Target] = filepath.Join(r.d.dir, "volumes", v.Source)
		}
	}
	for _, c := range r.service.Configs {
		at[c.Target] = filepath.Join(r.dir, path.Base(c.Target))
	}
	return at
}

// prepare makes the folders of volumes and the files of configs.
func (r *replica) prepare() error {
	var errs []error
	for _, v := range r.service.Volumes {
		if v.Type == types.VolumeTypeVolume {
			errs = append(errs, os.MkdirAll(r.paths()[v.Target], 0o700))
		}
	}
	for _, c := range r.service.Configs {
		errs = append(errs, os.WriteFile(r.paths()[c.Target], []byte(r.here(r.d.project.Configs[c.Source].Content)), 0o600))
	}
	return errors.Join(errs...)
}

// command is a command of the compose file, for this machine.
func (r *replica) command(ctx context.Context, args []string) *exec.Cmd {
	for i, arg := range args {
		args[i] = r.here(arg)
	}
	cmd := exec.CommandContext(ctx, program(r.d.t, path.Base(args[0])), args[1:]...)
	cmd.Dir = r.dir
	cmd.Env = []string{"HOME=" + r.dir, "TMPDIR=" + r.dir}
	for name, value := range r.service.Environment {
		if value != nil {
			cmd.Env = append(cmd.Env, name+"="+r.here(*value))
		}
	}
	cmd.Stdout, cmd.Stderr = r.log, r.log
	return cmd
}

// start runs the process, and does what the restart rule says when it ends by itself.
func (r *replica) start() error {
	if err := r.prepare(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	args := append([]string{r.d.entries[r.service.Build.Target]}, r.service.Command...)
	if r.service.Build.Target == "dgraph" {
		args = append(args, "--bindall=false", "--port_offset", strconv.Itoa(r.offset))
	}
	cmd, exited := r.command(context.Background(), args), make(chan struct{})
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	r.cmd, r.exited, r.down = cmd, exited, false
	r.d.t.Cleanup(r.kill)
	go func() {
		err := cmd.Wait()
		close(exited)
		r.mu.Lock()
		down := r.down
		r.mu.Unlock()
		if !down {
			fmt.Fprintf(r.log, "%s ended by itself: %v\n", r.name, err)
			time.Sleep(100 * time.Millisecond) // as Docker does before it starts again
			if err := r.start(); err != nil {
				fmt.Fprintln(r.log, err)
			}
		}
	}()
	return nil
}

// kill ends the process at once, and it stays away.
func (r *replica) kill() {
	r.mu.Lock()
	r.down = true
	cmd, exited := r.cmd, r.exited
	r.mu.Unlock()
	_ = cmd.Process.Kill() // it may have ended already
	<-exited
}

// stop ends the process as an operator does, and holds it to doing so in time.
func (r *replica) stop() {
	r.d.t.Helper()
	r.mu.Lock()
	r.down = true
	cmd, exited := r.cmd, r.exited
	r.mu.Unlock()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		r.d.t.Fatal(err)
	}
	select {
	case <-exited:
	case <-time.After(stopLimit):
		r.d.t.Errorf("%s took longer than %s to stop", r.name, stopLimit)
		return
	}
	if code := cmd.ProcessState.ExitCode(); code != 0 {
		r.d.t.Errorf("%s stopped with %d\n%s", r.name, code, r.log)
	}
}

// signal sends the process a signal after which it goes on.
func (r *replica) signal(sig syscall.Signal) {
	r.d.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.cmd.Process.Signal(sig); err != nil {
		r.d.t.Fatal(err)
	}
}

// awaitLog waits until the process has said something.
func (r *replica) awaitLog(text string) {
	r.d.t.Helper()
	eventually(r.d.t, startLimit, r.name+" says "+strconv.Quote(text), func() bool { return strings.Contains(r.log.String(), text) })
}

// awaitHealthy asks as the file says.
func (r *replica) awaitHealthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	var out []byte
	for tick := time.NewTicker(250 * time.Millisecond); ; {
		cmd := r.command(ctx, slices.Clone(r.service.HealthCheck.Test[1:]))
		cmd.Stdout, cmd.Stderr = nil, nil
		text, err := cmd.CombinedOutput()
		if err == nil {
			tick.Stop()
			return nil
		}
		if ctx.Err() == nil {
			out = text
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%s is not healthy: %w\n%s", r.name, ctx.Err(), out)
		}
	}
}

// exec runs a command as docker compose exec does, in the first process of a service, and returns what it prints.
func (d *deployment) exec(service string, args ...string) string {
	d.t.Helper()
	cmd := d.running[service][0].command(d.t.Context(), args)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		d.t.Fatalf("%s: %v\n%s\n%s", args, err, stdout.String()[:min(stdout.Len(), 4000)], &stderr)
	}
	return stdout.String()
}

// platform is the deployment as the clients of one of its webs see it.
func (d *deployment) platform(web int, scheme string) *platform {
	r := d.running["web"][web]
	return &platform{t: d.t, data: r.paths()["/data"], url: fmt.Sprintf("%s://127.0.0.1:%d", scheme, 8090+r.offset), log: r.log}
}

// port is where a port of a service's first process is.
func (d *deployment) port(service string, port int) string {
	return fmt.Sprintf("127.0.0.1:%d", port+d.running[service][0].offset)
}

// tell shows the ends of all logs, after a failure.
func (d *deployment) tell() {
	for _, replicas := range d.running {
		for _, r := range replicas {
			text := r.log.String()
			d.t.Logf("%s:\n%s", r.name, text[max(0, len(text)-4000):])
		}
	}
}

// fetchText gets a page of a server that asks nothing of who asks.
func fetchText(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
