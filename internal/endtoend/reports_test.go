package endtoend_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cybexp/cybexp/reportd"
)

// asked is what came of one query.
type asked struct {
	rows   []string
	begun  []time.Time // when attempts at it began
	status reportd.Status
	err    error
}

// TestReportsOutliveTheirWorkers kills one of two report daemons at a random moment, again and again, while queries are under way. Every
// report ends whole: no row is missing, none comes twice, and another worker takes it up within ten seconds.
func TestReportsOutliveTheirWorkers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	alpha, nats := startDgraph(t, dir), startNATS(t, dir)
	data := filepath.Join(dir, "keys")
	shared := []string{"--data", data, "--dgraph", alpha.Target(), "--dgraph-http", alpha.HTTP(), "--nats", nats}
	web := startRole(t, append([]string{"web", "--listen", "127.0.0.1:0"}, shared...))
	line, err := bufio.NewReader(web.out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if err != nil || !ok {
		t.Fatalf("web printed %q, %v\n%s", line, err, web.log)
	}
	startRole(t, append([]string{"ingest"}, shared...))
	worker := append([]string{"reportd", "--workers", "2"}, shared...)
	workers := []*role{startRole(t, worker), startRole(t, worker)}
	p := &platform{t: t, data: data, url: url, log: web.log}
	p.must("org", "create", "demo")
	if r := p.send(sample, "demo"); r["mapped"] != 622.0 {
		t.Fatalf("mapped %v of 622 records", r["mapped"])
	}
	want := p.ask("events")
	if want.err != nil || len(want.rows) == 0 {
		t.Fatalf("got %d rows, %v", len(want.rows), want.err)
	}

	const rounds, most, queries = 3, 8, 16
	taken, made := 0, 1
	for round := 0; round < rounds || taken == 0 && round < most; round++ {
		made += queries
		answers := make(chan asked, queries)
		for range queries {
			go func() { answers <- p.ask("events") }()
		}
		<-time.After(time.Duration(50+rand.IntN(400)) * time.Millisecond)
		victim := rand.IntN(len(workers))
		killed := time.Now()
		if err := workers[victim].cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = workers[victim].cmd.Wait() // killed
		for range queries {
			got := <-answers
			if got.err != nil || got.status != reportd.StatusReady || !slices.Equal(got.rows, want.rows) {
				t.Errorf("round %d: a report ended %s with %d rows, %v; want the same %d", round, got.status, len(got.rows), got.err, len(want.rows))
			}
			if len(got.begun) > 1 {
				taken++
				if wait := got.begun[1].Sub(killed); wait > 10*time.Second {
					t.Errorf("round %d: a report was taken up after %s", round, wait)
				}
			}
		}
		workers[victim] = startRole(t, worker)
	}
	if taken == 0 {
		t.Error("no kill hit a query that was under way")
	}
	t.Logf("%d reports went to another worker", taken)
	p.remembers(alpha.HTTP(), "events", made, len(want.rows))
}

// ask asks over a websocket and reads to the end.
func (p *platform) ask(text string) (got asked) {
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	token, err := os.ReadFile(filepath.Join(p.data, "admin.token"))
	if err != nil {
		return asked{err: err}
	}
	c, err := reportd.Dial(ctx, p.url, strings.TrimSpace(string(token)))
	if err != nil {
		return asked{err: err}
	}
	defer c.Close()
	for f, err := range c.Query(ctx, text, nil) {
		if err == nil {
			err = got.add(f)
		}
		if err != nil {
			got.err = err
			return got
		}
	}
	return got
}

func (a *asked) add(f reportd.Frame) error {
	switch f.Type {
	case reportd.TypeStatus:
		var s reportd.StatusNote
		if err := json.Unmarshal(f.JSON, &s); err != nil {
			return err
		}
		if s.Status == reportd.StatusProcessing {
			a.begun = append(a.begun, time.Now())
		}
	case reportd.TypeRows:
		rows, err := f.Rows()
		if err != nil {
			return err
		}
		for _, r := range rows {
			a.rows = append(a.rows, string(r))
		}
		if f.Seq != uint64(len(a.rows)) {
			return fmt.Errorf("row %d came as number %d", len(a.rows), f.Seq)
		}
	case reportd.TypeEnd:
		end, err := f.End()
		a.status = end.Status
		return err
	case reportd.TypeError:
		return fmt.Errorf("got %s", f.JSON)
	case reportd.TypeHeader, reportd.TypeProgress:
	}
	return nil
}

// question is a question that the graph remembers.
type question struct {
	Text    string `json:"query_text"`
	User    string `json:"query_user"`
	Reports []struct {
		Status string `json:"report_status"`
		Rows   int    `json:"report_rows"`
	} `json:"~report_of"`
}

// remembers waits until the graph tells who asked a question, and how many of its reports ended well.
func (p *platform) remembers(alpha, text string, reports, rows int) {
	p.t.Helper()
	var answer struct{ Data struct{ Q []question } }
	known := func(q question) bool {
		n := 0
		for _, r := range q.Reports {
			if r.Status == "ready" && r.Rows == rows {
				n++
			}
		}
		return q.Text == text && len(q.User) == 64 && n == reports
	}
	for deadline := time.Now().Add(30 * time.Second); !slices.ContainsFunc(answer.Data.Q, known); time.Sleep(100 * time.Millisecond) {
		resp, err := http.Post(alpha+"/query", "application/dql",
			strings.NewReader(`{ q(func: type(Query)) { query_text query_user ~report_of { report_status report_rows } } }`))
		if err != nil {
			p.t.Fatal(err)
		}
		err = json.NewDecoder(resp.Body).Decode(&answer)
		_ = resp.Body.Close()
		if err != nil || time.Now().After(deadline) {
			p.t.Fatalf("the graph tells of %+v, %v", answer.Data.Q, err)
		}
	}
}
