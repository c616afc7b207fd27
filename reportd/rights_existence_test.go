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

// hiddenCrowd is how many events what is hidden may be in: so many have a ledger.
const hiddenCrowd = 2500

// TestWhatIsHiddenIsAsWhatIsNotThere asks about things that are not there, and about things that others have, in one event or in very many, or that are
// marked for fewer people. Answers are the same, and so are the requests to the database: neither says that there is anything, nor does how often it is asked.
func TestWhatIsHiddenIsAsWhatIsNotThere(t *testing.T) {
	store := testdgraph.Open(t)
	attribute := func(subType, text string) *tahoe.Attribute {
		return must(tahoe.NewAttribute(subType, tahoe.String(text)))
	}
	event := func(name, org string, at float64) *tahoe.Event {
		o := must(tahoe.NewObject("src", attribute("ipv4", name)))
		return must(tahoe.NewEvent("login", tahoe.OrgHash(org).String(), at, o, attribute("domain", "shared.example")))
	}
	record := func(name, org string, m tahoe.Marking) tahoe.Record {
		e := event(name, org, 1622500000)
		e.Mark(m)
		s := must(tahoe.NewSession("ssh", attribute("sessionid", name)))
		s.AddEvent(e)
		raw := must(tahoe.NewRaw("cowrie", tahoe.String(name), tahoe.OrgHash(org).String(), "UTC"))
		return tahoe.Record{Raw: raw, State: tahoe.Mapped, Events: []*tahoe.Event{e}, Sessions: []*tahoe.Session{s}}
	}
	object := func(r tahoe.Record) tahoe.Node {
		children := r.Events[0].Children()
		return children[slices.IndexFunc(children, func(n tahoe.Node) bool { return n.SubType() == "src" })]
	}
	absent, others, marked := record("absent", "ant", ""), record("others", "bee", ""), record("marked", "ant", tahoe.Red)
	crowd := record("crowd", "bee", "")
	for i := range hiddenCrowd {
		e := event("crowd", "bee", 1622500000-float64(i))
		must(0, e.SetCategory([]tahoe.Category{tahoe.Benign, tahoe.Malicious, tahoe.Unknown}[i%3]))
		crowd.Events = append(crowd.Events, e)
		crowd.Sessions[0].AddEvent(e)
	}
	must(store.Write(t.Context(), []tahoe.Record{record("seen", "ant", ""), others, marked, crowd}))
	for _, h := range []tahoe.Hash{attribute("ipv4", "crowd").Hash(), object(crowd).Hash()} {
		must(0, store.OpenLedger(t.Context(), h))
	}
	must(store.Write(t.Context(), []tahoe.Record{{Events: []*tahoe.Event{event("crowd", "bee", 1622600000)}}})) // the ledgers have a delta
	orgs := []tdql.Org{{Hash: tahoe.OrgHash("ant"), Name: "ant", Sees: tahoe.Strict}}
	asked := func(r tahoe.Record, text string) (rows, queries []string) {
		e, s := r.Events[0], r.Sessions[0]
		name := tdql.Literal(r.Raw.Data())
		text = strings.NewReplacer("EVENT", e.Hash().String(), "SESSION", s.Hash().String(), "RAW", r.Raw.Hash().String(),
			"OBJECT", object(r).Hash().String(), "NAME", name).Replace(text)
		db := &noting{Querier: store}
		return texts(ask(t, db, orgs, text)), db.texts
	}
	for _, text := range []string{
		"ipv4 NAME", "any NAME", "event EVENT", "session SESSION", "raw RAW", "object OBJECT", "instance EVENT", "instance SESSION", "instance RAW", "instance OBJECT",
		"count ipv4 NAME", "count ipv4 NAME by day, category", "count ipv4 NAME by day, category tz Asia/Kathmandu", "count ipv4 NAME from 2021-05-31T22:10:00Z by minute",
		"count ipv4 NAME by org", "count ipv4 NAME org ant by sub_type", "count ipv4 NAME category malicious", "count object OBJECT by hour", "count object OBJECT",
		"ipv4 NAME | events | count distinct by domain", "count distinct ipv4 NAME by day", "ipv4 NAME | events | attributes domain | top 3", "related ipv4 NAME level 3 summary", "ipv4 NAME | events", "ipv4 NAME | count", "ipv4 NAME | sessions", "ipv4 NAME | objects", "ipv4 NAME | raws",
		"ipv4 NAME | related level 3 via all", "ipv4 NAME | events | attributes | top 5", "related ipv4 NAME summary", "related ipv4 NAME graph", "threatrank event EVENT",
		"path ipv4 NAME to domain shared.example", "path event EVENT to session SESSION", "path raw RAW to domain shared.example",
		"events where ipv4 = NAME", "attributes where hash = EVENT", "sessions where ipv4 = NAME", "raws where src.ipv4 = NAME", "domain shared.example | events where ipv4 = NAME",
		"events where ipv4 startswith NAME", "object OBJECT | attributes", "raw RAW | events", "session SESSION | events | count by hour", "instance EVENT | attributes",
		"ipv4 NAME | sort degree | limit 3", "ipv4 NAME | fields hash, degree", "explain analyze count ipv4 NAME by day",
	} {
		wantRows, wantQueries := asked(absent, text)
		for name, r := range map[string]tahoe.Record{"others'": others, "marked": marked, "others', in many events": crowd} {
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
