package reportd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/tdql"
	"github.com/cybexp/cybexp/telemetry"
)

// Caller is who asks: the hash of a user, and the organisations whose events the user may read.
type Caller struct {
	ID   string
	Orgs []tdql.Org
	// Asked, unless it is nil, is told of each question of theirs that was taken up.
	Asked func(context.Context, Report)
	// Still, unless it is nil, tells whether they are signed in still; a websocket asks it before each operation, and now and then.
	Still func(context.Context) error
}

func (c Caller) asked(ctx context.Context, r Report) {
	if c.Asked != nil {
		c.Asked(ctx, r)
	}
}

func (c Caller) still(ctx context.Context) error {
	if c.Still == nil {
		return nil
	}
	return c.Still(ctx)
}

// Config says what a Service works with and how much it takes. Begin with DefaultConfig.
type Config struct {
	Bus *bus.Bus
	// DB answers the queries of Workers, and of Ask. A process without workers may do without it; then it has no vocabulary either.
	DB Querier
	// History, unless it is nil, keeps who asked what, beyond the life of reports. Only processes with workers need it.
	History History
	// Rights tells what a user may read now. A worker asks when it runs a query, which may be long after it was sent; who reads a report
	// must have the rights that it was made with.
	Rights func(ctx context.Context, userID string) ([]tdql.Org, error)
	Logger *slog.Logger
	// Metrics counts reports and websockets; nil counts nothing.
	Metrics *telemetry.Metrics
	Now     func() time.Time

	Workers     int              // queries that run at a time here; 0 runs none
	Watches     int              // watches that run at a time here, beside Workers and only with them; 0 runs none
	UserQueries int              // queries of one user that wait or run, on all servers together; 0 is no limit
	UserWatches int              // watches of one user that run at a time, on all servers together; 0 is no limit
	Lease       time.Duration    // silence after which the query of a worker that died goes to another
	Attempts    int              // how often a query is begun before it is given up, when workers die
	Retry       func(error) bool // whether a failure of DB may pass, so that the query is tried again; nil is never

	QueryBytes  int           // longest text of a query
	QueryTime   time.Duration // longest run of a query
	QueryRows   uint64        // most rows of a report; 0 is no limit
	QueryWork   uint64        // most vertices that a query may read, as far as is known after each answer of the database; 0 is no limit
	WatchRows   int           // most instances that a watch shows; it remembers each, in some 80 bytes
	QueueBytes  int64         // most bytes of waiting queries
	FrameBytes  int64         // most bytes of frames kept, of all reports
	ReportBytes int64         // most bytes of report records kept
	ReportTTL   time.Duration // how long a report and its rows are kept
	HistoryTTL  time.Duration // how long History keeps a report; 0 is for ever

	Socket SocketLimits
}

// SocketLimits bound what one websocket may do.
type SocketLimits struct {
	MessageBytes int64         // longest message of a client
	Operations   int           // operations at a time
	UserSockets  int           // connections of one user to this process; 0 is no limit
	SignIn       time.Duration // time to sign in
	Write        time.Duration // longest wait for a client to take one frame
	Ping         time.Duration // time between pings
	Silence      time.Duration // time after which a client that does not even answer pings is dropped
	Linger       time.Duration // how long a query outlives a connection that broke, so that its client can come back
	Drain        time.Duration // longest shutdown
}

// DefaultConfig returns a Config that lacks only Bus, DB and Rights.
func DefaultConfig() Config {
	return Config{
		Logger:      slog.New(slog.DiscardHandler),
		Now:         time.Now,
		Workers:     8,
		Watches:     2000,
		UserQueries: 100,
		UserWatches: 16,
		Lease:       6 * time.Second,
		Attempts:    5,
		QueryBytes:  64 << 10,
		QueryTime:   10 * time.Minute,
		QueryRows:   5_000_000,
		QueryWork:   100_000_000,
		WatchRows:   2_000_000,
		QueueBytes:  256 << 20,
		FrameBytes:  512 << 20,
		ReportBytes: 64 << 20,
		ReportTTL:   time.Hour,
		HistoryTTL:  90 * 24 * time.Hour,
		Socket: SocketLimits{
			MessageBytes: 1 << 20,
			Operations:   32,
			UserSockets:  200,
			SignIn:       10 * time.Second,
			Write:        30 * time.Second,
			Ping:         25 * time.Second,
			Silence:      60 * time.Second,
			Linger:       10 * time.Second,
			Drain:        5 * time.Second,
		},
	}
}

// Validate says what is missing or makes no sense.
func (c Config) Validate() error {
	s := c.Socket
	return errors.Join(
		require(c.Bus != nil, "a bus is needed"),
		require(c.Logger != nil, "a logger is needed"),
		require(c.Now != nil, "a clock is needed"),
		require(c.Workers >= 0, "workers: %d is negative", c.Workers),
		require(c.Watches >= 0, "watches: %d is negative", c.Watches),
		require(c.UserQueries >= 0, "queries of a user: %d is negative", c.UserQueries),
		require(c.UserWatches >= 0, "watches of a user: %d is negative", c.UserWatches),
		require(c.Watches == 0 || c.WatchRows > 0, "watch rows: %d is too few", c.WatchRows),
		require(c.Workers == 0 || c.DB != nil, "workers need a database"),
		require(c.Rights != nil, "rights must be known"),
		require(c.Lease >= time.Second, "lease: %s is too short", c.Lease),
		require(c.Attempts > 0, "attempts: %d is too few", c.Attempts),
		require(c.QueryBytes > 0, "query bytes: %d is too few", c.QueryBytes),
		require(c.QueryTime > 0, "query time: %s is too short", c.QueryTime),
		require(c.QueueBytes > 0 && c.FrameBytes > 0 && c.ReportBytes > 0, "queue, frame and report bytes need bounds"),
		require(c.ReportTTL > c.QueryTime, "report ttl: %s is not longer than a query may run, %s", c.ReportTTL, c.QueryTime),
		require(c.HistoryTTL >= 0, "history ttl: %s is negative", c.HistoryTTL),
		require(s.MessageBytes > 0, "message bytes: %d is too few", s.MessageBytes),
		require(s.Operations > 0, "operations: %d is too few", s.Operations),
		require(s.UserSockets >= 0, "connections of a user: %d is negative", s.UserSockets),
		require(s.SignIn > 0 && s.Write > 0 && s.Ping > 0 && s.Drain > 0, "sign-in, write, ping and drain times must be positive"),
		require(s.Silence > s.Ping, "silence: %s is not longer than the time between pings, %s", s.Silence, s.Ping),
		require(s.Linger >= 0, "linger: %s is negative", s.Linger),
	)
}

func require(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf("reportd config: "+format, args...)
}
