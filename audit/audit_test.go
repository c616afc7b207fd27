package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/tahoe"
)

// openBus starts a bus of the test's own.
func openBus(t *testing.T) *bus.Bus {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Config{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// open makes a trail over the bus, as another process would.
func open(t *testing.T, b *bus.Bus) *audit.Trail {
	t.Helper()
	j, err := b.Journal(t.Context(), "audit", 0)
	if err != nil {
		t.Fatal(err)
	}
	trail, err := audit.New(audit.Config{Log: j, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return trail
}

func read(t *testing.T, trail *audit.Trail, f audit.Filter) []audit.Line {
	t.Helper()
	lines, next, err := trail.Read(t.Context(), f, 1000)
	if err != nil || next != 0 {
		t.Fatalf("next %d, %v", next, err)
	}
	return lines
}

func texts(lines []audit.Line) [][]byte {
	out := make([][]byte, len(lines))
	for i, l := range lines {
		out[i] = l.Text
	}
	return out
}

func org(name string) tahoe.Hash { return tahoe.OrgHash(name) }

func TestARecordTellsWhoWhatAndWhere(t *testing.T) {
	trail := open(t, openBus(t))
	alice := tahoe.UserHash("alice@example.org", false)
	ctx := audit.With(t.Context(), audit.Actor{User: alice, Email: "alice@example.org", Token: "TOKEN-ID", Address: "192.0.2.1", Request: "R1"})
	if err := trail.Record(ctx, audit.Entry{
		Action: audit.OrgMembers, Orgs: []tahoe.Hash{org("acme"), org("acme")}, Object: "x\xff", Detail: map[string]string{"role": strings.Repeat("é", 300)},
	}); err != nil {
		t.Fatal(err)
	}
	r := read(t, trail, audit.Filter{})[0].Record
	detail := r.Detail["role"]
	if r.Number != 1 || r.User != alice.String() || r.Email != "alice@example.org" || r.Token != "TOKEN-ID" || r.Address != "192.0.2.1" || r.Request != "R1" ||
		r.Outcome != audit.Done || len(r.Orgs) != 1 || r.Object != "x�" || time.Since(r.Time) > time.Minute || r.Before != "" {
		t.Errorf("got %+v", r)
	}
	if len(detail) > 260 || !strings.HasSuffix(detail, "é…") {
		t.Errorf("a long text: got %q", detail)
	}
}

func TestProcessesWriteOneChain(t *testing.T) {
	b := openBus(t)
	trails := []*audit.Trail{open(t, b), open(t, b)}
	var wg sync.WaitGroup
	for _, trail := range trails {
		for i := range 20 {
			wg.Go(func() {
				if err := trail.Record(t.Context(), audit.Entry{Action: audit.Upload, Object: fmt.Sprint(i)}); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	lines := texts(read(t, open(t, b), audit.Filter{}))
	if n, _, err := audit.Verify(lines); n != 40 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	if n, _, err := audit.Verify(lines[10:]); n != 40 || err != nil {
		t.Errorf("from the middle on: got %d, %v", n, err)
	}
	for name, broken := range map[string][][]byte{
		"one is changed":     append(append(append([][]byte{}, lines[:5]...), bytes.Replace(lines[5], []byte("upload"), []byte("access"), 1)), lines[6:]...),
		"one is missing":     append(append([][]byte{}, lines[:5]...), lines[6:]...),
		"two change places":  append(append([][]byte{}, lines[:5]...), lines[6], lines[5]),
		"one is no record":   {lines[0], []byte("x")},
		"one is there twice": {lines[0], lines[0]},
	} {
		if _, _, err := audit.Verify(broken); !errors.Is(err, audit.ErrBroken) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestRecordsAreFoundByWhatTheyConcern(t *testing.T) {
	trail := open(t, openBus(t))
	var many []tahoe.Hash
	for i := range 150 {
		many = append(many, org(fmt.Sprint("org", i)))
	}
	for object, e := range map[string]audit.Entry{
		"a":    {Action: audit.Upload, Orgs: []tahoe.Hash{org("a")}},
		"b":    {Action: audit.Upload, Orgs: []tahoe.Hash{org("b")}},
		"ab":   {Action: audit.Ask, Orgs: []tahoe.Hash{org("b"), org("a")}},
		"none": {Action: audit.UserCreate},
		"many": {Action: audit.Ask, Orgs: many},
	} {
		e.Object = object
		trail.Note(t.Context(), e)
	}
	for name, c := range map[string]struct {
		filter audit.Filter
		want   map[string]int
	}{
		"all":                {audit.Filter{}, map[string]int{"a": 1, "b": 1, "ab": 1, "none": 1, "many": 3}},
		"of a":               {audit.Filter{Orgs: []tahoe.Hash{org("a")}}, map[string]int{"a": 1, "ab": 1}},
		"of b":               {audit.Filter{Orgs: []tahoe.Hash{org("b")}}, map[string]int{"b": 1, "ab": 1}},
		"of one of many":     {audit.Filter{Orgs: []tahoe.Hash{org("org149")}}, map[string]int{"many": 1}},
		"of nobody":          {audit.Filter{Orgs: []tahoe.Hash{}}, nil},
		"of who has none":    {audit.Filter{Orgs: []tahoe.Hash{org("c")}}, nil},
		"an action":          {audit.Filter{Action: "upload"}, map[string]int{"a": 1, "b": 1}},
		"actions":            {audit.Filter{Action: "user."}, map[string]int{"none": 1}},
		"before all":         {audit.Filter{Until: time.Now().Add(-time.Hour)}, nil},
		"after all":          {audit.Filter{Since: time.Now().Add(time.Hour)}, nil},
		"since an hour":      {audit.Filter{Since: time.Now().Add(-time.Hour), Orgs: []tahoe.Hash{org("a")}}, map[string]int{"a": 1, "ab": 1}},
		"until in some time": {audit.Filter{Until: time.Now().Add(time.Hour), Action: "user."}, map[string]int{"none": 1}},
	} {
		got := map[string]int{}
		for _, l := range read(t, trail, c.filter) {
			got[l.Object]++
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
	// Pages go on where the last one ended.
	var pages []int
	for f := (audit.Filter{}); ; {
		lines, next, err := trail.Read(t.Context(), f, 3)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, len(lines))
		if f.After = next; next == 0 {
			break
		}
	}
	if fmt.Sprint(pages) != "[3 3 1]" {
		t.Errorf("pages: got %v", pages)
	}
}

func TestOfManyRefusalsSomeAreTold(t *testing.T) {
	trail := open(t, openBus(t))
	from := func(address string) context.Context { return audit.With(t.Context(), audit.Actor{Address: address}) }
	for range 100 {
		trail.Note(from("2001:db8::1"), audit.Entry{Action: audit.Access, Outcome: audit.Refused})
	}
	trail.Note(from("2001:db8::2"), audit.Entry{Action: audit.Access, Outcome: audit.Refused}) // of the same network
	trail.Note(from("192.0.2.1"), audit.Entry{Action: audit.Access, Outcome: audit.Refused})
	trail.Note(from("2001:db8::1"), audit.Entry{Action: audit.SignIn, Outcome: audit.Refused})
	trail.Note(from("2001:db8::1"), audit.Entry{Action: audit.Access})
	got := ""
	for _, l := range read(t, trail, audit.Filter{}) {
		got += l.Detail["times"] + " "
	}
	if want := " 2 3 4 5 6 7 8 9 10 16 32 64    "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnAdministratorSeesWhatConcernsThem(t *testing.T) {
	alice, bob := tahoe.UserHash("alice@example.org", false), tahoe.UserHash("bob@example.org", false)
	r := audit.Record{
		Number: 2, User: bob.String(), Email: "bob@example.org", Token: "T", Address: "192.0.2.1", Request: "R", Before: "abc",
		Entry: audit.Entry{Action: audit.Ask, Orgs: []tahoe.Hash{org("a"), org("b")}, Object: "report", Query: "ipv4 192.0.2.7 | count"},
	}
	for name, c := range map[string]struct {
		reader tahoe.Hash
		member bool
		has    []string
	}{
		"of a stranger": {alice, false, []string{"bob@example.org", "report"}},
		"of a member":   {alice, true, []string{"bob@example.org", "report", "192.0.2.1", `"T"`}},
		"of themself":   {bob, true, []string{"bob@example.org", "report", "192.0.2.1", `"T"`, "192.0.2.7"}},
	} {
		text, err := json.Marshal(r.For(c.reader, []tahoe.Hash{org("a")}, c.member))
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{"bob@example.org", "report", "192.0.2.1", `"T"`, "192.0.2.7", org("b").String(), "abc"} {
			if want := strings.Contains(strings.Join(c.has, " "), part); strings.Contains(string(text), part) != want {
				t.Errorf("%s: %s: want %v in %s", name, part, want, text)
			}
		}
	}
}

// downLog is a log that cannot be written.
type downLog struct{ audit.Log }

func (downLog) Append(context.Context, string, uint64, []byte) (bool, error) {
	return false, errors.New("no disk")
}

func TestWhatCannotBeWritten(t *testing.T) {
	j, err := openBus(t).Journal(t.Context(), "audit", 0)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	trail, err := audit.New(audit.Config{Log: downLog{j}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := trail.Record(t.Context(), audit.Entry{Action: audit.UserCreate}); !errors.Is(err, audit.ErrDown) {
		t.Errorf("got %v", err)
	}
	trail.Note(t.Context(), audit.Entry{Action: audit.Ask, Query: "ipv4 192.0.2.7"})
	if text := log.String(); !strings.Contains(text, "report.ask") || !strings.Contains(text, "no disk") || strings.Contains(text, "192.0.2.7") {
		t.Errorf("the log says %q", text)
	}
	var none *audit.Trail
	none.Note(t.Context(), audit.Entry{})
	if err := none.Record(t.Context(), audit.Entry{}); err != nil {
		t.Error(err)
	}
}
