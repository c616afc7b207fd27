package reportd

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
	"github.com/cybexp/cybexp/tdql/dql"
)

// bounded is a graph that is asked with smaller bounds.
type bounded struct {
	Querier
	bounds map[dql.Param]string
}

func (b bounded) Query(ctx context.Context, q dql.Query, at uint64) ([]byte, uint64, error) {
	return b.Querier.Query(ctx, q.With(b.bounds), at)
}

// hubGraph is a graph of events that include a value each of their own and some of shared ones.
type hubGraph struct {
	*testing.T
	at float64
}

func (g *hubGraph) attribute(subType, value string) *tahoe.Attribute {
	return must(tahoe.NewAttribute(subType, tahoe.String(value)))
}

func (g *hubGraph) events(org tahoe.Hash, n int, shared ...*tahoe.Attribute) []*tahoe.Event {
	list := make([]*tahoe.Event, n)
	for i := range list {
		g.at++
		nodes := []tahoe.Node{g.attribute("own", fmt.Sprint(g.at))}
		for _, a := range shared {
			nodes = append(nodes, a)
		}
		list[i] = must(tahoe.NewEvent("sighting", org.String(), g.at, nodes...))
	}
	return list
}

// capped are the warnings of an answer, and how many rows that has.
func (g *hubGraph) capped(db Querier, org tdql.Org, text string) (warnings []string, rows int) {
	g.Helper()
	list, stats, err := tryAsk(g.Context(), db, tdql.Env{Now: testNow, Orgs: []tdql.Org{org}}, text)
	if err != nil {
		g.Fatalf("%s: %v", text, err)
	}
	for _, w := range stats.Warnings {
		if w.Code != tdql.CodeCapped {
			g.Errorf("%s: warning %+v", text, w)
		}
		warnings = append(warnings, w.Message)
	}
	return warnings, len(list)
}

// TestRelatedTellsOfHubs asks with a bound of five events a hub, in a graph in which others have many more events of the same
// attributes and the same session.
func TestRelatedTellsOfHubs(t *testing.T) {
	ours, theirs := tdql.Org{Hash: tahoe.OrgHash("ours"), Name: "ours"}, tahoe.OrgHash("theirs")
	g := &hubGraph{T: t}
	start, hub, quiet, far := g.attribute("ipv4", "1.1.1.1"), g.attribute("port", "22"), g.attribute("url", "quiet"), g.attribute("url", "far")
	sid := g.attribute("sessionid", "s")
	session := func(events ...*tahoe.Event) *tahoe.Session {
		s := must(tahoe.NewSession("visit", sid))
		s.AddEvent(events...)
		return s
	}
	first := g.events(ours.Hash, 2, start, hub, quiet)
	second := append(g.events(ours.Hash, 1, quiet, far), g.events(ours.Hash, 5, hub)...)
	third := g.events(ours.Hash, 9, far)
	store := testdgraph.Open(t)
	write := func(r tahoe.Record) {
		t.Helper()
		if _, err := store.Write(t.Context(), []tahoe.Record{r}); err != nil {
			t.Fatal(err)
		}
	}
	write(tahoe.Record{Events: append(append(first, second...), third...), Sessions: []*tahoe.Session{session(append(third[:6:6], first[0])...)}})

	few := bounded{store, map[dql.Param]string{"hub": "5"}}
	const port, url, visit = `port "22" was not followed: it has 7 events`, `url "far" was not followed: it has 10 events`, "was not followed: it has 7 events"
	questions := []struct {
		text string
		want []string
		rows int // the start's two events with five attributes; one event more with two, or six with their own
	}{
		{"related ipv4 1.1.1.1", nil, 7},
		{"related ipv4 1.1.1.1 level 2 via attributes", []string{port}, 10},
		{"related ipv4 1.1.1.1 level 3 via attributes", []string{url, port}, 10},
		{"related ipv4 1.1.1.1 level 3 via attributes return event", []string{url, port}, 3},
		{"related ipv4 1.1.1.1 level 2 via sessions", []string{"session " + session().Hash().String() + " " + visit}, 8},
		{"related ipv4 1.1.1.1 level 2 via attributes graph", []string{port}, 10 + 11},
		{"related ipv4 1.1.1.1 level 2 via attributes summary", []string{port}, 1},
		{"related ipv4 1.1.1.1 level 2 via attributes | count", []string{port}, 1},
		{"related ipv4 1.1.1.1 level 2 via attributes | top 3", []string{port}, 3},
		{"related ipv4 1.1.1.1 level 2 via attributes | limit 9 | attributes", []string{port}, 7},
		{"related ipv4 1.1.1.1 level 2 via attributes | limit 2", nil, 2}, // the second level is not asked for
		{"port '22' | related level 2 via attributes", nil, 17 + 3},       // all events of the hub are among the rows
		{"explain analyze related ipv4 1.1.1.1 level 2 via attributes", []string{port}, 2},
	}
	ask := func(when string) {
		for _, q := range questions {
			got, rows := g.capped(few, ours, q.text)
			if d := cmp.Diff(q.want, got); d != "" || rows != q.rows {
				t.Errorf("%s: %s: %d rows, want %d; warnings want - got +\n%s", when, q.text, rows, q.rows, d)
			}
			if w, n := g.capped(store, ours, q.text); len(w) > 0 || n < rows {
				t.Errorf("%s: %s: without bounds %d rows, warnings %q", when, q.text, n, w)
			}
		}
	}
	ask("alone")
	more := g.events(theirs, 20, start, hub, quiet, far)
	write(tahoe.Record{Events: more, Sessions: []*tahoe.Session{session(more...)}})
	ask("with others")
}

// TestRelatedCountsHubsThatItDoesNotName has more hubs than are named, and more events in a level than are followed.
func TestRelatedCountsHubsThatItDoesNotName(t *testing.T) {
	ours := tdql.Org{Hash: tahoe.OrgHash("ours"), Name: "ours"}
	g := &hubGraph{T: t}
	start := g.attribute("ipv4", "1.1.1.1")
	hubs := []*tahoe.Attribute{start}
	var events []*tahoe.Event
	for i := range tdql.CappedNamed + 2 {
		hub := g.attribute("url", strings.Repeat("x", 80*i)+fmt.Sprint(i))
		events = append(events, g.events(ours.Hash, 3+i, hub)...)
		hubs = append(hubs, hub)
	}
	events = append(events, g.events(ours.Hash, 1, hubs...)...)
	store := testdgraph.Open(t)
	if _, err := store.Write(t.Context(), []tahoe.Record{{Events: events}}); err != nil {
		t.Fatal(err)
	}
	got, _ := g.capped(bounded{store, map[dql.Param]string{"hub": "2"}}, ours, "related ipv4 1.1.1.1 level 2 via attributes")
	if len(got) != tdql.CappedNamed+1 || !strings.HasPrefix(got[0], `url "xxxx`) || !strings.HasSuffix(got[0], "x… was not followed: it has 10 events") ||
		got[tdql.CappedNamed] != "2 more instances were not followed, of up to 6 events" {
		t.Errorf("got %q", got)
	}
	cut := bounded{store, map[dql.Param]string{"events": "-4"}}
	for text, want := range map[string]string{
		"related url '0' return event":                                    "",
		"related url '0' level 2 via attributes return event":             "level 2 was cut: 39 events, the oldest of it, were left out",
		"events | related | events":                                       "level 1 was cut: 39 events, the oldest of it, were left out",
		"events | related level 2 via attributes | events | count by org": "level 1 was cut: 39 events, the oldest of it, were left out",
	} {
		got, rows := g.capped(cut, ours, text)
		if first, _, _ := strings.Cut(strings.Join(got, "; "), ";"); first != want {
			t.Errorf("%s: %d rows, %q", text, rows, got)
		}
	}
}
