package reportd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// texts are rows as strings, without hashes, to compare with.
func texts(rows []tdql.Row) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = string(r)
	}
	return out
}

// found asks and returns what the vectors call the rows, sorted.
func (v *vectors) found(tb testing.TB, db Querier, orgs []tdql.Org, text string) string {
	tb.Helper()
	names := column[string](tb, ask(tb, db, orgs, text), "hash")
	for i, h := range names {
		names[i] = v.names[h]
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func TestPipelines(t *testing.T) {
	v := loadVectors(t)
	store := testdgraph.Open(t)
	if _, err := store.Write(t.Context(), v.records()); err != nil {
		t.Fatal(err)
	}
	all := v.orgs("")
	e1 := v.Events["e1"].Hash
	for _, tt := range []struct{ text, want string }{
		{"ipv4 1.1.1.1", "ip1"},
		{"any 1.1.1.1", "ip1"},
		{"domain never.seen", ""},
		{"event " + e1, "e1"},
		{"instance " + e1, "e1"},
		{"object " + e1, ""},
		{"instance " + v.Objects["file"].Hash + " | events", "e1 e2 e3"},
		{"ipv4 1.1.1.1 | events", "e1 e5 e6 e7"},
		{"ipv4 1.1.1.1 | events sighting", "e5 e6"},
		{"ipv4 1.1.1.1 | events context unknown", "e1 e5 e7"},
		{"(url http://x/ | events | attributes) | events context unknown", "e1 e2 e3 e5 e7"},
		{"ipv4 1.1.1.1 | events org org3", "e5 e6"},
		{"ipv4 1.1.1.1 | objects", "src"},
		{"ipv4 1.1.1.1 | sessions", "s1"},
		{"sessionid \"s-1\" | sessions", "s1"},
		{"session " + v.Sessions["s2"].Hash + " | attributes", "sid2"},
		{"session " + v.Sessions["s2"].Hash + " | events", "e8 e9"},
		{"filename v.exe | objects", "att file"},
		{"objects attachment | attributes", "fn sh"},
		{"event " + e1 + " | attributes", "fn ip1 sh url1"},
		{"event " + e1 + " | objects", "file src"},
		{"events login", "e7 e9"},
		{"events from 300 to 500", "e3 e4 e5"},
		{"events from 700.5 to 700.5", "e7"},
		{"events where ipv4 = 1.1.1.1", "e1 e5 e6 e7"},
		{"events where src.ipv4 = 1.1.1.1", "e1 e7"},
		{"events where attachment.file.filename = v.exe", "e3"},
		{"events where attachment.filename = v.exe", "e3"},
		{"events where not ipv4 in (1.1.1.1, 2.2.2.2)", "e2 e8 e9"},
		{"events where malicious(ipv4 = 1.1.1.1)", "e6"},
		{"events where benign(filename = v.exe)", "e2"},
		{"events where timestamp < 200", "e1"},
		{"events where timestamp <= 200 or timestamp > 800", "e1 e2 e9"},
		{"events where timestamp = 700.5 and sub_type = login", "e7"},
		{"events where category != unknown and org = org2", "e2 e8 e9"},
		{"events where success = true", "e7 e9"},
		{`events where success = "true"`, ""},
		{"attributes ipv4", "ip1 ip2 ip3"},
		{"attributes where data = 'http://y/'", "url2"},
		{"attributes where src.ipv4 = 1.1.1.1", "ip1"},
		{"objects where filename = v.exe", "att file"},
		{"objects where attachment.filename = v.exe", "att"},
		{"sessions where ipv4 = 3.3.3.3", "s2"},
		{"sessions where sessionid = s-1", "s1"},
		{"ipv4 1.1.1.1 | related | events login", "e7"},
		{"ipv4 1.1.1.1 | related | where success = true", "e7 ok"},
		{"ipv4 3.3.3.3 | related level 2 via attributes | events", "e7 e9"},
		{"events | limit 2", "e8 e9"},
		{"events | page 2 size 3", "e4 e5 e6"},
		{"events | limit 2 | attributes", "ip3 ok url2"},
		{"ipv4 3.3.3.3 | related level 2 | limit 3 | events", "e9"},
		{"events | top 1 url | events", "e1 e2"},
		{"events | attributes url | limit 1 | limit 1 | events | where category = benign", ""},
	} {
		if got := v.found(t, store, all, tt.text); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.text, got, tt.want)
		}
	}
}

func TestRows(t *testing.T) {
	v := loadVectors(t)
	store := testdgraph.Open(t)
	if _, err := store.Write(t.Context(), v.records()); err != nil {
		t.Fatal(err)
	}
	all := v.orgs("")
	o1 := v.Orgs["o1"].Hash
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"ipv4 1.1.1.1", []string{`{"hash":"` + v.Attributes["ip1"].Hash + `","itype":"attribute","sub_type":"ipv4","data":"1.1.1.1"}`}},
		{"events from 700 to 701", []string{`{"hash":"` + v.Events["e7"].Hash + `","itype":"event","sub_type":"login","timestamp":"1970-01-01T00:11:40.5Z","category":"unknown","org":"` + o1 + `","org_name":"org1","tlp":"amber","data":{"src":[{"ipv4":["1.1.1.1"]}],"success":[true]}}`}},
		{"events | count", []string{`{"count":9}`}},
		{"events | limit 4 | count", []string{`{"count":4}`}},
		{"attributes ipv4 | count", []string{`{"count":3}`}},
		{"ipv4 1.1.1.1 | count", []string{`{"count":1}`}},
		{"domain never.seen | count", []string{`{"count":0}`}},
		{"count ipv4 1.1.1.1 by category", []string{`{"category":"malicious","count":2}`, `{"category":"unknown","count":2}`}},
		{"events login | count by ipv4", []string{`{"ipv4":"1.1.1.1","count":1}`, `{"ipv4":"3.3.3.3","count":1}`}},
		{"events login | count by org", []string{`{"org":"` + v.Orgs["o2"].Hash + `","org_name":"org2","count":1}`, `{"org":"` + o1 + `","org_name":"org1","count":1}`}},
		{"events to 320 | count by minute", []string{`{"minute":"1970-01-01T00:01","count":1}`, `{"minute":"1970-01-01T00:02","count":0}`,
			`{"minute":"1970-01-01T00:03","count":1}`, `{"minute":"1970-01-01T00:04","count":0}`, `{"minute":"1970-01-01T00:05","count":1}`}},
		{"events sighting from 0 to 3600 | count by hour, category", []string{
			`{"hour":"1970-01-01T00","category":"benign","count":1}`, `{"hour":"1970-01-01T00","category":"malicious","count":1}`, `{"hour":"1970-01-01T00","category":"unknown","count":1}`,
			`{"hour":"1970-01-01T01","category":"benign","count":0}`, `{"hour":"1970-01-01T01","category":"malicious","count":0}`, `{"hour":"1970-01-01T01","category":"unknown","count":0}`}},
		{"events to 100 | count by day tz America/New_York", []string{`{"day":"1969-12-31","count":1}`}},
		{"events to 100 | count by week", []string{`{"week":"1970-W01","count":1}`}},
		{"events | attributes url | top 2", []string{
			`{"sub_type":"url","data":"http://x/","count":2,"hash":"` + v.Attributes["url1"].Hash + `"}`,
			`{"sub_type":"url","data":"http://y/","count":1,"hash":"` + v.Attributes["url2"].Hash + `"}`}},
		{"related ipv4 3.3.3.3 summary", []string{`{"summary":{"ipv4":["3.3.3.3"],"success":[true]}}`}},
	} {
		if d := cmp.Diff(tt.want, texts(ask(t, store, all, tt.text))); d != "" {
			t.Errorf("%s: want - got +\n%s", tt.text, d)
		}
	}
}

// TestAnotherOrganisationIsInvisible asks every kind of query as somebody to whom the data of one organisation is all there
// is, with and without the data of another in the graph.
func TestAnotherOrganisationIsInvisible(t *testing.T) {
	ours := tdql.Org{Hash: tahoe.OrgHash("ours"), Name: "ours"}
	theirs := tahoe.OrgHash("theirs").String()
	shared := must(tahoe.NewAttribute("ipv4", tahoe.String("1.1.1.1")))
	secret := must(tahoe.NewAttribute("domain", tahoe.String("secret.example")))
	src := must(tahoe.NewObject("src", shared))
	secretSrc := must(tahoe.NewObject("secret_src", shared, secret))
	sid := must(tahoe.NewAttribute("sessionid", tahoe.String("s")))
	secretSid := must(tahoe.NewAttribute("sessionid", tahoe.String("secret")))
	event := func(org string, at float64, nodes ...tahoe.Node) *tahoe.Event {
		e := must(tahoe.NewEvent("login", org, at, nodes...))
		if err := e.SetContext(tahoe.Malicious, nodes[0]); err != nil {
			t.Fatal(err)
		}
		return e
	}
	mine := event(ours.Hash.String(), 100, src)
	other := event(theirs, 200, shared, secretSrc, secret)
	session := func(sid *tahoe.Attribute, events ...*tahoe.Event) *tahoe.Session {
		s := must(tahoe.NewSession("visit", sid))
		s.AddEvent(events...)
		return s
	}
	raw := func(org string) *tahoe.Raw {
		return must(tahoe.NewRaw("log", tahoe.String("the same bytes"), org, "UTC"))
	}
	secretRaw := must(tahoe.NewRaw("log", tahoe.String("secret bytes"), theirs, "UTC"))
	before := []tahoe.Record{{Raw: raw(ours.Hash.String()), State: tahoe.Mapped, Events: []*tahoe.Event{mine}, Sessions: []*tahoe.Session{session(sid, mine)}}}
	after := []tahoe.Record{
		{Raw: raw(theirs), State: tahoe.Mapped, Events: []*tahoe.Event{other}, Sessions: []*tahoe.Session{session(sid, other), session(secretSid, other)}},
		{Raw: secretRaw, State: tahoe.Mapped, Events: []*tahoe.Event{other}},
	}
	starts := []string{"ipv4 1.1.1.1", "any 1.1.1.1", "any secret.example", "domain secret.example", "sessionid secret", "events", "attributes",
		"attributes domain", "objects", "sessions", "raws", "raw " + secretRaw.Hash().String(), "raw " + raw("").Hash().String()}
	for _, i := range []tahoe.Instance{shared, secret, src, secretSrc, sid, secretSid, mine, other} {
		starts = append(starts, string(i.Kind())+" "+i.Hash().String(), "instance "+i.Hash().String())
	}
	tails := []string{"", " | count", " | events", " | events | count", " | attributes", " | objects", " | sessions", " | raws", " | related level 3 via all",
		" | related level 2 | count", " | events | count by day, org, category", " | events | attributes | top 9", " | events where domain = secret.example",
		" | events where not domain = secret.example | count", " | attributes | where domain = secret.example", " | related | summary",
		" | sessions | events", " | sessions | attributes", " | raws | events", " | objects | attributes", " | limit 3", " | count by sub_type",
		" | sessions where domain = secret.example", " | objects where domain = secret.example"}
	var queries []string
	for _, s := range starts {
		for _, tail := range tails {
			queries = append(queries, s+tail, "explain "+s+tail)
		}
	}
	store := testdgraph.Open(t)
	answers := func() map[string]string {
		out := map[string]string{}
		for _, text := range queries {
			for name, orgs := range map[string][]tdql.Org{"": {ours}, "nobody: ": nil} {
				if name != "" && len(text)%5 != 0 {
					continue // nobody asks a fifth of it
				}
				rows, _, err := tryAsk(t.Context(), store, tdql.Env{Now: testNow, Orgs: orgs}, text)
				out[name+text] = fmt.Sprint(texts(rows), err)
			}
		}
		return out
	}
	if _, err := store.Write(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	want := answers()
	if _, err := store.Write(t.Context(), after); err != nil {
		t.Fatal(err)
	}
	for text, got := range answers() {
		if got != want[text] {
			t.Errorf("%s\nalone      %s\nwith other %s", text, want[text], got)
		}
	}
	got := want["attributes"] + want["ipv4 1.1.1.1 | related level 3 via all"]
	if !strings.Contains(got, shared.Hash().String()) || !strings.Contains(got, mine.Hash().String()) {
		t.Errorf("our own data is missing: %s", got)
	}
	for text, answer := range want {
		if strings.HasPrefix(text, "nobody: ") && !strings.Contains(text, "explain") && strings.Contains(answer, "hash\":\"") {
			t.Errorf("%s: %s", text, answer)
		}
	}
}

// TestHostileValues stores values that look like DQL, and looks for each.
func TestHostileValues(t *testing.T) {
	org := tdql.Org{Hash: tahoe.OrgHash("o"), Name: `o") { uid } x(func: has(hash`}
	hostile := []string{`")) { uid } evil(func: has(hash)) { hash } #`, `$h0`, `) @filter(has(hash)`, "a\nb", `\`, `"`, `'`, "\x00", `[0x1]`,
		`1.1.1.1" OR eq(hash, "x`, `{{}}`, `/* */`, `# x`, `<hash>`, `val(s1)`, strings.Repeat("x", 5000), "\u2028", "日本"}
	var events []*tahoe.Event
	for i, h := range hostile {
		events = append(events, must(tahoe.NewEvent("e", org.Hash.String(), float64(i), must(tahoe.NewAttribute("subject", tahoe.String(h))))))
	}
	store := testdgraph.Open(t)
	if _, err := store.Write(t.Context(), []tahoe.Record{{Events: events}}); err != nil {
		t.Fatal(err)
	}
	orgName, _ := json.Marshal(org.Name)
	for i, h := range hostile {
		want := `[{"count":1}]`
		for _, text := range []string{"count subject $v", "any $v | events | count", "attributes where data = $v | count", "events where subject = $v | count",
			"count subject $v org " + string(orgName), "events where org = " + string(orgName) + " and subject in ($v, nothing) | count"} {
			env := tdql.Env{Now: testNow, Orgs: []tdql.Org{org}, Params: map[string]tahoe.Value{"v": tahoe.String(h)}}
			rows, _, err := tryAsk(t.Context(), store, env, text)
			if got := fmt.Sprint(texts(rows)); err != nil || got != want {
				t.Errorf("%d %q, %s: got %s, %v", i, h, text, got, err)
			}
		}
	}
}

func TestPagesAreOneSnapshotWithoutGapsOrDoubles(t *testing.T) {
	org := tdql.Org{Hash: tahoe.OrgHash("o"), Name: "o"}
	ip := must(tahoe.NewAttribute("ipv4", tahoe.String("8.8.8.8")))
	event := func(i int, at float64) *tahoe.Event {
		return must(tahoe.NewEvent("e", org.Hash.String(), at, ip, must(tahoe.NewAttribute("n", tahoe.Int(int64(i))))))
	}
	var events []*tahoe.Event
	for i := range 6000 {
		events = append(events, event(i, float64(i/2500))) // thousands at the same time
	}
	store := testdgraph.Open(t)
	if _, err := store.Write(t.Context(), []tahoe.Record{{Events: events}}); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"ipv4 8.8.8.8 | events", "events", "ipv4 8.8.8.8 | events | attributes n", "related ipv4 8.8.8.8 return event"} {
		seen := map[string]bool{}
		last, pages := "~", 0
		prog := must(tdql.Compile(planOf(t, text, org)))
		stats, err := run(t.Context(), store, prog, func(rows []tdql.Row) error {
			pages++
			for _, h := range column[string](t, rows, "hash") {
				if seen[h] {
					t.Fatalf("%s: %s comes twice", text, h)
				}
				seen[h] = true
			}
			if prog.Kind == "events" {
				for _, at := range column[string](t, rows, "timestamp") {
					if at > last {
						t.Fatalf("%s: %s after %s", text, at, last)
					}
					last = at
				}
			}
			if pages == 1 { // what is written now is not in the answer
				more := event(1e6+len(text), 1)
				if _, err := store.Write(context.WithoutCancel(t.Context()), []tahoe.Record{{Events: []*tahoe.Event{more}}}); err != nil {
					t.Fatal(err)
				}
			}
			return nil
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n := uint64(len(seen)); n != stats.Rows || n < 6000 || n > 6004 || pages < 2 || stats.Snapshot == 0 {
			t.Errorf("%s: %d rows in %d pages, %+v", text, n, pages, stats)
		}
		t.Logf("%s: %+v", text, stats)
	}
	if rows := ask(t, store, []tdql.Org{org}, "ipv4 8.8.8.8 | events | count by minute"); len(rows) != 1 || string(rows[0]) != `{"minute":"1970-01-01T00:00","count":6004}` {
		t.Errorf("count by minute: %s", rows)
	}
}

func planOf(tb testing.TB, text string, org tdql.Org) *tdql.Plan {
	tb.Helper()
	plan, _, err := tdql.Check(must(tdql.Parse(text)), tdql.Env{Now: testNow, Orgs: []tdql.Org{org}})
	if err != nil {
		tb.Fatal(err)
	}
	return plan
}

func TestRunEndsWithItsContextAndItsSink(t *testing.T) {
	v := loadVectors(t)
	store := testdgraph.Open(t)
	if _, err := store.Write(t.Context(), v.records()); err != nil {
		t.Fatal(err)
	}
	prog := must(tdql.Compile(planOf(t, "events", v.orgs("")[0])))
	full := errors.New("full")
	if _, err := run(t.Context(), store, prog, func([]tdql.Row) error { return full }, nil); !errors.Is(err, full) {
		t.Errorf("sink's error: got %v", err)
	}
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	if _, err := run(ctx, store, prog, func([]tdql.Row) error { return nil }, nil); !errors.Is(err, gone) {
		t.Errorf("cancelled: got %v", err)
	}
}
