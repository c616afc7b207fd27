// Package benchgraph gives benchmarks large graphs. One is made once, by Dgraph's bulk loader, kept in a folder that git ignores,
// and opened again by later runs. It is for benchmarks only.
package benchgraph

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cybexp/cybexp"
	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/graph/dgraphd"
	"github.com/cybexp/cybexp/internal/testdgraph"
)

// dirEnv names another folder for the graphs than .bench of the repository.
const dirEnv = "CYBEXP_BENCH_DIR"

// Recipe says how a graph is made. The name stands for all that it depends on besides the schema: who changes what Make writes changes the name.
type Recipe struct {
	Name string
	Make func(w *bufio.Writer) error    // writes RDF, see graph.RDF
	Then func(store *graph.Store) error // once, when it is loaded; may be nil
}

// Graph is a running Dgraph with a prepared graph.
type Graph struct {
	*graph.Store
	Server *dgraphd.Server
	Dir    string
}

// Open starts the recipe's graph, after making it if it is not there. It is stopped at the end of the benchmark; what that
// wrote stays.
func Open(tb testing.TB, r Recipe) *Graph {
	tb.Helper()
	g, err := open(tb, r)
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

func open(tb testing.TB, r Recipe) (*Graph, error) {
	bin, err := testdgraph.Binary()
	if err != nil {
		return nil, err
	}
	dir := os.Getenv(dirEnv)
	if dir == "" {
		dir = filepath.Join(filepath.Dir(filepath.Dir(bin)), ".bench")
	}
	dir = filepath.Join(dir, fmt.Sprintf("%s-%08x", r.Name, crc32.ChecksumIEEE([]byte(cybexp.Schema))))
	c := dgraphd.DefaultConfig()
	c.Bin, c.Dir = bin, dir
	ready := filepath.Join(dir, "ready")
	_, err = os.Stat(ready)
	made := err == nil
	if !made {
		began := time.Now()
		if err := load(tb, r, c); err != nil {
			return nil, err
		}
		tb.Logf("%s loaded in %.0f s", r.Name, time.Since(began).Seconds())
	}
	server, err := dgraphd.Start(tb.Context(), c)
	if err != nil {
		return nil, err
	}
	tb.Cleanup(server.Stop)
	store, err := graph.Open(tb.Context(), graph.Config{Target: server.Target(), HTTP: server.HTTP()})
	if err != nil {
		return nil, err
	}
	tb.Cleanup(func() { store.Close() })
	if made {
		return &Graph{store, server, dir}, nil
	}
	if err := store.ApplySchema(tb.Context(), cybexp.Schema); err != nil {
		return nil, err
	}
	if r.Then != nil {
		if err := r.Then(store); err != nil {
			return nil, err
		}
	}
	return &Graph{store, server, dir}, os.WriteFile(ready, nil, 0o600)
}

// load makes the graph's files, in place of those with another schema.
func load(tb testing.TB, r Recipe, c dgraphd.Config) error {
	old, err := filepath.Glob(filepath.Join(filepath.Dir(c.Dir), r.Name+"-????????"))
	if err != nil {
		return err
	}
	for _, dir := range append(old, c.Dir) {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return dgraphd.Load(tb.Context(), c, func(out io.Writer) error {
		w := bufio.NewWriterSize(out, 1<<20)
		if err := errors.Join(r.Make(w), w.Flush()); err != nil {
			return fmt.Errorf("make %s: %w", r.Name, err)
		}
		return nil
	}, graph.Predicates)
}
