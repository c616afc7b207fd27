package graph_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql/dql"
)

// eventsOf asks for a page of the events that hold the instance.
func eventsOf(h tahoe.Hash, first int, after string) dql.Query {
	q := dql.Query{Name: "events"}
	f := dql.Field{Name: "~ref", Args: dql.Args{FirstN: first}, Fields: []dql.Field{{Name: "uid"}, {Name: "hash"}}}
	if after != "" {
		f.Args.After = q.Bind("after", after)
	}
	q.Blocks = []dql.Block{{Name: "q", Func: dql.Eq("hash", q.Bind("h", h.String())), Fields: []dql.Field{f}}}
	return q
}

type eventsAnswer struct {
	Q []struct {
		Events []struct{ UID, Hash string } `json:"~ref"`
	}
}

// Pages at one timestamp are one snapshot, whatever is written to the same list meanwhile.
func TestPagesAtOneTimestampAreOneSnapshot(t *testing.T) {
	s := testdgraph.Open(t)
	g := newGenerator(t, 31)
	hot := g.attribute("ipv4", tahoe.String("8.8.8.8"))
	more := func(from, to int) {
		r := tahoe.Record{Raw: rawOf(g, "o1"), State: tahoe.Mapped}
		for i := from; i < to; i++ {
			r.Events = append(r.Events, event(g, hot, g.attribute("n", tahoe.Int(int64(i)))))
		}
		write(t, s, r)
	}
	more(0, 200)
	var at uint64
	after, seen := "", map[string]bool{}
	for page := 0; ; page++ {
		body, ts, err := s.Query(t.Context(), eventsOf(hot.Hash(), 30, after), at)
		if err != nil {
			t.Fatal(err)
		}
		if at != 0 && ts != at {
			t.Fatalf("page %d was read at %d, want %d", page, ts, at)
		}
		at = ts
		var answer eventsAnswer
		if err := json.Unmarshal(body, &answer); err != nil {
			t.Fatal(err)
		}
		if len(answer.Q) == 0 || len(answer.Q[0].Events) == 0 {
			break
		}
		for _, e := range answer.Q[0].Events {
			if seen[e.Hash] {
				t.Errorf("event %s is on two pages", e.Hash)
			}
			seen[e.Hash], after = true, e.UID
		}
		more(200+page*100, 300+page*100)
	}
	if len(seen) != 200 {
		t.Errorf("pages hold %d events, want the 200 of the snapshot", len(seen))
	}
}

// A snapshot keeps what is removed after it, also when Dgraph has tidied up meanwhile, which it does some keys at a time, beside writing.
func TestSnapshotKeepsWhatIsRemoved(t *testing.T) {
	s := testdgraph.Open(t)
	g := newGenerator(t, 33)
	records := g.records(300)
	write(t, s, records...)
	q := dql.Query{Name: "all", Blocks: []dql.Block{{Name: "q", Func: dql.Call{Name: "has", Pred: "hash"}, Fields: []dql.Field{
		{Name: "uid"}, {Name: "hash"}, {Name: "sub_type"}, {Name: "ref", Fields: []dql.Field{{Name: "uid"}}},
	}}}}
	before, at, err := s.Query(t.Context(), q, 0)
	if err != nil {
		t.Fatal(err)
	}
	if remove(t, s, graph.Removal{Orgs: g.orgs, Events: hashesOf(records, ""), Raws: true}).Events == 0 {
		t.Fatal("nothing was removed")
	}
	for range 20 {
		write(t, s, g.records(20)...)
		after, _, err := s.Query(t.Context(), q, at)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(before, after) {
			t.Fatalf("the snapshot had %d bytes, and has %d now", len(before), len(after))
		}
	}
}

func TestQueryTakesValuesAsValues(t *testing.T) {
	s := testdgraph.Open(t)
	q := dql.Query{Name: "x"}
	q.Blocks = []dql.Block{{Name: "q", Func: dql.Eq("value", q.Bind("v", `") } x(func: type(Raw)) { uid } y(func: eq(value, "`)), Fields: []dql.Field{{Name: "uid"}}}}
	body, ts, err := s.Query(t.Context(), q, 0)
	if err != nil || ts == 0 || strings.TrimSpace(string(body)) != `{"q":[]}` {
		t.Errorf("got %s at %d, %v", body, ts, err)
	}
}

func TestQueryErrorsAreReadable(t *testing.T) {
	s := testdgraph.Open(t)
	q := dql.Query{Name: "x", Blocks: []dql.Block{{Name: "q", Func: dql.Call{Name: "nonsense", Pred: "value"}, Fields: []dql.Field{{Name: "uid"}}}}}
	_, _, err := s.Query(t.Context(), q, 0)
	if err == nil || errors.Is(err, graph.ErrUnavailable) || strings.Contains(err.Error(), "rpc error") {
		t.Errorf("got %v, want Dgraph's words", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.Query(ctx, q, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestStatsCountsKinds(t *testing.T) {
	s := testdgraph.Open(t)
	records := newGenerator(t, 32).records(10)
	write(t, s, records...)
	var want graph.Stats
	for _, line := range expected(records) {
		for kind, n := range map[string]*int{"attribute": &want.Attributes, "object": &want.Objects, "event": &want.Events, "session": &want.Sessions, "raw": &want.Raws} {
			if slices.Contains(strings.Fields(line), kind) {
				*n++
			}
		}
	}
	if got, err := s.Stats(t.Context()); err != nil || got != want || got.Raws != 10 {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestReady(t *testing.T) {
	if err := testdgraph.Open(t).Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTargetsThatAreRefused(t *testing.T) {
	for _, target := range []string{"", "localhost:9080", "http://localhost:9080", "dgraph://localhost", "dgraph://u:secret@localhost:9080", "dgraph://h:1/x", "dgraph://h:1,", "dgraph://h:1,u:secret@i:2", "dgraph://h:1,dgraph://i:2", "dgraph://h:66666"} {
		_, err := graph.Open(t.Context(), graph.Config{Target: target})
		if err == nil || !strings.Contains(err.Error(), "dgraph://host:port") || strings.Contains(fmt.Sprint(err), "secret") {
			t.Errorf("%q: got %v", target, err)
		}
	}
}
