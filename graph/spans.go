package graph

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cybexp/cybexp/tahoe"
)

// When a session began and ended is told by raws, each of which has an audience of each organisation that uploaded it. So what an upload tells stands
// in a vertex of its own, a span, which has that audience and follows it: the times of a session are, for whoever asks, the earliest
// start, the latest end and the longest duration of the spans that are theirs to see.

// span is one as the graph has it.
type span struct {
	UID      number `json:"uid"`
	Audience string `json:"span_audience"`
	Of       link   `json:"span_of"`
	Raws     []link `json:"span_raw"`

	Start    *time.Time `json:"span_start"`
	End      *time.Time `json:"span_end"`
	Duration *float64   `json:"span_duration"`
}

// What is read of a span, and of a raw.
const (
	spanFields   = `uid span_audience span_of { uid } span_raw { uid } ` + timeFields
	timeFields   = `span_start span_end span_duration`
	sharedFields = `uid audiences ~span_raw { uid span_audience }`
)

// newSpan begins the names of spans that are new.
const newSpan = blank + "t"

// telling is a span that is new.
type telling struct {
	session string   // its uid
	raws    []string // their uids
	org     string
	marking tahoe.Marking // for which its audience is right at least
	span                  // the times of which it has
}

// span is the one by which an organisation's upload tells of a session; nil for none.
func (e *existing) span(session uint64, org string) *span {
	i := slices.IndexFunc(e.Spans, func(s span) bool { return uint64(s.Of.UID) == session && orgOf(s.Audience) == org })
	if i < 0 {
		return nil
	}
	return &e.Spans[i]
}

// tell writes what the uploads of a raw tell of sessions, so far as it is not told yet.
func (q *quads) tell(uid string, it *item, have *existing) {
	if q.unmarked {
		return
	}
	for _, t := range it.told {
		if known := have.span(q.batch.of(t.session).uid, t.org); known != nil {
			q.times(hex(uint64(known.UID)), t.times, known)
			continue
		}
		fresh := telling{session: q.name(t.session), raws: []string{uid}, org: t.org}
		fresh.Start, fresh.End, fresh.Duration = moment(t.start), moment(t.end), t.last
		for _, u := range it.uploads {
			if u.Org == t.org {
				fresh.marking = q.strictest(it, u)
			}
		}
		for _, a := range have.Audiences {
			if org, m := tahoe.ParseAudience(a); org == t.org {
				fresh.marking = fresh.marking.Stricter(m)
			}
		}
		q.tells = append(q.tells, fresh)
		if have.UID != "" {
			q.text(uid, "itype", string(tahoe.KindRaw)) // where who changes the audiences, or tells the same, meets it
		}
	}
}

func moment(seconds *float64) *time.Time {
	if seconds == nil {
		return nil
	}
	t := tahoe.UnixTime(*seconds)
	return &t
}

// spellTold writes the spans that are new.
func (q *quads) spellTold() {
	for i, t := range q.tells {
		m := t.marking
		for _, raw := range t.raws {
			if r := q.raised[raw]; r != nil {
				m = m.Stricter(r.markings[t.org])
			}
		}
		name := newSpan + strconv.Itoa(i)
		if q.rdf != nil { // texts may be put together
			name = t.session + strings.TrimPrefix(t.raws[0], blank) + t.org
		}
		q.text(name, "span_audience", m.Audience(t.org))
		q.edge(name, "span_of", t.session)
		for _, raw := range t.raws {
			q.edge(name, "span_raw", raw)
		}
		q.span(name, &t.span)
	}
}

// span writes what it tells.
func (q *quads) span(uid string, s *span) {
	if s.Start != nil {
		q.time(uid, "span_start", *s.Start)
	}
	if s.End != nil {
		q.time(uid, "span_end", *s.End)
	}
	if s.Duration != nil {
		q.float(uid, "span_duration", *s.Duration)
	}
	q.text(uid, "name", "span")
	q.types(uid, "Span")
}

// times writes of those that are told once more what goes beyond a span.
func (q *quads) times(uid string, t times, have *span) {
	if start := moment(t.start); start != nil && (have.Start == nil || start.Before(*have.Start)) {
		q.time(uid, "span_start", *start)
	}
	if end := moment(t.end); end != nil && (have.End == nil || end.After(*have.End)) {
		q.time(uid, "span_end", *end)
	}
	if t.last != nil && (have.Duration == nil || *t.last > *have.Duration) {
		q.float(uid, "span_duration", *t.last)
	}
}

// raise makes the audience of a span that is there one for which a marking is right.
func (q *quads) raise(s span, m tahoe.Marking) {
	org, is := tahoe.ParseAudience(s.Audience)
	if now := is.Stricter(m).Audience(org); now != s.Audience {
		q.text(hex(uint64(s.UID)), "span_audience", now)
	}
}

// removeSpans takes spans out of the graph, each once.
func (q *quads) removeSpans(list []span) {
	for _, s := range list {
		if q.spansGone[s.UID] {
			continue
		}
		if q.spansGone == nil {
			q.spansGone = map[number]bool{}
		}
		q.spansGone[s.UID] = true
		uid := hex(uint64(s.UID))
		q.strip(uid, ofSpan...)
		q.unset(uid, "dgraph.type", "Span")
		if s.Start != nil {
			q.strip(uid, "span_start")
		}
		if s.End != nil {
			q.strip(uid, "span_end")
		}
		if s.Duration != nil {
			q.strip(uid, "span_duration")
		}
	}
}
