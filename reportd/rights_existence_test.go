package reportd

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
	"github.com/cybexp/cybexp/tdql/dql"
)

// noting notes what is asked, without the values.
type noting struct {
	Querier

	mu    sync.Mutex
	texts []string
}

func (n *noting) Query(ctx context.Context, q dql.Query, at uint64) ([]byte, uint64, error) {
	n.mu.Lock()
	n.texts = append(n.texts, q.Text())
	n.mu.Unlock()
	return n.Querier.Query(ctx, q, at)
}

// TestWhatIsHiddenIsAsWhatIsNotThere asks about things that are not there, and about things that others have or that are marked for fewer people.
// Answers are the same, and so are the requests to the database: neither says that there is anything, nor does how often it is asked.
func TestWhatIsHiddenIsAsWhatIsNotThere(t *testing.T) {
	store := testdgraph.Open(t)
	attribute := func(subType, text string) *tahoe.Attribute {
		return must(tahoe.NewAttribute(subType, tahoe.String(text)))
	}
	record := func(name, org string, m tahoe.Marking) tahoe.Record {
		o := must(tahoe.NewObject("src", attribute("ipv4", name)))
		e := must(tahoe.NewEvent("login", tahoe.OrgHash(org).String(), 1622500000, o, attribute("domain", "shared.example")))
		e.Mark(m)
		s := must(tahoe.NewSession("ssh", attribute("sessionid", name)))
		s.AddEvent(e)
		raw := must(tahoe.NewRaw("cowrie", tahoe.String(name), tahoe.OrgHash(org).String(), "UTC"))
		return tahoe.Record{Raw: raw, State: tahoe.Mapped, Events: []*tahoe.Event{e}, Sessions: []*tahoe.Session{s}}
	}
	absent, others, marked := record("absent", "ant", ""), record("others", "bee", ""), record("marked", "ant", tahoe.Red)
	must(store.Write(t.Context(), []tahoe.Record{record("seen", "ant", ""), others, marked}))
	orgs := []tdql.Org{{Hash: tahoe.OrgHash("ant"), Name: "ant", Sees: tahoe.Strict}}
	asked := func(r tahoe.Record, text string) (rows, queries []string) {
		e, s := r.Events[0], r.Sessions[0]
		name := tdql.Literal(r.Raw.Data())
		text = strings.NewReplacer("EVENT", e.Hash().String(), "SESSION", s.Hash().String(), "RAW", r.Raw.Hash().String(),
			"OBJECT", e.Children()[slices.IndexFunc(e.Children(), func(n tahoe.Node) bool { return n.SubType() == "src" })].Hash().String(), "NAME", name).Replace(text)
		db := &noting{Querier: store}
		return texts(ask(t, db, orgs, text)), db.texts
	}
	for _, text := range []string{
		"ipv4 NAME", "any NAME", "event EVENT", "session SESSION", "raw RAW", "object OBJECT", "instance EVENT", "instance SESSION", "instance RAW", "instance OBJECT",
		"count ipv4 NAME", "count ipv4 NAME by day, category", "ipv4 NAME | events", "ipv4 NAME | count", "ipv4 NAME | sessions", "ipv4 NAME | objects", "ipv4 NAME | raws",
		"ipv4 NAME | related level 3 via all", "ipv4 NAME | events | attributes | top 5", "related ipv4 NAME summary", "related ipv4 NAME graph", "threatrank event EVENT",
		"path ipv4 NAME to domain shared.example", "path event EVENT to session SESSION", "path raw RAW to domain shared.example",
		"events where ipv4 = NAME", "attributes where hash = EVENT", "sessions where ipv4 = NAME", "raws where src.ipv4 = NAME", "domain shared.example | events where ipv4 = NAME",
		"events where ipv4 startswith NAME", "object OBJECT | attributes", "raw RAW | events", "session SESSION | events | count by hour", "instance EVENT | attributes",
		"ipv4 NAME | sort degree | limit 3", "ipv4 NAME | fields hash, degree", "explain analyze count ipv4 NAME by day",
	} {
		wantRows, wantQueries := asked(absent, text)
		for name, r := range map[string]tahoe.Record{"others'": others, "marked": marked} {
			rows, queries := asked(r, text)
			if strings.HasPrefix(text, "explain") {
				rows, wantRows = nil, nil // they have times
			}
			if diff := cmp.Diff(wantRows, rows); diff != "" {
				t.Errorf("%s, %s (-not there +hidden):\n%s", text, name, diff)
			}
			if diff := cmp.Diff(wantQueries, queries); diff != "" {
				t.Errorf("%s, %s: requests (-not there +hidden):\n%s", text, name, diff)
			}
		}
	}
}
