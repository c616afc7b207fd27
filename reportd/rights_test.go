package reportd_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
	"github.com/cybexp/cybexp/tdql/dql"
)

// fickle are rights that change: alice reads what is stored, and everybody else what they always do.
type fickle struct{ orgs atomic.Pointer[[]tdql.Org] }

func (f *fickle) set(orgs ...tdql.Org) { f.orgs.Store(&orgs) }

func (f *fickle) of(_ context.Context, id string) ([]tdql.Org, error) {
	if id == "alice" {
		return *f.orgs.Load(), nil
	}
	return users[id], nil
}

func (f *fickle) config(c *reportd.Config) { c.Rights = f.of }

func (f *fickle) caller() reportd.Caller { return reportd.Caller{ID: "alice", Orgs: *f.orgs.Load()} }

// strict is red as its members see it.
var strict = tdql.Org{Hash: red.Hash, Name: red.Name, Sees: tahoe.Strict}

func TestARevokedRightEndsWhatRestsOnIt(t *testing.T) {
	for name, lost := range map[string]struct{ before, after tdql.Org }{
		"reading": {red, blue}, "membership": {strict, red},
	} {
		t.Run(name, func(t *testing.T) {
			b := openBus(t)
			g := watched(t, b)
			g.write(red, 0, 5)
			var rights fickle
			rights.set(lost.before)
			r := start(t, b, g, rights.config)
			c, byOrg := r.dial(t, "alice"), r.dial(t, "alice")
			c.send(query("all", "watch events"))
			c.hashes("all", map[string]bool{}, 5)
			byOrg.send(query("org", "watch events org red"))
			byOrg.until("org", "rows")
			c.send(query("made", "events"))
			report := c.until("made", "status").Report
			c.all("made")
			shared := request(t, r, rights.caller(), "count events")

			rights.set(lost.after)
			r.Reconsider("somebody else")
			r.Reconsider("alice")
			for id, c := range map[string]*client{"all": c, "org": byOrg} { // nothing is written meanwhile
				if f := c.until(id, "error"); f.Code != "report.rights" {
					t.Errorf("the watch %s got %s", id, f.raw)
				}
			}
			c.send(`{"op":"subscribe","id":"again","report":"` + report + `"}`)
			if rows, f := c.all("again"); len(rows) > 0 || f.Code != "report.rights" {
				t.Errorf("a report of before gives %d rows and %s", len(rows), f.raw)
			}
			if _, err := r.Report(t.Context(), rights.caller(), shared); !errors.Is(err, reportd.ErrRights) {
				t.Errorf("a shared report of before: got %v", err)
			}
			if again := request(t, r, rights.caller(), "count events"); again == shared {
				t.Error("the same question is answered by the report of before")
			}
			if list, err := r.Reports(t.Context(), rights.caller()); err != nil || len(list) != 1 {
				t.Errorf("reports that are listed: %v, %v; want that of after", list, err)
			}

			rights.set(lost.before)
			if _, err := r.Report(t.Context(), rights.caller(), shared); err != nil {
				t.Errorf("with the right again: %v", err)
			}
		})
	}
}

// request asks for a report that may be shared, waits for it, and gives its id.
func request(t *testing.T, r *rig, c reportd.Caller, text string) string {
	t.Helper()
	report, err := r.Submit(t.Context(), c, reportd.Request{TDQL: text, Shared: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range r.Frames(t.Context(), c, report.ID, 0) {
		if err != nil {
			t.Fatal(err)
		}
	}
	return report.ID
}

func TestMoreRightsShowMore(t *testing.T) {
	b := openBus(t)
	g := watched(t, b)
	g.write(red, 0, 5)
	g.write(blue, 10, 13)
	var rights fickle
	rights.set(red)
	r := start(t, b, g, rights.config)
	c := r.dial(t, "alice")
	seen := map[string]bool{}
	c.send(query("w", "watch events"))
	c.hashes("w", seen, 5)
	rights.set(red, blue)
	r.Reconsider("")
	c.hashes("w", seen, 3)
	rights.set(blue)
	r.Reconsider("")
	if f := c.until("w", "error"); f.Code != "report.rights" {
		t.Errorf("got %s", f.raw)
	}
}

// A report is being made, and read, over a websocket and otherwise, when the right to it goes.
func TestARevokedRightEndsReportsThatAreBeingMade(t *testing.T) {
	b := openBus(t)
	var rights fickle
	rights.set(red)
	asked := make(chan struct{}, 1)
	r := start(t, b, querier(func(ctx context.Context, _ dql.Query, _ uint64) ([]byte, uint64, error) {
		asked <- struct{}{}
		<-ctx.Done()
		return nil, 0, ctx.Err()
	}), rights.config)
	c := r.dial(t, "alice")
	c.send(query("q", "count events"))
	<-asked
	report := c.until("q", "status").Report
	read := make(chan error, 1)
	go func() {
		for f, err := range r.Frames(t.Context(), rights.caller(), report, 0) {
			if err != nil || f.Type == reportd.TypeError {
				read <- err
				return
			}
		}
	}()
	rights.set()
	r.Reconsider("alice")
	if f := c.until("q", "error"); f.Code != "report.rights" {
		t.Errorf("got %s", f.raw)
	}
	if err := <-read; err != nil && !errors.Is(err, reportd.ErrRights) {
		t.Errorf("who reads it got %v", err)
	}
}

// The sign-in of somebody who is connected ends, by header and by message.
func TestARevokedTokenClosesTheConnection(t *testing.T) {
	b := openBus(t)
	var revoked atomic.Bool
	signIn := func(_ context.Context, token string) (reportd.Caller, error) {
		c := caller(token)
		c.Still = func(context.Context) error {
			if revoked.Load() && token == "alice" {
				return errors.New("revoked")
			}
			return nil
		}
		return c, nil
	}
	r := start(t, b, watched(t, b))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		cfg := reportd.SocketConfig{SignIn: signIn}
		if name := req.Header.Get("X-User"); name != "" {
			c, _ := signIn(req.Context(), name)
			cfg.Caller = &c
		}
		r.ServeSocket(w, req, cfg)
	}))
	t.Cleanup(srv.Close)
	r.url = "ws" + strings.TrimPrefix(srv.URL, "http")
	byHeader, byMessage, other := r.dial(t, "alice"), r.dial(t, ""), r.dial(t, "bob")
	byMessage.send(`{"op":"auth","token":"alice"}`)
	for _, c := range []*client{byHeader, byMessage, other} {
		c.send(query("w", "watch events"))
		c.until("w", "header")
	}
	revoked.Store(true)
	r.Reconsider("alice") // nobody sends anything
	for name, c := range map[string]*client{"header": byHeader, "message": byMessage} {
		if code, text := c.closed(); code != reportd.CloseUnauthorised || !strings.Contains(text, "revoked") {
			t.Errorf("signed in by %s: closed with %d %q", name, code, text)
		}
	}
	other.send(`{"op":"ping"}`)
	for other.next().Type != "pong" {
	}
}

// Word of changes comes through a bucket that another process writes.
func TestChangesAreHeard(t *testing.T) {
	b := openBus(t)
	g := watched(t, b)
	g.write(red, 0, 1)
	var rights fickle
	rights.set(red)
	r := start(t, b, g, rights.config)
	kv, err := b.KV(t.Context(), bus.KVConfig{Bucket: "people"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- r.Hear(ctx, kv, func(key string) (string, bool) { user, ok := strings.CutPrefix(key, "rights."); return user, ok })
	}()
	c := r.dial(t, "alice")
	c.send(query("w", "watch events"))
	c.until("w", "rows")
	rights.set()
	for _, key := range []string{"name.alice", "rights.alice"} {
		if _, err := kv.Put(t.Context(), key, []byte("changed")); err != nil {
			t.Fatal(err)
		}
	}
	if f := c.until("w", "error"); f.Code != "report.rights" {
		t.Errorf("got %s", f.raw)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
