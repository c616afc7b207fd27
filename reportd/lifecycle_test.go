package reportd_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/tdql/dql"
)

func broken(context.Context, dql.Query, uint64) ([]byte, uint64, error) {
	return nil, 0, errors.New("no database")
}

func shortLease(c *reportd.Config) { c.Lease = time.Second }

func noWorkers(c *reportd.Config) { c.Workers = 0 }

func TestEqualSharedQueriesOfAnHourAreOneReport(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 10, 0, 0, time.UTC)
	r := start(t, openBus(t), nil, noWorkers, func(c *reportd.Config) { c.Now = func() time.Time { return now } })
	ask := func(who string, req reportd.Request) string {
		t.Helper()
		req.Shared = true
		rep, err := r.Submit(t.Context(), caller(who), req)
		if err != nil {
			t.Fatal(err)
		}
		return rep.ID
	}
	text := reportd.Request{TDQL: "count ipv4 1.1.1.1"}
	first := ask("alice", text)
	if got := ask("alice", reportd.Request{TDQL: "COUNT  ipv4 1.1.1.1"}); got != first {
		t.Errorf("the same question, spelled differently, is report %s, want %s", got, first)
	}
	if ask("bob", text) == first {
		t.Error("two users share a report")
	}
	if ask("alice", reportd.Request{TDQL: "count ipv4 2.2.2.2"}) == first {
		t.Error("two questions share a report")
	}
	redone := ask("alice", reportd.Request{TDQL: text.TDQL, Redo: true})
	if redone == first {
		t.Error("redo gave the old report")
	}
	if got := ask("alice", text); got != redone {
		t.Errorf("after redo the question is report %s, want the new one, %s", got, redone)
	}
	now = now.Add(time.Hour)
	if got := ask("alice", text); got == first || got == redone {
		t.Error("a report is shared beyond its hour")
	}
	unshared, err := r.Submit(t.Context(), caller("alice"), text)
	if err != nil || unshared.ID == first || unshared.ID == redone {
		t.Errorf("an unshared query is report %s, %v", unshared.ID, err)
	}
}

func TestAcceptedQuerySurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	open := func() *bus.Bus {
		b, err := bus.Open(t.Context(), bus.Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = b.Close() })
		return b
	}
	b := open()
	r := start(t, b, nil, noWorkers)
	waiting, err := r.Submit(t.Context(), caller("alice"), reportd.Request{TDQL: "events"})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.stop(), b.Close()); err != nil {
		t.Fatal(err)
	}
	r = start(t, open(), querier(broken))
	eventually(t, "the query has been run", func() bool {
		rep, err := r.Report(t.Context(), caller("alice"), waiting.ID)
		return err == nil && rep.Status == reportd.StatusFailed
	})
	if f := lastFrame(t, r, waiting.ID); !strings.Contains(string(f.JSON), "report.failed") {
		t.Errorf("stream ends with %s, want report.failed", f.JSON)
	}
}

func TestReportWhoseLogIsLostCannotBeResumed(t *testing.T) {
	dir := t.TempDir()
	b, err := bus.Open(t.Context(), bus.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	r := start(t, b, querier(stuck), shortLease)
	rep, err := r.Submit(t.Context(), caller("alice"), reportd.Request{TDQL: "events"})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the query runs", func() bool { return status(t, r, rep.ID) == reportd.StatusProcessing })
	if err := errors.Join(r.stop(), b.Close()); err != nil {
		t.Fatal(err)
	}
	if b, err = bus.Open(t.Context(), bus.Config{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	r = start(t, b, querier(broken), shortLease)
	eventually(t, "the query has been run again", func() bool {
		got, err := r.Report(t.Context(), caller("alice"), rep.ID)
		return err == nil && got.Status.Ended()
	})
	for _, err := range r.Frames(t.Context(), caller("alice"), rep.ID, 10) {
		if !errors.Is(err, reportd.ErrExpired) {
			t.Errorf("resuming after row 10: got %v, want ErrExpired", err)
		}
		break
	}
	lastFrame(t, r, rep.ID) // from the beginning it can be read
}

func TestPassingFailureIsTriedAgain(t *testing.T) {
	passing := errors.New("database restarts")
	tries := 0
	r := start(t, openBus(t), querier(func(context.Context, dql.Query, uint64) ([]byte, uint64, error) {
		if tries++; tries == 1 {
			return nil, 0, passing
		}
		return nil, 0, errors.New("no database")
	}), func(c *reportd.Config) {
		c.Workers = 1
		c.Retry = func(err error) bool { return errors.Is(err, passing) }
	})
	rep, err := r.Submit(t.Context(), caller("alice"), reportd.Request{TDQL: "events"})
	if err != nil {
		t.Fatal(err)
	}
	lastFrame(t, r, rep.ID)
	if tries != 2 {
		t.Errorf("the database was asked %d times, want 2", tries)
	}
}

// TestDatabaseStaysAway tries as often as it may, and then says what is the matter.
func TestDatabaseStaysAway(t *testing.T) {
	r := start(t, openBus(t), querier(func(context.Context, dql.Query, uint64) ([]byte, uint64, error) {
		return nil, 0, errors.New("connection refused by 192.0.2.7")
	}), func(c *reportd.Config) {
		c.Workers, c.Attempts = 1, 2
		c.Retry = func(error) bool { return true }
	})
	rep, err := r.Submit(t.Context(), caller("alice"), reportd.Request{TDQL: "events"})
	if err != nil {
		t.Fatal(err)
	}
	lastFrame(t, r, rep.ID)
	got, err := r.Report(t.Context(), caller("alice"), rep.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != reportd.StatusFailed || got.Error == nil || got.Error.Message != "the database does not answer: try again later" {
		t.Errorf("the report is %s with %+v", got.Status, got.Error)
	}
}

func TestFullQueueIsBusy(t *testing.T) {
	r := start(t, openBus(t), nil, noWorkers, func(c *reportd.Config) { c.QueueBytes = 2000 })
	for range 20 {
		rep, err := r.Submit(t.Context(), caller("alice"), reportd.Request{TDQL: "events"})
		if err == nil {
			continue
		}
		if !errors.Is(err, reportd.ErrBusy) {
			t.Errorf("got %v, want ErrBusy", err)
		}
		if _, err := r.Report(t.Context(), caller("alice"), rep.ID); !errors.Is(err, reportd.ErrNotFound) {
			t.Errorf("the report that was not taken: got %v, want ErrNotFound", err)
		}
		return
	}
	t.Error("the queue never fills")
}

func TestTooManyReportsAreBusy(t *testing.T) {
	r := start(t, openBus(t), nil, noWorkers, func(c *reportd.Config) { c.ReportBytes = 2000 })
	eventually(t, "no more reports are taken", func() bool {
		_, err := r.Submit(t.Context(), caller("alice"), reportd.Request{TDQL: "events"})
		return errors.Is(err, reportd.ErrBusy)
	})
}

func TestNothingIsLeftRunning(t *testing.T) {
	r := start(t, openBus(t), querier(stuck), func(c *reportd.Config) { c.Socket.Linger = 0 })
	for range 5 {
		c := r.dial(t, "alice")
		c.send(`{"op":"query","id":"q","tdql":"events"}`)
		c.send(`{"op":"reports","id":"r"}`)
		c.until("q", "status")
		_ = c.conn.Close()
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	stacks := make([]byte, 1<<20)
	eventually(t, "the goroutines have ended", func() bool {
		text := string(stacks[:runtime.Stack(stacks, true)])
		return !strings.Contains(text, "reportd.(*") && !strings.Contains(text, "bus.(*Stream)") && !strings.Contains(text, "bus.(*KV)")
	})
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	err := reportd.DefaultConfig().Validate()
	for _, want := range []string{"a bus is needed", "workers need a database", "rights must be known"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}
