package graph_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
)

// dump is a graph as text: a hash to what stands at its vertex, edges included.
type dump map[string]string

// check compares all of the graph with what the records say should be there.
func check(t *testing.T, records []tahoe.Record) {
	t.Helper()
	if diff := cmp.Diff(expected(records), stored(t)); diff != "" {
		t.Errorf("graph differs (-want +got):\n%.3000s", diff)
	}
}

// ofVertices are the predicates that only vertices with a hash have.
var ofVertices = []string{
	"itype", "sub_type", "data", "value", "ip", "host", "number", "brief", "audience", "audiences", "tlp", "timestamp", "category", "counted", "received", "timezone",
	"state", "uploads", "cref", "ref", "mal_ref", "ben_ref", "judged_ref", "ocref", "sref", "sattr", "rref",
}

// whole fails if a vertex that was removed left something.
func whole(t *testing.T) {
	t.Helper()
	var q strings.Builder
	for _, p := range ofVertices {
		fmt.Fprintf(&q, "%s(func: has(%s)) @filter(NOT has(hash)) { uid }\n", p, p)
	}
	var answer struct {
		Data map[string][]struct{ UID string }
	}
	askDgraph(t, "{ "+q.String()+" }", &answer)
	for p, left := range answer.Data {
		if len(left) > 0 {
			t.Errorf("%d vertices without a hash have %s, as %s", len(left), p, left[0].UID)
		}
	}
}

// stored reads the whole graph, and fails if a hash has two vertices, or something has none.
func stored(t *testing.T) dump {
	t.Helper()
	whole(t)
	type node struct{ Hash string }
	var answer struct {
		Data struct {
			Q []struct {
				Hash, Itype, Audience, Tlp, Category, State string
				SubType                                     string `json:"sub_type"`
				Timestamp                                   string
				Data, Brief                                 string
				Timezone                                    string
				Audiences, Uploads                          []string
				Cref, Ref, Mal_ref, Ben_ref, Ocref          []node
				Sref, Sattr, Rref                           []node
				Spans                                       []struct {
					Audience, Start, End string
					Duration             *float64
					Raws                 []node
				}
			}
		}
	}
	askDgraph(t, `{ q(func: has(hash)) { hash itype sub_type audience tlp category state timestamp data brief timezone audiences uploads
		cref { hash } ref { hash } mal_ref { hash } ben_ref { hash } ocref { hash } sref { hash } sattr { hash } rref { hash }
		spans: ~span_of { audience: span_audience start: span_start end: span_end duration: span_duration raws: span_raw { hash } } } }`, &answer)
	d := dump{}
	for _, v := range answer.Data.Q {
		if d[v.Hash] != "" {
			t.Fatalf("hash %s has two vertices", v.Hash)
		}
		var brief struct {
			Hash, Orgid string
			SubType     string `json:"sub_type"`
			Timestamp   *float64
			Data        json.RawMessage
		}
		if v.Brief != "" {
			if err := json.Unmarshal([]byte(v.Brief), &brief); err != nil {
				t.Fatal(err)
			}
			if brief.Hash != v.Hash || brief.SubType != v.SubType || brief.Orgid != strings.SplitN(v.Audience, "!", 2)[0] {
				t.Errorf("%s has the brief text %s", v.Hash, v.Brief)
			}
		}
		l := newLine(v.Itype, v.SubType, v.Data+string(brief.Data))
		l.word("audience", v.Audience)
		l.word("tlp", v.Tlp)
		l.word("category", v.Category)
		l.word("state", v.State)
		l.word("timestamp", v.Timestamp)
		l.number("ts", brief.Timestamp)
		l.list("audiences", v.Audiences)
		l.word("zone", v.Timezone)
		l.list("uploads", v.Uploads)
		var spans []string
		for _, s := range v.Spans {
			var raws []string
			for _, r := range s.Raws {
				raws = append(raws, r.Hash)
			}
			spans = append(spans, spanLine(raws, s.Audience, s.Start, s.End, s.Duration))
		}
		l.list("spans", spans)
		for _, edges := range []struct {
			name string
			to   []node
		}{{"cref", v.Cref}, {"ref", v.Ref}, {"mal", v.Mal_ref}, {"ben", v.Ben_ref}, {"ocref", v.Ocref}, {"sref", v.Sref}, {"sattr", v.Sattr}, {"rref", v.Rref}} {
			var hashes []string
			for _, n := range edges.to {
				hashes = append(hashes, n.Hash)
			}
			l.list(edges.name, hashes)
		}
		d[v.Hash] = l.String()
	}
	return d
}

// expected is the graph that the records make, found without the code under test.
func expected(records []tahoe.Record) dump {
	d := dump{}
	sessions, raws := map[tahoe.Hash][]tahoe.Record{}, map[tahoe.Hash][]tahoe.Record{}
	spans := spans{}
	for _, r := range records {
		raws[r.Raw.Hash()] = append(raws[r.Raw.Hash()], r)
		for _, e := range r.Events {
			d.event(e)
		}
		for _, s := range r.Sessions {
			d.nodes(s.Refs())
			sessions[s.Hash()] = append(sessions[s.Hash()], tahoe.Record{Sessions: []*tahoe.Session{s}})
			spans.tell(r.Raw.Hash(), r.Strictest().Audience(r.Raw.OrgID()), s)
		}
	}
	for h, list := range sessions {
		d.session(list, spans.of(h))
	}
	for _, list := range raws {
		d.raw(list)
	}
	return d
}

func (d dump) nodes(nodes []tahoe.Node) {
	for _, n := range nodes {
		switch n := n.(type) {
		case *tahoe.Attribute:
			d[n.Hash().String()] = newLine("attribute", n.SubType(), n.Value().String()).String()
		case *tahoe.Object:
			l := newLine("object", n.SubType(), n.Data().String())
			l.list("ocref", hashes(n.Children()))
			d[n.Hash().String()] = l.String()
		}
	}
}

func (d dump) event(e *tahoe.Event) {
	d.nodes(e.Refs())
	ts := e.Timestamp()
	l := newLine("event", e.SubType(), e.Data().String())
	l.word("audience", e.Marking().Audience(e.OrgID()))
	l.word("tlp", string(e.Marking()))
	l.word("category", string(e.Category()))
	l.word("timestamp", e.Time().Format(time.RFC3339Nano))
	l.number("ts", &ts)
	l.list("cref", hashes(e.Children()))
	l.list("ref", hashes(e.Refs()))
	l.list("mal", texts(e.Malicious()))
	l.list("ben", texts(e.Benign()))
	d[e.Hash().String()] = l.String()
}

func (d dump) session(list []tahoe.Record, spans []string) {
	var events []string
	for _, r := range list {
		for _, e := range r.Sessions[0].Events() {
			events = append(events, e.Hash().String())
		}
	}
	s := list[0].Sessions[0]
	l := newLine("session", s.SubType(), s.Data().String())
	l.list("spans", spans)
	l.list("sref", events)
	l.list("sattr", hashes(s.Refs()))
	d[s.Hash().String()] = l.String()
}

func (d dump) raw(list []tahoe.Record) {
	var orgs, to []string
	said := uploads{}
	for _, r := range list {
		said.add(r)
		orgs = append(orgs, r.Strictest().Audience(r.Raw.OrgID()))
		for _, e := range r.Events {
			to = append(to, e.Hash().String())
		}
		for _, s := range r.Sessions {
			to = append(to, s.Hash().String())
		}
	}
	l := newLine("raw", list[0].Raw.SubType(), list[0].Raw.Data().String())
	said.describe(l)
	l.list("audiences", orgs)
	l.list("rref", to)
	d[list[0].Raw.Hash().String()] = l.String()
}

// uploads are what organisations said with a raw.
type uploads map[string]upload

type upload struct {
	state tahoe.RawState
	zone  string
}

// states are those of raws, each of which gives way to those behind it.
var states = []tahoe.RawState{tahoe.NotSupported, tahoe.Invalid, tahoe.Kept, tahoe.Mapped}

func (u uploads) add(r tahoe.Record) {
	have, known := u[r.Raw.OrgID()]
	if !known {
		have = upload{r.State, r.Raw.Timezone()}
	} else if slices.Index(states, r.State) > slices.Index(states, have.state) {
		have.state = r.State
	}
	u[r.Raw.OrgID()] = have
}

func (u uploads) describe(l *line) {
	var all upload
	var texts []string
	for org, one := range u {
		texts = append(texts, org+" "+string(one.state)+" "+one.zone)
		if slices.Index(states, one.state) > slices.Index(states, all.state) {
			all.state = one.state
		}
		if all.zone == "" || one.zone < all.zone {
			all.zone = one.zone
		}
	}
	if len(texts) > 1 {
		l.list("uploads", texts)
	}
	l.word("state", string(all.state))
	l.word("zone", all.zone)
}

// spans are what uploads told of the times of sessions.
type spans map[spanKey]*toldTimes

type spanKey struct {
	session, raw tahoe.Hash
	audience     string
}

type toldTimes struct{ start, end, duration *float64 }

// tell merges what was told once more.
func (s spans) tell(raw tahoe.Hash, audience string, x *tahoe.Session) {
	s.merge(spanKey{x.Hash(), raw, audience}, toldTimes{x.StartTime, x.EndTime, x.Duration})
}

func (s spans) merge(key spanKey, t toldTimes) {
	if t == (toldTimes{}) {
		return
	}
	have := s[key]
	if have == nil {
		have = &toldTimes{}
		s[key] = have
	}
	best := func(have **float64, said *float64, sign float64) {
		if said != nil && (*have == nil || sign**said > sign***have) {
			*have = said
		}
	}
	best(&have.start, t.start, -1)
	best(&have.end, t.end, 1)
	best(&have.duration, t.duration, 1)
}

// of lists those of a session.
func (s spans) of(session tahoe.Hash) (lines []string) {
	for key, t := range s {
		if key.session == session {
			lines = append(lines, spanLine([]string{key.raw.String()}, key.audience, clock(t.start), clock(t.end), t.duration))
		}
	}
	return lines
}

func spanLine(raws []string, audience, start, end string, duration *float64) string {
	l := newLine("for=" + audience)
	l.list("raws", raws)
	l.word("start", start)
	l.word("end", end)
	l.number("duration", duration)
	return "(" + l.String() + ")"
}

// line is one vertex; its words stand in a fixed order.
type line struct{ words []string }

func newLine(words ...string) *line { return &line{words} }

func (l *line) word(name, v string) {
	if v != "" {
		l.words = append(l.words, name+"="+v)
	}
}

func (l *line) number(name string, f *float64) {
	if f != nil {
		l.word(name, fmt.Sprint(*f))
	}
}

func (l *line) list(name string, list []string) {
	slices.Sort(list)
	l.word(name, strings.Join(slices.Compact(list), ","))
}

func (l *line) String() string {
	slices.Sort(l.words)
	return strings.Join(l.words, " ")
}

func hashes(nodes []tahoe.Node) []string {
	var list []string
	for _, n := range nodes {
		list = append(list, n.Hash().String())
	}
	return list
}

func texts(list []tahoe.Hash) []string {
	var all []string
	for _, h := range list {
		all = append(all, h.String())
	}
	return all
}

func clock(seconds *float64) string {
	if seconds == nil {
		return ""
	}
	return time.UnixMicro(int64(*seconds * 1e6)).UTC().Format(time.RFC3339Nano)
}

// askDgraph asks Dgraph directly.
func askDgraph(t testing.TB, query string, answer any) {
	t.Helper()
	post(t, "/query?ro=true", "application/dql", query, answer)
}

func post(t testing.TB, path, contentType, body string, answer any) {
	t.Helper()
	res, err := http.Post(testdgraph.Server(t).HTTP()+path, contentType, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text[:min(len(text), 200)]), `"errors"`) {
		t.Fatalf("%s answers %s", body, text)
	}
	if err := json.Unmarshal(text, answer); err != nil {
		t.Fatalf("%s answers %.300s: %v", body, text, err)
	}
}
