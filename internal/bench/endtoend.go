package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// endToEnd starts a platform of its own, uploads a made honeypot log and asks for it, all through the programs that
// people use.
func endToEnd(ctx context.Context, events int) (rows []row, err error) {
	dir, err := os.MkdirTemp("", "cybexp-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	log := filepath.Join(dir, "cowrie.json")
	if err := writeLog(log, 0, events); err != nil {
		return nil, err
	}
	p, err := start(ctx, filepath.Join(dir, "data"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	if _, err := p.run(ctx, "org", "create", "bench"); err != nil {
		return nil, err
	}

	begun := time.Now()
	if _, err := p.run(ctx, "send", log, "--typetag", "cowrie", "--org", "bench"); err != nil {
		return nil, err
	}
	accepted := time.Since(begun)
	if _, err := p.run(ctx, "send", log, "--typetag", "cowrie", "--org", "bench", "--follow"); err != nil {
		return nil, err
	}
	both := time.Since(begun)
	if err := p.verify(ctx, log); err != nil {
		return nil, err
	}
	stream, err := p.timeQuery(ctx, "events")
	if err != nil {
		return nil, err
	}
	return []row{
		{"end to end, upload accepted (sealed, on disk)", []figure{{float64(events) / accepted.Seconds(), "records/s"}}},
		{"end to end, the same log twice into the graph", []figure{{2 * float64(events) / both.Seconds(), "records/s"}}},
		{"end to end, all events through `cybexp query`", []figure{{float64(events) / stream.Seconds(), "rows/s"}}},
	}, nil
}

// writeLog makes n login attempts, those from number first on, from addresses and with passwords of which few are frequent and many are rare.
func writeLog(path string, first, n int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	enc := json.NewEncoder(w)
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := first; i < first+n; i++ {
		err := enc.Encode(map[string]any{
			"eventid": "cowrie.login.failed", "username": "root", "password": fmt.Sprintf("p%d", i*i%997),
			"src_ip": fmt.Sprintf("10.%d.%d.1", i%7, i*i%251), "session": fmt.Sprintf("%08x", i/5),
			"sensor": "bench", "timestamp": begin.Add(time.Duration(i) * time.Second).Format(time.RFC3339Nano),
			"message": "login attempt failed",
		})
		if err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return errors.Join(w.Flush(), f.Close())
}

// platform is a running `cybexp up`.
type platform struct {
	cmd       *exec.Cmd
	url, data string
}

func start(ctx context.Context, data string) (*platform, error) {
	cmd := exec.CommandContext(ctx, "bin/cybexp", "up", "--data", data, "--listen", "127.0.0.1:0", "--dgraph-offset", "auto", "--log-level", "warn")
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if err != nil || !ok {
		return nil, errors.Join(fmt.Errorf("up printed %q", line), err, cmd.Wait())
	}
	return &platform{cmd: cmd, url: url, data: data}, nil
}

func (p *platform) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return p.cmd.Wait()
}

func (p *platform) client(ctx context.Context, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bin/cybexp", append(args, "--server", p.url, "--data", p.data)...)
	cmd.Stderr = io.Discard
	return cmd
}

func (p *platform) run(ctx context.Context, args ...string) (string, error) {
	out, err := p.client(ctx, args).Output()
	if err != nil {
		return "", fmt.Errorf("cybexp %s: %w", strings.Join(args, " "), err)
	}
	return string(out), nil
}

func (p *platform) timeQuery(ctx context.Context, query string) (time.Duration, error) {
	begun := time.Now()
	_, err := p.run(ctx, "query", query, "-o", "ndjson")
	return time.Since(begun), err
}
