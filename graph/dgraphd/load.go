package dgraphd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
)

const (
	maxMappers = 8       // bounds the goroutines of the loader: each holds a share of the data in memory
	startShare = 64      // of the memory that Dgraph gets is the most that is held of a source while zero starts, which takes two to four seconds
	loadRoom   = 4 << 20 // bytes that are held when the loader reads
)

// ErrNotEmpty is returned by Load for a folder that has a graph.
var ErrNotEmpty = errors.New("there is a graph in the data folder")

// Source writes RDF, which Load reads while it is written. It begins before Dgraph runs. What it gives for an error ends the load.
type Source func(w io.Writer) error

// Load fills an empty data folder with Dgraph's bulk loader, which writes the files of an alpha directly. Schema is in DQL, and has no
// types; the text of the source may be zipped. Dgraph must not run; Start it afterwards. What a load that failed or was killed leaves
// behind is removed by the next one, and never served.
func Load(ctx context.Context, c Config, source Source, schema string) error {
	if err := c.Validate(); err != nil {
		return err
	}
	s, err := prepare(ctx, c)
	if err != nil {
		return err
	}
	defer s.Stop()
	if err := s.load(ctx, c, source, schema); err != nil {
		return fmt.Errorf("bulk load: %w", err)
	}
	return nil
}

func (s *Server) load(ctx context.Context, c Config, source Source, schema string) (err error) {
	posting, work := filepath.Join(s.dir, "p"), filepath.Join(s.dir, "bulk")
	if _, err := os.Stat(posting); err == nil {
		return fmt.Errorf("%w: %s", ErrNotEmpty, s.dir)
	}
	if err := os.RemoveAll(work); err != nil {
		return err
	}
	if err := os.MkdirAll(work, 0o700); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	schemaFile := filepath.Join(work, "schema.dql")
	if err := os.WriteFile(schemaFile, []byte(schema), 0o600); err != nil {
		return err
	}
	text, stop := newFeed(source, c.memory()<<20/startShare)
	defer stop()
	if s.stopZero, err = s.supervise(s.zero); err != nil {
		return err
	}
	if err := s.until(ctx, "wait for zero", s.zeroHealthy); err != nil {
		return err
	}
	if err := s.bulk(ctx, c, text, schemaFile, work); err != nil {
		return err
	}
	return os.Rename(filepath.Join(work, "out", "0", "p"), posting)
}

// bulk runs the loader on the text.
func (s *Server) bulk(ctx context.Context, c Config, text *feed, schema, work string) error {
	log, err := openLog(filepath.Join(s.dir, "log", "bulk.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.Bin, "bulk", "-f", "/dev/stdin", "--format", "rdf", "-s", schema, "--zero", loopback(zeroGRPC+s.offset), "--http", loopback(alphaHTTP+s.offset),
		"--tmp", filepath.Join(work, "tmp"), "--out", filepath.Join(work, "out"), "--num_go_routines", strconv.Itoa(min(runtime.GOMAXPROCS(0), maxMappers)),
		"--mapoutput_mb", strconv.Itoa(c.memory()/8), "--logtostderr")
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMEMLIMIT=%dMiB", c.memory()))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = childAttr()
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	s.logger.Info("bulk load begins", "dir", s.dir)
	if err := s.forker.start(cmd); err != nil {
		return err
	}
	told := text.drain(in, loadRoom)
	if told != nil {
		cancel() // before it sees the end of its input
	}
	closed := in.Close()
	if err := cmd.Wait(); err != nil && (told == nil || errors.Is(told, syscall.EPIPE)) {
		return fmt.Errorf("%w; the end of %s:\n%s", err, log.path, log.Tail())
	}
	return errors.Join(told, closed)
}
