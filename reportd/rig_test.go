package reportd_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
	"github.com/cybexp/cybexp/tdql/dql"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(loadURL); url != "" {
		listenToReports(url)
		return
	}
	testdgraph.Main(m)
}

// soon bounds every wait of a test.
const soon = 20 * time.Second

// The organisations and users of the tests: alice and bob each read their own.
var (
	red   = tdql.Org{Hash: tahoe.OrgHash("red"), Name: "red"}
	blue  = tdql.Org{Hash: tahoe.OrgHash("blue"), Name: "blue"}
	users = map[string][]tdql.Org{"alice": {red}, "bob": {blue}}
)

func caller(name string) reportd.Caller { return reportd.Caller{ID: name, Orgs: users[name]} }

// querier makes a Querier of a function.
type querier func(ctx context.Context, q dql.Query, at uint64) ([]byte, uint64, error)

func (f querier) Query(ctx context.Context, q dql.Query, at uint64) ([]byte, uint64, error) {
	return f(ctx, q, at)
}

// rig is a service with its websocket on a port.
type rig struct {
	*reportd.Service
	url  string
	open atomic.Int64 // connections that are not over
	stop func() error // ends Run and waits for it; once
}

func openBus(tb testing.TB) *bus.Bus {
	tb.Helper()
	b, err := bus.Open(tb.Context(), bus.Config{Dir: tb.TempDir()})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = b.Close() })
	return b
}

// start runs a service on a bus. The changes are made to the configuration.
func start(tb testing.TB, b *bus.Bus, db reportd.Querier, changes ...func(*reportd.Config)) *rig {
	tb.Helper()
	cfg := reportd.DefaultConfig()
	cfg.Bus, cfg.DB = b, db
	cfg.Logger = slog.New(slog.NewTextHandler(tb.Output(), nil))
	cfg.Rights = func(_ context.Context, id string) ([]tdql.Org, error) { return users[id], nil }
	for _, change := range changes {
		change(&cfg)
	}
	s, err := reportd.New(tb.Context(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	r := &rig{Service: s}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.open.Add(1)
		defer r.open.Add(-1)
		s.ServeSocket(w, req, socketConfig(req))
	}))
	r.url = "ws" + strings.TrimPrefix(srv.URL, "http")
	stopped := false
	r.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		err := <-ended
		srv.Close()
		return err
	}
	tb.Cleanup(func() {
		if err := r.stop(); err != nil {
			tb.Error(err)
		}
	})
	return r
}

// socketConfig signs in who the header names, or whom the first message does.
func socketConfig(r *http.Request) reportd.SocketConfig {
	cfg := reportd.SocketConfig{SignIn: func(_ context.Context, token string) (reportd.Caller, error) {
		if _, ok := users[token]; !ok {
			return reportd.Caller{}, errors.New("unknown token")
		}
		return caller(token), nil
	}}
	if name := r.Header.Get("X-User"); name != "" {
		c := caller(name)
		cfg.Caller = &c
	}
	return cfg
}

// client is one end of a websocket.
type client struct {
	tb   testing.TB
	conn *websocket.Conn
}

// dial connects a user; nobody is signed in when the name is empty.
func (r *rig) dial(tb testing.TB, user string) *client {
	tb.Helper()
	h := http.Header{}
	if user != "" {
		h.Set("X-User", user)
	}
	return r.dialWith(tb, &websocket.Dialer{EnableCompression: true}, h)
}

// dialNarrow connects a user with as little room for unread bytes as the system allows.
func (r *rig) dialNarrow(tb testing.TB, user string) *client {
	tb.Helper()
	d := &websocket.Dialer{NetDialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return conn, conn.(*net.TCPConn).SetReadBuffer(64 << 10)
	}}
	return r.dialWith(tb, d, http.Header{"X-User": {user}})
}

func (r *rig) dialWith(tb testing.TB, d *websocket.Dialer, h http.Header) *client {
	tb.Helper()
	d.Subprotocols = []string{reportd.Subprotocol}
	conn, resp, err := d.DialContext(tb.Context(), r.url, h)
	if err != nil {
		tb.Fatal(err)
	}
	_ = resp.Body.Close()
	tb.Cleanup(func() { _ = conn.Close() })
	return &client{tb: tb, conn: conn}
}

func (c *client) send(message string) {
	c.tb.Helper()
	if err := c.conn.WriteMessage(websocket.TextMessage, []byte(message)); err != nil {
		c.tb.Fatal(err)
	}
}

// frame is any frame of the server.
type frame struct {
	ID, Type, Report, Status, Code, Message, Kind, Canonical, Snapshot string
	Seq                                                                uint64
	Position                                                           int
	Rows                                                               json.RawMessage
	Fields                                                             []string
	Errors                                                             []tdql.Error
	Warnings                                                           []tdql.Error
	raw                                                                string
}

func (f frame) rows(tb testing.TB) []json.RawMessage {
	tb.Helper()
	var rows []json.RawMessage
	if err := json.Unmarshal(f.Rows, &rows); err != nil {
		tb.Fatal(err)
	}
	return rows
}

func (c *client) read() (frame, error) { return c.readWithin(soon) }

func (c *client) readWithin(patience time.Duration) (frame, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return frame{}, err
	}
	_, data, err := c.conn.ReadMessage()
	if err != nil {
		return frame{}, err
	}
	f := frame{raw: string(data)}
	return f, json.Unmarshal(data, &f)
}

func (c *client) next() frame {
	c.tb.Helper()
	f, err := c.read()
	if err != nil {
		c.tb.Fatal(err)
	}
	return f
}

// until reads up to the first frame of an operation that has one of the types, and returns that.
func (c *client) until(id string, types ...string) frame {
	c.tb.Helper()
	for {
		f := c.next()
		if f.ID != id {
			continue
		}
		for _, t := range types {
			if f.Type == t {
				return f
			}
		}
		if f.Type == "end" || f.Type == "error" {
			c.tb.Fatalf("operation %s ended with %s, want one of %v first", id, f.raw, types)
		}
	}
}

// all reads an operation to its end, and returns its rows and its last frame.
func (c *client) all(id string) ([]json.RawMessage, frame) {
	c.tb.Helper()
	var rows []json.RawMessage
	for {
		f := c.until(id, "rows", "end", "error")
		if f.Type != "rows" {
			return rows, f
		}
		rows = append(rows, f.rows(c.tb)...)
	}
}

// closed reads until the server closes the connection, and returns the code and the reason.
func (c *client) closed() (int, string) {
	c.tb.Helper()
	for {
		_, err := c.read()
		var ce *websocket.CloseError
		if errors.As(err, &ce) {
			return ce.Code, ce.Text
		}
		if err != nil {
			c.tb.Fatalf("connection ended without a close frame: %v", err)
		}
	}
}

// eventually waits until a condition holds.
func eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(soon); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("waited in vain until %s", what)
		}
	}
}

func asFaults(err error) tdql.Errors {
	var faults tdql.Errors
	errors.As(err, &faults)
	return faults
}
