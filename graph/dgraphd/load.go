package dgraphd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
)

// ErrNotEmpty is returned by Load for a folder that has a graph.
var ErrNotEmpty = errors.New("there is a graph in the data folder")

// Load fills an empty data folder with Dgraph's bulk loader, which writes the files of an alpha directly. Files is a file or a folder
// of .rdf or .rdf.gz; schema is in DQL, and has no types. Dgraph must not run; Start it afterwards. What a load that failed or was killed leaves
// behind is removed by the next one, and never served.
func Load(ctx context.Context, c Config, files, schema string) error {
	if err := c.Validate(); err != nil {
		return err
	}
	s, err := prepare(ctx, c)
	if err != nil {
		return err
	}
	defer s.Stop()
	if err := s.load(ctx, c, files, schema); err != nil {
		return fmt.Errorf("bulk load: %w", err)
	}
	return nil
}

func (s *Server) load(ctx context.Context, c Config, files, schema string) (err error) {
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
	if s.stopZero, err = s.supervise(s.zero); err != nil {
		return err
	}
	if err := s.until(ctx, "wait for zero", s.zeroHealthy); err != nil {
		return err
	}
	if err := s.bulk(ctx, c.Bin, files, schemaFile, work); err != nil {
		return err
	}
	return os.Rename(filepath.Join(work, "out", "0", "p"), posting)
}

func (s *Server) bulk(ctx context.Context, bin, files, schema, work string) error {
	log, err := openLog(filepath.Join(s.dir, "log", "bulk.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, bin, "bulk", "-f", files, "-s", schema, "--zero", loopback(zeroGRPC+s.offset), "--http", loopback(alphaHTTP+s.offset),
		"--tmp", filepath.Join(work, "tmp"), "--out", filepath.Join(work, "out"), "--num_go_routines", "2", "--logtostderr")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = childAttr()
	s.logger.Info("bulk load begins", slog.String("files", files))
	if err := s.forker.start(cmd); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%w; the end of %s:\n%s", err, log.path, log.Tail())
	}
	return nil
}
