package endtoend_test

import (
	"bufio"
	"context"
	"log/slog"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/cybexp/cybexp/graph/dgraphd"
)

// startWeb starts the role that answers, and waits until it does.
func startWeb(t *testing.T, data string, args []string) *platform {
	t.Helper()
	web := startRole(t, append([]string{"web", "--listen", "127.0.0.1:0"}, args...))
	line, err := bufio.NewReader(web.out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if err != nil || !ok {
		t.Fatalf("web printed %q, %v\n%s", line, err, web.log)
	}
	return &platform{t: t, data: data, url: url, log: web.log, web: web}
}

func startDgraph(t *testing.T, dir string) *dgraphd.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	s, err := dgraphd.Start(ctx, dgraphd.Config{
		Bin: program(t, "dgraph"), Dir: filepath.Join(dir, "dgraph"), Offset: dgraphd.AutoOffset, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func startNATS(t *testing.T, dir string) string {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: filepath.Join(dir, "nats"), SyncAlways: true, MaxPayload: 8 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("nats is not ready")
	}
	return s.ClientURL()
}

// role is a running process of the split deployment.
type role struct {
	cmd *exec.Cmd
	out interface{ Read([]byte) (int, error) }
	log *lockedBuffer
}

func startRole(t *testing.T, args []string) *role {
	t.Helper()
	r := &role{cmd: exec.Command(program(t, "cybexp"), args...), log: &lockedBuffer{}}
	r.cmd.Stderr = r.log
	var err error
	if r.out, err = r.cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.cmd.Process.Kill() }) // it has stopped, if all went well
	return r
}
