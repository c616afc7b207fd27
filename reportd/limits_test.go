package reportd_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/reportd"
)

func submit(tb testing.TB, r *rig, who, text string) reportd.Report {
	tb.Helper()
	rep, err := r.Submit(tb.Context(), caller(who), reportd.Request{TDQL: text})
	if err != nil {
		tb.Fatal(err)
	}
	return rep
}

func TestUsersTakeTurns(t *testing.T) {
	b := openBus(t)
	front := start(t, b, nil, noWorkers)
	var hers []string
	for i := range 5 {
		hers = append(hers, submit(t, front, "alice", fmt.Sprintf("count ipv4 10.0.0.%d", i)).ID)
	}
	his := submit(t, front, "bob", "count ipv4 10.0.0.1")
	start(t, b, querier(broken), func(c *reportd.Config) { c.Workers = 1 })
	ended := func(who, id string) (at time.Time) {
		eventually(t, "the query has been run", func() bool {
			rep, err := front.Report(t.Context(), caller(who), id)
			if err == nil && rep.Ended != nil {
				at = *rep.Ended
			}
			return !at.IsZero()
		})
		return at
	}
	if ended("bob", his.ID).After(ended("alice", hers[2])) {
		t.Error("bob's one query came after the third of alice's five")
	}
}

func TestThePlaceInTheQueueKnowsOfTurns(t *testing.T) {
	r := start(t, openBus(t), nil, noWorkers)
	for i := range 5 {
		submit(t, r, "alice", fmt.Sprintf("count ipv4 10.0.0.%d", i))
	}
	asked := 0 // by as many users
	eventually(t, "somebody's first query comes after one of each other user", func() bool {
		rep := submit(t, r, fmt.Sprint("user", asked), "count ipv4 10.0.0.1")
		asked++
		return rep.Position > 1 && rep.Position <= asked+1
	})
}

func TestAUserHasOnlySoManyQueries(t *testing.T) {
	r := start(t, openBus(t), nil, noWorkers, func(c *reportd.Config) { c.UserQueries = 2 })
	submit(t, r, "alice", "events")
	submit(t, r, "alice", "events")
	if _, err := r.Submit(t.Context(), caller("alice"), reportd.Request{TDQL: "events"}); !errors.Is(err, reportd.ErrUserBusy) {
		t.Errorf("the third query got %v, want ErrUserBusy", err)
	}
	submit(t, r, "bob", "events")
	c := r.dial(t, "alice")
	c.send(query("q", "events"))
	if f := c.until("q", "error"); f.Code != "query.too_many" {
		t.Errorf("over the websocket: got %s, want query.too_many", f.raw)
	}
}

func TestAUserHasOnlySoManyConnections(t *testing.T) {
	r := start(t, openBus(t), nil, noWorkers, func(c *reportd.Config) { c.Socket.UserSockets = 2 })
	first := r.dial(t, "alice")
	first.send(`{"op":"ping"}`)
	first.next()
	second := r.dial(t, "")
	second.send(`{"op":"auth","token":"alice"}`)
	second.send(`{"op":"ping"}`)
	second.next()
	if code, why := r.dial(t, "alice").closed(); code != reportd.CloseTooMany {
		t.Errorf("the third connection was closed with %d %s, want %d", code, why, reportd.CloseTooMany)
	}
	bob := r.dial(t, "bob")
	bob.send(`{"op":"ping"}`)
	bob.next()
	_ = first.conn.Close()
	eventually(t, "there is room for another", func() bool {
		c := r.dial(t, "alice")
		c.send(`{"op":"ping"}`)
		_, err := c.read()
		return err == nil
	})
}

func TestTheLimitOfWorkIsTold(t *testing.T) {
	r := start(t, openBus(t), seeded(t), func(c *reportd.Config) { c.QueryWork = 3 })
	c := r.dial(t, "alice")
	c.send(query("rows", allEvents))
	rows, end := c.all("rows")
	if len(rows) == 0 || len(rows) >= redEvents || end.Status != "ready" || len(end.Warnings) != 1 || end.Warnings[0].Code != "report.work_limit" {
		t.Errorf("got %d rows and %s, want some and a warning", len(rows), end.raw)
	}
	c.send(query("counts", "events login | limit 50 | count by username"))
	if rows, end := c.all("counts"); len(rows) != 0 || end.Code != "report.work_limit" {
		t.Errorf("got %d rows and %s, want an error: a count of a part is wrong", len(rows), end.raw)
	}
}

func TestTheTimeLimitLeavesTheRowsThatWereShown(t *testing.T) {
	g := newGate(seeded(t), 2)
	r := start(t, openBus(t), g, func(c *reportd.Config) { c.QueryTime = 2 * time.Second })
	c := r.dial(t, "alice")
	c.send(query("q", allEvents))
	rows, end := c.all("q")
	if len(rows) == 0 || end.Status != "ready" || len(end.Warnings) != 1 || end.Warnings[0].Code != "report.time_limit" {
		t.Errorf("got %d rows and %s, want some and a warning", len(rows), end.raw)
	}
}

func TestAnEqualQueryIsSharedOverTheWebsocketOnRequest(t *testing.T) {
	r := start(t, openBus(t), querier(broken))
	c := r.dial(t, "alice")
	ask := func(id, redo string) string {
		c.send(fmt.Sprintf(`{"op":"query","id":%q,"tdql":"events"%s}`, id, redo))
		rep := c.until(id, "status").Report
		c.all(id)
		return rep
	}
	first := ask("a", `,"redo":false`)
	if got := ask("b", `,"redo":false`); got != first {
		t.Errorf("the same question within the hour made report %s, want %s", got, first)
	}
	if ask("c", `,"redo":true`) == first || ask("d", "") == first {
		t.Error("a question that is to be asked anew got the old report")
	}
}

// TestAReportWhoseAskerDiedBeforeItWasQueuedIsQueued makes what such a death leaves behind.
func TestAReportWhoseAskerDiedBeforeItWasQueuedIsQueued(t *testing.T) {
	b := openBus(t)
	r := start(t, b, nil, noWorkers)
	shared := reportd.Request{TDQL: "events", Shared: true}
	rep, err := r.Submit(t.Context(), caller("alice"), shared)
	if err != nil {
		t.Fatal(err)
	}
	cfg := reportd.DefaultConfig()
	kv, err := b.KV(t.Context(), bus.KVConfig{Bucket: "reportd-reports", Storage: bus.Memory, TTL: cfg.ReportTTL, MaxBytes: 2 * cfg.ReportBytes})
	if err != nil {
		t.Fatal(err)
	}
	old := rep
	old.Status, old.Created = reportd.StatusInvalid, rep.Created.Add(-time.Minute)
	data, err := json.Marshal(old)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(t.Context(), "alice."+rep.ID, data); err != nil {
		t.Fatal(err)
	}
	again, err := r.Submit(t.Context(), caller("alice"), shared)
	if err != nil || again.ID != rep.ID {
		t.Fatalf("got report %s, %v, want %s", again.ID, err, rep.ID)
	}
	if got := status(t, r, rep.ID); got != reportd.StatusWait {
		t.Errorf("the report is in state %s, want wait", got)
	}
}

// kept is a History in memory that fails at first.
type kept struct {
	mu      sync.Mutex
	failed  bool
	reports map[string]reportd.Report
}

func (k *kept) Keep(_ context.Context, r reportd.Report) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.failed {
		k.failed = true
		return errors.New("no graph")
	}
	k.reports[r.ID] = r
	return nil
}

func (*kept) Forget(context.Context, time.Time) error { return nil }

func (k *kept) get(id string) reportd.Report {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.reports[id]
}

func TestWhatHasEndedIsRemembered(t *testing.T) {
	b := openBus(t)
	front := start(t, b, nil, noWorkers)
	cancelled := submit(t, front, "alice", "events")
	if err := front.Cancel(t.Context(), caller("alice"), cancelled.ID); err != nil {
		t.Fatal(err)
	}
	ready := submit(t, front, "alice", allEvents)
	k := &kept{reports: map[string]reportd.Report{}}
	start(t, b, seeded(t), func(c *reportd.Config) { c.History = k })
	for id, want := range map[string]reportd.Status{cancelled.ID: reportd.StatusCancelled, ready.ID: reportd.StatusReady} {
		eventually(t, "the report is remembered", func() bool { return k.get(id).Status == want })
	}
	if r := k.get(ready.ID); r.Rows != redEvents || r.Scanned == 0 || r.User != "alice" || !strings.Contains(r.Canonical, "login") || r.Ended == nil {
		t.Errorf("remembered is %+v", r)
	}
}
