package reportd_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
	"github.com/cybexp/cybexp/tdql/dql"
)

// twoOrgs is a graph in which red has logins, and blue has sub-types that red lacks: of an event, of an attribute, of an object
// and of a session, and more instances of one of them than a lookup reads in one page.
func twoOrgs(tb testing.TB) *graph.Store {
	tb.Helper()
	node := func(n tahoe.Node, err error) tahoe.Node {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return n
	}
	text := func(subType, s string) tahoe.Node { return node(tahoe.NewAttribute(subType, tahoe.String(s))) }
	records := []tahoe.Record{login(tb, red, 0), login(tb, red, 1)}
	for i := range 300 {
		part := text("passphrase", fmt.Sprint(i))
		e, err := tahoe.NewEvent("heist", blue.Hash.String(), 2e9+float64(i), node(tahoe.NewObject("vault", part)), part)
		if err != nil {
			tb.Fatal(err)
		}
		s, err := tahoe.NewSession("robbery", text("getaway", fmt.Sprint(i)))
		if err != nil {
			tb.Fatal(err)
		}
		s.AddEvent(e)
		records = append(records, tahoe.Record{Events: []*tahoe.Event{e}, Sessions: []*tahoe.Session{s}})
	}
	store := testdgraph.Open(tb)
	if _, err := store.Write(tb.Context(), records); err != nil {
		tb.Fatal(err)
	}
	return store
}

func TestAQueryThatFindsNothingWarnsOfUnseenSubTypes(t *testing.T) {
	r := start(t, openBus(t), twoOrgs(t))
	for _, tt := range []struct {
		user, text string
		want       []string // the names that are warned of, with the hint
	}{
		{"alice", "count ipv5 10.0.0.1", []string{`"ipv5" did you mean "ipv4"?`}},
		{"alice", "count ipv4 192.0.2.1", nil},
		{"alice", "count ipv4 192.0.2.1 from 2023-11-14 to 2023-11-15 by day", nil},
		{"alice", "count user_name user0 from 2023-11-14 to 2023-11-15 by day", []string{`"user_name" did you mean "username"?`}},
		{"alice", "events loggin, heist | attributes usrname", []string{`"loggin" did you mean "login"?`, `"heist" `, `"usrname" did you mean "username"?`}},
		{"alice", "events where usrname = a or ipv4 = 10.0.0.1", nil}, // it finds something
		{"alice", "events where usrname = a or ipv4 = b", []string{`"usrname" did you mean "username"?`}},
		{"alice", "related usrname x summary", []string{`"usrname" did you mean "username"?`}},
		{"alice", "related usrname x summary graph", []string{`"usrname" did you mean "username"?`}},
		{"alice", "path ipv4 10.0.0.1 to usrname x", []string{`"usrname" did you mean "username"?`}},
		{"alice", "explain count ipv5 10.0.0.1", nil},
		{"bob", "count passphrase none", nil},
		{"bob", "count getaway none", nil}, // only a session has it
		{"bob", "sessions robery | objects vault", []string{`"robery" did you mean "robbery"?`}},
		{"bob", "events heist where username = x", []string{`"username" `}},
	} {
		c := r.dial(t, tt.user)
		c.send(query("q", tt.text))
		_, end := c.all("q")
		var got []string
		for _, w := range end.Warnings {
			if w.Code != tdql.CodeUnseen || w.Line != 1 || tt.text[w.Column-1:][:w.Length] != strings.Trim(strings.Fields(w.Message)[4], `"`) {
				t.Errorf("%s: warning %+v", tt.text, w)
			}
			got = append(got, strings.Fields(w.Message)[4]+" "+w.Hint)
		}
		if d := cmp.Diff(tt.want, got); end.Status != "ready" || d != "" {
			t.Errorf("%s, %s: %s\nwant - got +\n%s", tt.user, tt.text, end.raw, d)
		}
	}
}

// TestAWarningDoesNotTellOfAnotherOrganisation asks for what only others have, and for what nobody has, in the same words.
func TestAWarningDoesNotTellOfAnotherOrganisation(t *testing.T) {
	store := twoOrgs(t)
	users["carol"] = nil
	defer delete(users, "carol")
	for _, b := range []reportd.Querier{store, slowLookups{store}} {
		r := start(t, openBus(t), b)
		for theirs, nobodys := range map[string]string{
			"count passphrase 1":                         "count xxsxphrxxx 1",
			"events heist":                               "events hxxxt",
			"sessions robbery | count":                   "sessions rxxxery | count",
			"objects vault | attributes passphrase":      "objects vxxxt | attributes xxsxphrxxx",
			"attributes getaway where data startswith 1": "attributes gxxxwxx where data startswith 1",
		} {
			for _, user := range []string{"alice", "carol"} {
				answer := func(text string) string {
					c := r.dial(t, user)
					c.send(query("q", text))
					rows, end := c.all("q")
					if len(end.Warnings) == 0 {
						t.Errorf("%s: no warning", text)
					}
					return fmt.Sprintf("%s %s", rows, warnings(t, end))
				}
				want, got := answer(theirs), answer(nobodys)
				for i, word := range strings.Fields(nobodys) {
					got = strings.ReplaceAll(got, word, strings.Fields(theirs)[i])
				}
				if got != want {
					t.Errorf("%s: %q is answered with\n%s\nand %q with\n%s", user, theirs, want, nobodys, got)
				}
			}
		}
	}
}

func warnings(tb testing.TB, f frame) string {
	tb.Helper()
	var b strings.Builder
	for _, w := range f.Warnings {
		fmt.Fprintf(&b, "%d:%d+%d %s %s %s\n", w.Line, w.Column, w.Length, w.Code, w.Message, w.Hint)
	}
	return b.String()
}

// slowLookups is a graph of which others have so much that a lookup of one instance of theirs never ends in time.
type slowLookups struct{ reportd.Querier }

func (s slowLookups) Query(ctx context.Context, q dql.Query, at uint64) ([]byte, uint64, error) {
	deadline, ok := ctx.Deadline()
	if theirs := strings.Contains(fmt.Sprint(q.Vars), "passphrase"); ok && theirs && time.Until(deadline) < reportd.DefaultConfig().QueryTime/2 {
		<-ctx.Done()
		return nil, 0, ctx.Err()
	}
	return s.Querier.Query(ctx, q, at)
}

// TestAQueryThatFindsSomethingLooksForNothing counts the questions to the database.
func TestAQueryThatFindsSomethingLooksForNothing(t *testing.T) {
	store := twoOrgs(t)
	var asked atomic.Int64
	r := start(t, openBus(t), querier(func(ctx context.Context, q dql.Query, at uint64) ([]byte, uint64, error) {
		asked.Add(1)
		return store.Query(ctx, q, at)
	}))
	c := r.dial(t, "alice")
	c.send(query("some", "count ipv4 10.0.0.1"))
	c.until("some", "end")
	if n := asked.Load(); n != 1 {
		t.Errorf("a count asked %d times", n)
	}
}
