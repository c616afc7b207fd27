// Package testdgraph gives tests a real Dgraph: one for a test binary, started by the first test that asks, on free ports and
// in a temporary folder. It is for tests only.
//
//	func TestMain(m *testing.M) { testdgraph.Main(m) }
//
//	func TestCount(t *testing.T) {
//		store := testdgraph.Open(t) // empty, with the schema
//		…
//	}
//
// Tests share the data, so those that use it do not call t.Parallel.
package testdgraph

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cybexp/cybexp"
	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/graph/dgraphd"
)

// binEnv names another dgraph program than bin/dgraph of the repository.
const binEnv = "CYBEXP_DGRAPH_BIN"

// shared is the one Dgraph of the test binary.
var shared struct {
	mu     sync.Mutex
	main   bool // Main runs, so that somebody will stop the server
	dir    string
	server *dgraphd.Server
	err    error
}

// Main runs the tests, stops the Dgraph that they started, and exits.
func Main(m *testing.M) {
	shared.mu.Lock()
	shared.main = true
	shared.mu.Unlock()
	code := m.Run()
	stop()
	os.Exit(code)
}

func stop() {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server != nil {
		shared.server.Stop()
	}
	if shared.dir != "" {
		os.RemoveAll(shared.dir)
	}
	shared.server, shared.dir = nil, ""
}

// Renew stops the running Dgraph, so that the next call gets one that no test has used. Tests that kill Dgraph want that: its log has
// nothing of others then.
func Renew(tb testing.TB) {
	tb.Helper()
	stop()
	patched(tb)
	Connect(tb).Close()
}

// patched fails a test that needs what dgraph/patches mend when the dgraph program was built without them.
func patched(tb testing.TB) {
	tb.Helper()
	bin, err := Binary()
	if err != nil {
		tb.Fatal(err)
	}
	info, err := buildinfo.ReadFile(bin)
	if err != nil {
		tb.Fatal(err)
	}
	if info.Main.Replace == nil {
		tb.Fatalf("%s was built without dgraph/patches: run `make build`", bin)
	}
}

// Server returns the running Dgraph, without schema or data if this is the first call.
func Server(tb testing.TB) *dgraphd.Server {
	tb.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server == nil && shared.err == nil {
		shared.server, shared.err = start()
	}
	if shared.err != nil {
		tb.Fatal(shared.err)
	}
	return shared.server
}

// Target returns the address of the running Dgraph: dgraph://127.0.0.1:PORT.
func Target(tb testing.TB) string {
	tb.Helper()
	return Server(tb).Target()
}

func start() (*dgraphd.Server, error) {
	if !shared.main {
		return nil, errors.New("testdgraph: the package's TestMain must call testdgraph.Main")
	}
	bin, err := Binary()
	if err != nil {
		return nil, err
	}
	if shared.dir, err = os.MkdirTemp("", "testdgraph-"); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	return dgraphd.Start(ctx, dgraphd.Config{Bin: bin, Dir: shared.dir, Offset: dgraphd.AutoOffset, MemoryMiB: 1000})
}

// Open returns a store on the running Dgraph, with the schema and without data. It is closed when the test ends.
func Open(tb testing.TB) *graph.Store {
	tb.Helper()
	Wipe(tb)
	return Connect(tb)
}

// Connect returns one more store on the data of the test, as another process would have.
func Connect(tb testing.TB) *graph.Store {
	tb.Helper()
	server := Server(tb)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	store, err := graph.Open(ctx, graph.Config{Target: server.Target(), HTTP: server.HTTP()})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { store.Close() })
	if err := store.ApplySchema(ctx, cybexp.Schema); err != nil {
		tb.Fatal(err)
	}
	return store
}

// Wipe drops all data and keeps the schema. Stores that were open before remember what is gone: open another.
func Wipe(tb testing.TB) {
	tb.Helper()
	res, err := http.Post(Server(tb).HTTP()+"/alter", "application/json", strings.NewReader(`{"drop_op":"DATA"}`))
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || strings.Contains(string(body), `"errors"`) {
		tb.Fatalf("drop data: %s %v", body, err)
	}
}

// Binary finds the dgraph program: $CYBEXP_DGRAPH_BIN, or bin/dgraph at the root of the module that the test is in.
func Binary() (string, error) {
	if bin := os.Getenv(binEnv); bin != "" {
		return bin, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("testdgraph: no go.mod above the working directory")
		}
		dir = parent
	}
	bin := filepath.Join(dir, "bin", "dgraph")
	if _, err := os.Stat(bin); err != nil {
		return "", fmt.Errorf("testdgraph: no dgraph program (run `make build`, or set %s): %w", binEnv, err)
	}
	return bin, nil
}
