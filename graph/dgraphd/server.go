package dgraphd

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// Together they bound Stop. An alpha that has just seen its first schema can hang on TERM for minutes.
const (
	alphaGrace = 5 * time.Second
	zeroGrace  = 2 * time.Second
)

// Server is a running Dgraph. It may be used concurrently.
type Server struct {
	dir    string
	offset int
	logger *slog.Logger
	client *http.Client

	lock        *os.File
	guard       net.Listener // nil when the offset was given
	forker      *forker
	zero, alpha *child
	stopZero    func() // stops and waits
	stopAlpha   func()

	failOnce sync.Once
	failed   chan struct{} // closed when a child is given up; err is set before
	err      error

	stopOnce sync.Once
	stopped  chan struct{}
}

// Start runs a Dgraph and returns when it answers queries. Ctx bounds the start only; Stop ends what was started.
func Start(ctx context.Context, c Config) (*Server, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s, err := prepare(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := s.launch(ctx); err != nil {
		s.Stop()
		return nil, fmt.Errorf("start dgraph: %w", err)
	}
	s.zero.restart.Store(true)
	s.alpha.restart.Store(true)
	s.logger.Info("dgraph is ready", "target", s.Target(), "http", s.HTTP(), "dir", s.dir)
	return s, nil
}

// prepare takes the folder and the ports.
func prepare(ctx context.Context, c Config) (s *Server, err error) {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	s = &Server{
		dir: dir, offset: c.Offset, logger: c.Logger,
		client:   &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
		stopZero: func() {}, stopAlpha: func() {},
		failed: make(chan struct{}), stopped: make(chan struct{}),
	}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	if s.lock, err = lockFolder(ctx, dir); err != nil {
		return nil, err
	}
	if c.Offset == AutoOffset {
		s.offset, s.guard, err = FreeOffset()
	} else {
		if err = FreePorts(c.Offset); err != nil {
			err = fmt.Errorf("%w; choose other ports with --dgraph-offset", err)
		}
	}
	if err != nil {
		s.lock.Close()
		return nil, err
	}
	s.forker = newForker()
	s.zero, s.alpha = s.newZero(c), s.newAlpha(c)
	return s, nil
}

func (s *Server) newZero(c Config) *child {
	return &child{name: "zero", bin: c.Bin, grace: zeroGrace, lock: s.lock, forker: s.forker, logger: s.logger, args: []string{
		"zero", "--bindall=false", "-o", strconv.Itoa(s.offset), "--my", loopback(zeroGRPC + s.offset),
		"-w", filepath.Join(s.dir, "zw"),
		"--limit", "disable-admin-http=true", "--survive", survive(c),
		"--telemetry", "reports=false; sentry=false", "--logtostderr",
	}}
}

func (s *Server) newAlpha(c Config) *child {
	memory := c.memory()
	return &child{name: "alpha", bin: c.Bin, grace: alphaGrace, lock: s.lock, forker: s.forker, logger: s.logger, args: []string{
		"alpha", "--bindall=false", "-o", strconv.Itoa(s.offset), "--my", loopback(alphaInternal + s.offset),
		"--zero", loopback(zeroGRPC + s.offset),
		"-p", filepath.Join(s.dir, "p"), "-w", filepath.Join(s.dir, "w"),
		"--tmp", filepath.Join(s.dir, "t"), "--export", filepath.Join(s.dir, "export"),
		// Without the cache of posting lists: see docs/adr/0016.
		"--cache", fmt.Sprintf("size-mb=%d; percentage=0,80,20", max(64, memory/6)),
		"--limit", "query-timeout=60s", "--survive", survive(c),
		"--security", "whitelist=127.0.0.1",
		"--telemetry", "reports=false; sentry=false", "--logtostderr",
	}, env: []string{fmt.Sprintf("GOMEMLIMIT=%dMiB", memory)}}
}

func survive(c Config) string {
	if c.Sync {
		return "filesystem"
	}
	return "process"
}

func (s *Server) launch(ctx context.Context) (err error) {
	if s.stopZero, err = s.supervise(s.zero); err != nil {
		return err
	}
	if err := s.until(ctx, "wait for zero", s.zeroHealthy); err != nil {
		return err
	}
	if s.stopAlpha, err = s.supervise(s.alpha); err != nil {
		return err
	}
	return s.until(ctx, "wait for alpha", s.answers)
}

// supervise keeps the child running until the returned function is called; that returns when the child is gone.
func (s *Server) supervise(c *child) (stop func(), err error) {
	if c.log, err = openLog(filepath.Join(s.dir, "log", c.name+".log")); err != nil {
		return func() {}, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		defer c.log.Close()
		if err := c.run(ctx); err != nil {
			s.fail(err)
		}
	}()
	return func() { cancel(); <-gone }, nil
}

func (s *Server) fail(err error) {
	s.failOnce.Do(func() {
		s.err = err
		close(s.failed)
	})
}

// Stop ends the alpha and then the zero, in less than eight seconds. It may be called more than once; each call returns when
// both are gone.
func (s *Server) Stop() {
	s.stopOnce.Do(func() {
		s.stopAlpha()
		s.stopZero()
		s.forker.close()
		if s.guard != nil {
			s.guard.Close()
		}
		s.lock.Close()
		close(s.stopped)
	})
	<-s.stopped
}

// Wait blocks until the server is stopped, and then returns nil, or until one of its processes cannot be kept alive.
func (s *Server) Wait() error {
	select {
	case <-s.stopped:
		return nil
	case <-s.failed:
		return s.err
	}
}

// Target is the alpha's address for dgo: dgraph://127.0.0.1:PORT.
func (s *Server) Target() string { return "dgraph://" + loopback(alphaGRPC+s.offset) }

// HTTP is the alpha's address for Ratel, /graphql and /admin: http://127.0.0.1:PORT.
func (s *Server) HTTP() string { return "http://" + loopback(alphaHTTP+s.offset) }

// PIDs returns the processes of the zero and of the alpha, 0 for one that does not run at the moment.
func (s *Server) PIDs() (zero, alpha int) {
	return int(s.zero.pid.Load()), int(s.alpha.pid.Load())
}
