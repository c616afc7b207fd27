package benchgraph

import (
	"fmt"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/graph/dgraphd"
	"github.com/cybexp/cybexp/internal/testdgraph"
)

// Fresh starts an empty Dgraph with a schema. The server is to be stopped, and the store to be closed before.
func Fresh(tb testing.TB, schema string) (*dgraphd.Server, *graph.Store) {
	tb.Helper()
	bin, err := testdgraph.Binary()
	if err != nil {
		tb.Fatal(err)
	}
	c := dgraphd.DefaultConfig()
	c.Bin, c.Dir = bin, tb.TempDir()
	server, err := dgraphd.Start(tb.Context(), c)
	if err != nil {
		tb.Fatal(err)
	}
	store, err := graph.Open(tb.Context(), graph.Config{Target: server.Target()})
	if err != nil {
		server.Stop()
		tb.Fatal(err)
	}
	if err := store.ApplySchema(tb.Context(), schema); err != nil {
		store.Close()
		server.Stop()
		tb.Fatal(err)
	}
	return server, store
}

// Live loads a file of quads into a server with Dgraph's live loader.
func Live(tb testing.TB, server *dgraphd.Server, file string, flags ...string) {
	tb.Helper()
	bin, err := testdgraph.Binary()
	if err != nil {
		tb.Fatal(err)
	}
	alpha, err := url.Parse(server.Target())
	if err != nil {
		tb.Fatal(err)
	}
	port, err := strconv.Atoi(alpha.Port())
	if err != nil {
		tb.Fatal(err)
	}
	const alphaToZero = 4000 // between the ports that they have by default
	args := append([]string{"live", "-f", file, "--alpha", alpha.Host, "--zero", fmt.Sprintf("127.0.0.1:%d", port-alphaToZero),
		"-c", "4", "-b", "2000", "-t", tb.TempDir()}, flags...)
	if out, err := exec.CommandContext(tb.Context(), bin, args...).CombinedOutput(); err != nil {
		tb.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
