package graph

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/dgraph-io/dgo/v230"
	"github.com/dgraph-io/dgo/v230/protos/api"
	"google.golang.org/grpc"

	"github.com/cybexp/cybexp/ledger"
	"github.com/cybexp/cybexp/telemetry"
)

// maxMessage bounds a request or an answer. A page of 5,000 rows is below 10 MB.
const maxMessage = 256 << 20

// keptEntries of ledgers that were read are remembered: at most 70 MB.
const keptEntries = 3_000_000

// cacheSize is what takes 26 MB: a map doubles, so that a fourth more would take twice of it.
const cacheSize = 400_000

// Config says where the graph is.
type Config struct {
	Target string             // dgraph://host:port[,host:port…] of alphas' gRPC: the first that answers is used
	HTTP   string             // http://host:port[,http://…] of the same alphas; derived from Target when empty
	TLS    func() *tls.Config // how to speak TLS, asked for each connection; nil is not at all
	Logger *slog.Logger

	Program string             // version of what uses the graph, which an older one is told that cannot read it; "" tells nothing
	Metrics *telemetry.Metrics // nil counts nothing

	CacheSize int           // hashes whose vertices are remembered; DefaultConfig's when 0
	HotDegree int           // events of an attribute or object from which on it has a ledger; DefaultConfig's when 0
	Patience  time.Duration // how long Write and Query wait for a Dgraph that does not answer; DefaultConfig's when 0
}

// DefaultConfig is a Dgraph on its own ports of this machine.
func DefaultConfig() Config {
	return Config{Target: "dgraph://127.0.0.1:9080", CacheSize: cacheSize, HotDegree: 2_000, Patience: time.Minute}
}

// Validate tells what is wrong with c.
func (c Config) Validate() error {
	if _, err := c.targets(); err != nil {
		return err
	}
	if _, err := c.bases(); err != nil {
		return err
	}
	if c.CacheSize < 0 || c.HotDegree < 0 || c.Patience < 0 {
		return errors.New("graph: cache size, hot degree and patience cannot be negative")
	}
	return nil
}

// Store is a connection to the graph. It may be used concurrently.
type Store struct {
	conn     *grpc.ClientConn
	alpha    api.DgraphClient
	base     string // of HTTP
	client   *http.Client
	logger   *slog.Logger
	program  string
	patience time.Duration
	segments *ledger.Cache
	metrics  metrics
	writer   *writer
	batch    int // events that one change removes
}

// Open connects to a Dgraph. It does not wait for it: a Dgraph that is not there yet shows in Ready, and other calls wait for
// as long as Config.Patience says. The caller closes the store.
func Open(_ context.Context, c Config) (*Store, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	client, base, err := c.httpClient()
	if err != nil {
		return nil, err
	}
	conn, err := c.dial()
	if err != nil {
		return nil, fmt.Errorf("dial dgraph: %w", err)
	}
	s := &Store{
		conn: conn, alpha: api.NewDgraphClient(conn), base: base, client: client, logger: c.Logger, program: c.Program,
		patience: cmp.Or(c.Patience, DefaultConfig().Patience), segments: ledger.NewCache(keptEntries), batch: removeBatch, metrics: newMetrics(c.Metrics),
	}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	s.writer = newWriter(s, cmp.Or(c.CacheSize, DefaultConfig().CacheSize), cmp.Or(c.HotDegree, DefaultConfig().HotDegree))
	return s, nil
}

func (s *Store) transaction() *dgo.Txn { return dgo.NewDgraphClient(s.alpha).NewTxn() }

// Segments remembers what was read of ledgers, for all who read them through the store.
func (s *Store) Segments() *ledger.Cache { return s.segments }

// Close ends the connection. Writes that are under way fail.
func (s *Store) Close() error {
	s.writer.close()
	s.client.CloseIdleConnections()
	return s.conn.Close()
}
