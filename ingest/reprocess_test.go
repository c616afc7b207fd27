package ingest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
)

// archive is a service on the test's Dgraph, which it reads too.
func archive(t *testing.T, b *bus.Bus, store *graph.Store) *ingest.Service {
	t.Helper()
	k, err := keys()
	if err != nil {
		t.Fatal(err)
	}
	return open(t, ingest.Config{Bus: b, Graph: store, Archive: store, Keys: k, Logger: logger(t), Silence: time.Second})
}

// store writes raws as they would be there if no filter had known them.
func storeRaws(t *testing.T, store *graph.Store, state tahoe.RawState, owner tahoe.Hash, texts ...string) (hashes []tahoe.Hash) {
	t.Helper()
	var records []tahoe.Record
	for i, text := range texts {
		data, err := tahoe.ParseValue([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := tahoe.NewRaw("cowrie", data, owner.String(), "UTC")
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, tahoe.Record{Raw: raw, State: state, Received: 1.7e9 + float64(i)*86400})
		hashes = append(hashes, raw.Hash())
	}
	if _, err := store.Write(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	return hashes
}

func reprocess(t *testing.T, s *ingest.Service, j ingest.Job) ingest.Job {
	t.Helper()
	j, err := s.Reprocess(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "job is through", func() bool {
		if j, err = s.Job(t.Context(), j.ID); err != nil {
			t.Fatal(err)
		}
		return !j.Ended.IsZero()
	})
	return j
}

func lines(text string) []string { return strings.Split(strings.TrimSpace(text), "\n") }

func TestWhatWaitedForAFilterIsTakenUp(t *testing.T) {
	store := testdgraph.Open(t)
	b := openBus(t, t.TempDir())
	storeRaws(t, store, tahoe.NotSupported, org, lines(logins(250))...)
	storeRaws(t, store, tahoe.Invalid, org, `{"eventid":"none"}`)
	s := archive(t, b, store)
	run(t, s)
	until(t, "raws are mapped", func() bool { return countVertices(t).Event == 250 })
	var jobs []ingest.Job
	until(t, "jobs are through", func() bool {
		var err error
		if jobs, err = s.Jobs(t.Context()); err != nil {
			t.Fatal(err)
		}
		return len(jobs) == 1 && !jobs[0].Ended.IsZero()
	})
	if j := jobs[0]; !j.Automatic || j.Typetag != "cowrie" || j.Total != 251 || j.Seen != 251 || j.Mapped != 250 || j.Invalid != 1 || j.Events != 250 {
		t.Errorf("got %+v", j)
	}
	// The same filters at the next start are nothing new.
	storeRaws(t, store, tahoe.NotSupported, org, login(1000))
	again := archive(t, b, store)
	run(t, again)
	finish(t, again, accept(t, again, "cowrie", login(2000)).ID)
	if got := countVertices(t).Event; got != 251 {
		t.Errorf("got %d events, want 251", got)
	}
	if j := reprocess(t, s, ingest.Job{Typetag: "cowrie"}); j.Seen != 253 || j.Mapped != 252 || j.Invalid != 1 || j.Total != 253 || j.Automatic {
		t.Errorf("all: got %+v", j)
	}
	if got := countVertices(t).Event; got != 252 {
		t.Errorf("got %d events, want 252", got)
	}
}

func TestReprocessIsAboutWhatItIsToldOf(t *testing.T) {
	store := testdgraph.Open(t)
	s := archive(t, openBus(t, t.TempDir()), store)
	run(t, s)
	other := tahoe.OrgHash("other")
	mine := storeRaws(t, store, tahoe.Kept, org, lines(logins(4))...) // which the start leaves alone
	storeRaws(t, store, tahoe.Kept, other, lines(logins(4))[2:]...)   // two raws are of both, and came to the other earlier
	day := func(n int) time.Time { return time.Unix(1.7e9, 0).AddDate(0, 0, n) }
	for _, step := range []struct {
		name   string
		job    ingest.Job
		mapped int
		events int // in the graph, thereafter
	}{
		{"another format", ingest.Job{Typetag: "suricata"}, 0, 0},
		{"an organisation without data", ingest.Job{Typetag: "cowrie", Org: tahoe.OrgHash("nobody")}, 0, 0},
		{"before all", ingest.Job{Typetag: "cowrie", Until: day(0)}, 0, 0},
		{"one day", ingest.Job{Typetag: "cowrie", Org: org, Since: day(1), Until: day(2)}, 2, 2},
		{"the other", ingest.Job{Typetag: "cowrie", Org: other}, 2, 4},
		{"all", ingest.Job{Typetag: "cowrie"}, 6, 6},
		{"all again", ingest.Job{Typetag: "cowrie"}, 6, 6},
	} {
		if j := reprocess(t, s, step.job); j.Mapped != step.mapped || j.State != ingest.JobFinished {
			t.Errorf("%s: got %+v, want %d mapped", step.name, j, step.mapped)
		}
		if got := countVertices(t).Event; got != step.events {
			t.Errorf("%s: got %d events, want %d", step.name, got, step.events)
		}
	}
	raw, text, err := s.Raw(t.Context(), mine[0])
	if err != nil || raw.State != tahoe.Mapped || !json.Valid(text) {
		t.Errorf("got %+v, %s, %v", raw, text, err)
	}
	for _, j := range []ingest.Job{{Typetag: "none"}, {Typetag: "cowrie", Since: day(1), Until: day(1)}} {
		if _, err := s.Reprocess(t.Context(), j); !errors.Is(err, ingest.ErrInvalid) {
			t.Errorf("%+v: got %v, want ErrInvalid", j, err)
		}
	}
}

// TestEventsKeepTheirTimeOfArrival has a record without a stamp: run again, it would be a second event.
func TestEventsKeepTheirTimeOfArrival(t *testing.T) {
	store := testdgraph.Open(t)
	s := archive(t, openBus(t, t.TempDir()), store)
	run(t, s)
	finish(t, s, accept(t, s, "sighting", `{"ipv4":"192.0.2.1"}`+"\n"+`{"ipv4":"192.0.2.2","timestamp":5}`).ID)
	if j := reprocess(t, s, ingest.Job{Typetag: "sighting"}); j.Undated != 1 || j.Mapped != 1 || countVertices(t).Event != 2 {
		t.Errorf("got %+v and %+v", j, countVertices(t))
	}
}

func TestPersonsCategoryStays(t *testing.T) {
	store := testdgraph.Open(t)
	s := archive(t, openBus(t, t.TempDir()), store)
	run(t, s)
	finish(t, s, accept(t, s, "cowrie", login(1)).ID)
	alter(t, `upsert { query { q(func: type(Event)) { e as uid } } mutation { set { uid(e) <category> "benign" . } } }`)
	for range 2 {
		reprocess(t, s, ingest.Job{Typetag: "cowrie"})
		finish(t, s, accept(t, s, "cowrie", login(1)).ID)
	}
	var answer struct {
		Data struct{ Q []struct{ Category string } }
	}
	query(t, `{ q(func: type(Event)) { category } }`, &answer)
	if len(answer.Data.Q) != 1 || answer.Data.Q[0].Category != "benign" {
		t.Errorf("got %+v, want the one event benign, as it was said", answer.Data.Q)
	}
}

func TestLongRecordsAreThereWhole(t *testing.T) {
	store := testdgraph.Open(t)
	b := openBus(t, t.TempDir())
	s := archive(t, b, store)
	run(t, s)
	long := largeLogin(3 << 20)
	finish(t, s, accept(t, s, "cowrie", long+"\n"+login(2)).ID)
	finish(t, s, accept(t, s, "cowrie", `{"sha256":"x","bytes":5,"begins":"short"}`).ID)
	var answer struct {
		Data struct{ Q []struct{ Hash tahoe.Hash } }
	}
	query(t, `{ q(func: type(Raw)) @filter(NOT eq(state, "invalid")) { hash } }`, &answer)
	found := 0
	for _, raw := range answer.Data.Q {
		_, text, err := s.Raw(t.Context(), raw.Hash)
		if err != nil {
			t.Fatal(err)
		}
		if string(text) == long {
			found++
		}
	}
	if found != 1 {
		t.Errorf("the long record was found %d times among %d", found, len(answer.Data.Q))
	}
	if j := reprocess(t, s, ingest.Job{Typetag: "cowrie"}); j.Mapped != 2 || j.Invalid != 1 || j.Lost != 0 {
		t.Errorf("got %+v", j)
	}
	raws, err := b.Stream(t.Context(), bus.StreamConfig{Name: "raws", Subjects: []string{"raws.*"}, Latest: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := raws.Purge(t.Context(), "raws.*"); err != nil {
		t.Fatal(err)
	}
	if j := reprocess(t, s, ingest.Job{Typetag: "cowrie"}); j.Mapped != 1 || j.Invalid != 1 || j.Lost != 1 {
		t.Errorf("without what was kept: got %+v", j)
	}
}

// TestLongRecordsAreForgottenWithTheirRaws removes one of two long records from the graph: its text goes when it is old enough, the other one stays.
func TestLongRecordsAreForgottenWithTheirRaws(t *testing.T) {
	store := testdgraph.Open(t)
	b := openBus(t, t.TempDir())
	s := archive(t, b, store)
	run(t, s)
	begun := time.Now()
	going := accept(t, s, "cowrie", largeLogin(2<<20)).ID
	finish(t, s, going)
	finish(t, s, accept(t, s, "cowrie", largeLogin(3<<20)).ID)
	forget := func(before time.Time, want uint64) {
		t.Helper()
		if err := s.ForgetWhole(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		if got := keptWhole(t, b); got != want {
			t.Errorf("%d long records are kept, want %d", got, want)
		}
	}
	forget(time.Now().Add(time.Hour), 2) // of both there are raws
	var answer struct {
		Data struct {
			Q []struct {
				Hash tahoe.Hash
				Data string
			}
		}
	}
	query(t, `{ q(func: type(Raw)) { hash data } }`, &answer)
	var stays tahoe.Hash
	for _, raw := range answer.Data.Q {
		if strings.Contains(raw.Data, fmt.Sprint(len(largeLogin(3<<20)))) {
			stays = raw.Hash
			continue
		}
		if _, err := store.RemoveUploads(t.Context(), org.String(), []tahoe.Hash{raw.Hash}); err != nil {
			t.Fatal(err)
		}
	}
	forget(begun, 2) // it is too young: its raw may be on the way
	forget(time.Now().Add(time.Hour), 1)
	if _, text, err := s.Raw(t.Context(), stays); err != nil || string(text) != largeLogin(3<<20) {
		t.Errorf("the one that stays has %d bytes, %v", len(text), err)
	}
}

// keptWhole counts the long records that are kept.
func keptWhole(t *testing.T, b *bus.Bus) uint64 {
	t.Helper()
	raws, err := b.Stream(t.Context(), bus.StreamConfig{Name: "raws", Subjects: []string{"raws.*"}, Latest: true})
	if err != nil {
		t.Fatal(err)
	}
	st, err := raws.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return st.Messages
}

// TestTakenBackUploadsTakeTheirLongRecords takes back an upload with two long records, of which another organisation has one.
func TestTakenBackUploadsTakeTheirLongRecords(t *testing.T) {
	store := testdgraph.Open(t)
	b := openBus(t, t.TempDir())
	s := archive(t, b, store)
	run(t, s)
	shared := largeLogin(3 << 20)
	going := accept(t, s, "cowrie", largeLogin(2<<20)+"\n"+login(2)+"\n"+shared).ID
	finish(t, s, going)
	other := tahoe.OrgHash("other")
	r, err := s.Accept(t.Context(), ingest.Upload{Typetag: "cowrie", Org: other, Name: "test"}, strings.NewReader(shared))
	if err != nil {
		t.Fatal(err)
	}
	finish(t, s, r.ID)
	takeBack := func(id string, owner tahoe.Hash, want uint64) {
		t.Helper()
		err := s.TakeBack(t.Context(), id, func(ctx context.Context, raws []tahoe.Hash) error {
			_, err := store.RemoveUploads(ctx, owner.String(), raws)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := keptWhole(t, b); got != want {
			t.Errorf("%d long records are kept, want %d", got, want)
		}
	}
	takeBack(going, org, 1)
	takeBack(r.ID, other, 0)
}

func TestJobGoesOnWhereItWas(t *testing.T) {
	store := testdgraph.Open(t)
	b := openBus(t, t.TempDir())
	storeRaws(t, store, tahoe.NotSupported, org, lines(logins(450))...)
	s := archive(t, b, store)
	j, err := s.Reprocess(t.Context(), ingest.Job{ID: "job-1", Typetag: "cowrie"})
	if err != nil {
		t.Fatal(err)
	}
	// Each run ends after its first page or so, until none is left.
	for runs := 1; j.Ended.IsZero(); runs++ {
		seen := j.Seen
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		until(t, "job goes on", func() bool {
			j, err = s.Job(t.Context(), "job-1")
			return err == nil && (j.Seen > seen || !j.Ended.IsZero())
		})
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if j, err = s.Job(t.Context(), "job-1"); err != nil || runs > 20 {
			t.Fatalf("run %d: got %+v, %v", runs, j, err)
		}
	}
	if j.Seen < 450 || j.Mapped+j.Kept != j.Seen || countVertices(t).Event != 450 {
		t.Errorf("got %+v", j)
	}
	if err := s.Cancel(t.Context(), "job-1"); err != nil {
		t.Error(err)
	}
	if j, _ := s.Job(t.Context(), "job-1"); j.State != ingest.JobFinished {
		t.Errorf("cancelled when it had ended: got %+v", j)
	}
}

func TestCancelledJobDoesNothing(t *testing.T) {
	store := testdgraph.Open(t)
	storeRaws(t, store, tahoe.Kept, org, lines(logins(10))...)
	s := archive(t, openBus(t, t.TempDir()), store)
	if _, err := s.Reprocess(t.Context(), ingest.Job{ID: "job-1", Typetag: "cowrie"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Cancel(t.Context(), "job-1"); err != nil {
		t.Fatal(err)
	}
	run(t, s)
	if j := reprocess(t, s, ingest.Job{Typetag: "suricata"}); j.State != ingest.JobFinished { // it stands behind it
		t.Errorf("got %+v", j)
	}
	if got := countVertices(t).Event; got != 0 {
		t.Errorf("got %d events, want none", got)
	}
}

// alter runs a mutation in Dgraph, as a person's tool would.
func alter(t *testing.T, text string) {
	t.Helper()
	post(t, "/mutate?commitNow=true", "application/rdf", text, nil)
}

func query(tb testing.TB, text string, answer any) {
	tb.Helper()
	post(tb, "/query?ro=true", "application/dql", text, answer)
}

func post(tb testing.TB, path, contentType, text string, answer any) {
	tb.Helper()
	res, err := http.Post(testdgraph.Server(tb).HTTP()+path, contentType, strings.NewReader(text))
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close()
	var whole json.RawMessage
	if err := json.NewDecoder(res.Body).Decode(&whole); err != nil {
		tb.Fatal(err)
	}
	if strings.HasPrefix(string(whole), `{"errors"`) {
		tb.Fatalf("Dgraph answers %s", whole)
	}
	if answer == nil {
		return
	}
	if err := json.Unmarshal(whole, answer); err != nil {
		tb.Fatal(err)
	}
}
