package reportd_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/tdql/dql"
)

// stuck is a database that answers when its query is given up.
func stuck(ctx context.Context, _ dql.Query, _ uint64) ([]byte, uint64, error) {
	<-ctx.Done()
	return nil, 0, ctx.Err()
}

func TestConnectionIsClosedWithTheReason(t *testing.T) {
	const slow = `{"op":"query","id":"q","tdql":"events"}`
	tests := []struct {
		name, user string
		send       []string
		code       int
		reason     string
	}{
		{"not JSON", "alice", []string{`{`}, 4400, "message is not a JSON object"},
		{"not an object", "alice", []string{`[1]`}, 4400, "message is not a JSON object"},
		{"not UTF-8", "alice", []string{"{\"op\":\"ping\xff\"}"}, 4400, "UTF-8"},
		{"something after the object", "alice", []string{`{"op":"ping"}{}`}, 4400, "something after"},
		{"unknown operation", "alice", []string{`{"op":"dance"}`}, 4400, `unknown op "dance"`},
		{"unknown member", "alice", []string{`{"op":"ping","speed":1}`}, 4400, "speed"},
		{"no id", "alice", []string{`{"op":"query","tdql":"events"}`}, 4400, `query needs "id"`},
		{"id too long", "alice", []string{`{"op":"cancel","id":"` + strings.Repeat("x", 129) + `"}`}, 4400, "id is longer"},
		{"no report", "alice", []string{`{"op":"subscribe","id":"s"}`}, 4400, `subscribe needs "report"`},
		{"credit of nothing", "alice", []string{`{"op":"credit","id":"q"}`}, 4400, `credit needs "n"`},
		{"id in use", "alice", []string{slow, slow}, 4409, "under way"},
		{"too many operations", "alice", []string{slow, strings.Replace(slow, `"q"`, `"r"`, 1), strings.Replace(slow, `"q"`, `"s"`, 1)}, 4429, "too many"},
		{"message too big", "alice", []string{`{"op":"ping"` + strings.Repeat(" ", 300<<10) + `}`}, 1009, "too big"},
		{"asked before signing in", "", []string{slow}, 4401, "not signed in"},
		{"unknown token", "", []string{`{"op":"auth","token":"mallory"}`}, 4401, "not signed in"},
		{"no token", "", []string{`{"op":"auth"}`}, 4400, `auth needs "token"`},
		{"signed in twice", "alice", []string{`{"op":"auth","token":"alice"}`}, 4429, "already"},
		{"never signed in", "", nil, 4408, "nobody signed in"},
	}
	r := start(t, openBus(t), querier(stuck), func(c *reportd.Config) {
		c.Socket.Operations, c.Socket.SignIn, c.Socket.MessageBytes = 2, 500*time.Millisecond, 256<<10
		c.Socket.Linger = 0
	})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := r.dial(t, test.user)
			for _, m := range test.send {
				c.send(m)
			}
			code, reason := c.closed()
			if code != test.code || !strings.Contains(reason, test.reason) {
				t.Errorf("closed with %d %q, want %d and %q in it", code, reason, test.code, test.reason)
			}
		})
	}
}

func TestFirstMessageSignsIn(t *testing.T) {
	r := start(t, openBus(t), querier(stuck), func(c *reportd.Config) { c.Socket.SignIn = 200 * time.Millisecond })
	c := r.dial(t, "")
	c.send(`{"op":"auth","token":"alice"}`)
	c.send(`{"op":"ping"}`)
	if got, want := c.next().raw, `{"type":"pong"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := c.conn.Subprotocol(), "tdql.v1"; got != want {
		t.Errorf("sub-protocol is %q, want %q", got, want)
	}
}

func TestAnotherOriginIsRefused(t *testing.T) {
	r := start(t, openBus(t), querier(stuck))
	_, resp, err := websocket.DefaultDialer.Dial(r.url, http.Header{"Origin": {"https://evil.example"}})
	if err == nil {
		t.Fatal("a page of another origin was let in")
	}
	if resp == nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("answer is %v, want 403", resp)
	}
	_ = resp.Body.Close()
}

func TestFaultsOfAQueryComeBackWithTheirPlace(t *testing.T) {
	r := start(t, openBus(t), querier(stuck), func(c *reportd.Config) { c.QueryBytes = 1000 })
	c := r.dial(t, "alice")
	c.send(`{"op":"query","id":"q","tdql":"count ipv4 1.1.1.1 last 7x"}`)
	f := c.next()
	if f.Type != "error" || f.ID != "q" || !strings.HasPrefix(f.Code, "tdql.") || len(f.Errors) != 1 || f.Errors[0].Column == 0 {
		t.Errorf("got %s, want an error frame with a place", f.raw)
	}
	c.send(`{"op":"query","id":"q","tdql":""}`)
	if f := c.next(); f.Type != "error" || !strings.HasPrefix(f.Code, "tdql.") {
		t.Errorf("an empty query: got %s, want an error frame", f.raw)
	}
	c.send(`{"op":"query","id":"q","tdql":"count ipv4 '` + strings.Repeat("1", 1000) + `'"}`)
	if f := c.next(); f.Code != "query.too_large" {
		t.Errorf("a long query: got %s, want query.too_large", f.raw)
	}
}

func TestSubmitReturnsFaults(t *testing.T) {
	r := start(t, openBus(t), querier(stuck))
	_, err := r.Submit(t.Context(), caller("alice"), reportd.Request{TDQL: "count ipv4 1.1.1.1 last 7x"})
	if f := asFaults(err); len(f) != 1 || f[0].Line != 1 {
		t.Errorf("got %v, want one fault with its place", err)
	}
	_, err = r.Submit(t.Context(), reportd.Caller{ID: "a.>"}, reportd.Request{TDQL: "events"})
	if !errors.Is(err, reportd.ErrBadRequest) {
		t.Errorf("a user named a.>: got %v, want ErrBadRequest", err)
	}
}

func TestAnothersReportIsNotThere(t *testing.T) {
	r := start(t, openBus(t), querier(stuck))
	rep, err := r.Submit(t.Context(), caller("alice"), reportd.Request{TDQL: "events"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Report(t.Context(), caller("alice"), rep.ID); err != nil {
		t.Errorf("one's own: %v", err)
	}
	c := r.dial(t, "bob")
	var answers []string
	for _, id := range []string{rep.ID, "ffffffffffffffffffffffffffffffff", "*", ">", "alice." + rep.ID} {
		if _, err := r.Report(t.Context(), caller("bob"), id); !errors.Is(err, reportd.ErrNotFound) {
			t.Errorf("report %s: got %v, want ErrNotFound", id, err)
		}
		if err := r.Cancel(t.Context(), caller("bob"), id); !errors.Is(err, reportd.ErrNotFound) {
			t.Errorf("cancel %s: got %v, want ErrNotFound", id, err)
		}
		c.send(`{"op":"subscribe","id":"s","report":"` + id + `"}`)
		answers = append(answers, c.next().raw)
	}
	for _, a := range answers {
		if a != answers[0] || !strings.Contains(a, "report.not_found") {
			t.Errorf("subscribing to another's report is answered with %s, to none with %s", answers[0], a)
		}
	}
	if list, err := r.Reports(t.Context(), caller("bob")); err != nil || len(list) != 0 {
		t.Errorf("bob sees reports %v, %v", list, err)
	}
	if list, err := r.Reports(t.Context(), caller("alice")); err != nil || len(list) != 1 {
		t.Errorf("alice sees reports %v, %v", list, err)
	}
}

func TestCancelStopsTheDatabase(t *testing.T) {
	began, ended := make(chan struct{}), make(chan error, 1)
	r := start(t, openBus(t), querier(func(ctx context.Context, q dql.Query, at uint64) ([]byte, uint64, error) {
		close(began)
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return nil, 0, ctx.Err()
	}))
	c := r.dial(t, "alice")
	c.send(`{"op":"query","id":"q","tdql":"events"}`)
	id := c.until("q", "status").Report
	<-began
	c.send(`{"op":"cancel","id":"q"}`)
	if f := c.until("q", "end"); f.Status != "cancelled" {
		t.Errorf("got %s, want an end that says cancelled", f.raw)
	}
	select {
	case <-ended:
	case <-time.After(soon):
		t.Fatal("the database still works")
	}
	eventually(t, "the report is cancelled", func() bool { return status(t, r, id) == reportd.StatusCancelled })
	if err := r.Cancel(t.Context(), caller("alice"), id); !errors.Is(err, reportd.ErrFinished) {
		t.Errorf("a second cancel: got %v, want ErrFinished", err)
	}
}

func status(tb testing.TB, r *rig, id string) reportd.Status {
	tb.Helper()
	rep, err := r.Report(tb.Context(), caller("alice"), id)
	if err != nil {
		tb.Fatal(err)
	}
	return rep.Status
}

func TestWhatWaitsIsCancelledAtOnce(t *testing.T) {
	b := openBus(t)
	idle := start(t, b, nil, func(c *reportd.Config) { c.Workers = 0 })
	rep, err := idle.Submit(t.Context(), caller("alice"), reportd.Request{TDQL: "events"})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Status != reportd.StatusWait || rep.Position != 1 {
		t.Errorf("got status %s and position %d, want wait and 1", rep.Status, rep.Position)
	}
	if err := idle.Cancel(t.Context(), caller("alice"), rep.ID); err != nil {
		t.Fatal(err)
	}
	if got := lastFrame(t, idle, rep.ID); got.Type != reportd.TypeEnd || !strings.Contains(string(got.JSON), "cancelled") {
		t.Errorf("stream ends with %s, want an end that says cancelled", got.JSON)
	}
	busy := start(t, b, querier(broken))
	next, err := busy.Submit(t.Context(), caller("alice"), reportd.Request{TDQL: "events"})
	if err != nil {
		t.Fatal(err)
	}
	lastFrame(t, busy, next.ID) // after the cancelled one, which was first in the queue
	if got := status(t, busy, rep.ID); got != reportd.StatusCancelled {
		t.Errorf("the report is %s after a worker had it, want cancelled", got)
	}
}

func lastFrame(tb testing.TB, r *rig, id string) reportd.Frame {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), soon)
	defer cancel()
	var last reportd.Frame
	for f, err := range r.Frames(ctx, caller("alice"), id, 0) {
		if err != nil {
			tb.Fatal(err)
		}
		last = f
	}
	return last
}

func TestFailureShowsNothingInternal(t *testing.T) {
	r := start(t, openBus(t), querier(func(context.Context, dql.Query, uint64) ([]byte, uint64, error) {
		return nil, 0, errors.New("alpha 10.1.2.3 says: secret")
	}))
	c := r.dial(t, "alice")
	c.send(`{"op":"query","id":"q","tdql":"events"}`)
	f := c.until("q", "error")
	if f.Code != "report.failed" || strings.Contains(f.raw, "secret") {
		t.Errorf("got %s, want report.failed and nothing of the cause", f.raw)
	}
}

func TestQueryEndsAtTheTimeLimit(t *testing.T) {
	r := start(t, openBus(t), querier(stuck), func(c *reportd.Config) { c.QueryTime = 50 * time.Millisecond })
	c := r.dial(t, "alice")
	c.send(`{"op":"query","id":"q","tdql":"events"}`)
	if f := c.until("q", "error"); f.Code != "report.time_limit" {
		t.Errorf("got %s, want report.time_limit", f.raw)
	}
}

func TestDisconnectingCancels(t *testing.T) {
	tests := []struct {
		name  string
		leave func(*client)
	}{
		{"with a close frame", func(c *client) {
			_ = c.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseGoingAway, ""), time.Now().Add(soon))
		}},
		{"without one", func(c *client) { _ = c.conn.NetConn().Close() }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ended := make(chan struct{})
			r := start(t, openBus(t), querier(func(ctx context.Context, _ dql.Query, _ uint64) ([]byte, uint64, error) {
				<-ctx.Done()
				close(ended)
				return nil, 0, ctx.Err()
			}), func(c *reportd.Config) { c.Socket.Linger = 100 * time.Millisecond })
			c := r.dial(t, "alice")
			c.send(`{"op":"query","id":"q","tdql":"events"}`)
			f := c.until("q", "status")
			for f.Status != "processing" {
				f = c.until("q", "status")
			}
			test.leave(c)
			select {
			case <-ended:
			case <-time.After(soon):
				t.Fatal("the database still works")
			}
			eventually(t, "the report is cancelled", func() bool { return status(t, r, f.Report) == reportd.StatusCancelled })
		})
	}
}

func TestReportSurvivesALostConnectionWhenItsClientComesBack(t *testing.T) {
	release := make(chan struct{})
	r := start(t, openBus(t), querier(func(ctx context.Context, _ dql.Query, _ uint64) ([]byte, uint64, error) {
		select {
		case <-release:
			return nil, 0, errors.New("done for")
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}), func(c *reportd.Config) { c.Socket.Linger = 300 * time.Millisecond })
	c := r.dial(t, "alice")
	c.send(`{"op":"query","id":"q","tdql":"events"}`)
	id := c.until("q", "status").Report
	_ = c.conn.NetConn().Close()

	back := r.dial(t, "alice")
	back.send(`{"op":"subscribe","id":"s","report":"` + id + `"}`)
	back.until("s", "status")
	eventually(t, "the first connection has given up", func() bool { return r.open.Load() == 1 })
	if got := status(t, r, id); got.Ended() {
		t.Fatalf("the report is %s although somebody is connected for it", got)
	}
	close(release)
	if f := back.until("s", "error"); f.Code != "report.failed" {
		t.Errorf("got %s, want report.failed", f.raw)
	}
}

func TestReportsTellsEachChange(t *testing.T) {
	r := start(t, openBus(t), querier(stuck))
	c := r.dial(t, "alice")
	c.send(`{"op":"reports","id":"all"}`)
	rep, err := r.Submit(t.Context(), caller("alice"), reportd.Request{TDQL: "events"})
	if err != nil {
		t.Fatal(err)
	}
	for f := c.until("all", "status"); f.Status != "processing"; f = c.until("all", "status") {
		if f.Report != rep.ID {
			t.Errorf("told of %s, want %s", f.Report, rep.ID)
		}
	}
	if err := r.Cancel(t.Context(), caller("alice"), rep.ID); err != nil {
		t.Fatal(err)
	}
	for f := c.until("all", "status"); f.Status != "cancelled"; f = c.until("all", "status") {
		if f.Status == "failed" || f.Status == "ready" {
			t.Fatalf("got %s, want cancelled", f.raw)
		}
	}
	c.send(`{"op":"cancel","id":"all"}`)
	if f := c.until("all", "end"); f.Status != "cancelled" {
		t.Errorf("got %s, want an end that says cancelled", f.raw)
	}
}

func TestShutdownSaysSo(t *testing.T) {
	r := start(t, openBus(t), querier(stuck))
	c := r.dial(t, "alice")
	c.send(`{"op":"query","id":"q","tdql":"events"}`)
	c.until("q", "status")
	stopped := make(chan error, 1)
	began := time.Now()
	go func() { stopped <- r.stop() }()
	if code, _ := c.closed(); code != websocket.CloseServiceRestart {
		t.Errorf("closed with %d, want 1012", code)
	}
	if err := <-stopped; err != nil || time.Since(began) > 5*time.Second {
		t.Errorf("stopped after %s with %v", time.Since(began), err)
	}
}

func TestShutdownDoesNotWaitForAStuckClient(t *testing.T) {
	r := start(t, openBus(t), querier(stuck), func(c *reportd.Config) { c.Socket.Drain = 500 * time.Millisecond })
	c := r.dial(t, "alice") // never reads
	c.send(`{"op":"query","id":"q","tdql":"events"}`)
	began := time.Now()
	if err := r.stop(); err != nil || time.Since(began) > 3*time.Second {
		t.Errorf("stopped after %s with %v", time.Since(began), err)
	}
}
