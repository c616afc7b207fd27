package tdql

import (
	"slices"
	"strings"
	"time"

	"github.com/cybexp/cybexp/tahoe"
)

// unwatched are the stages whose rows a later write would change, so that a watch cannot tell them once and for all.
var unwatched = []string{"count", "top", "sort", "limit", "page", "summary", "graph", "threatrank", "path"}

const watchHint = "watch tells each new instance as it is written: leave this out, or leave watch out"

// watch tells of what a watch cannot follow.
func (c *checker) watch(q *Query) {
	if q.Watch.Value == "" {
		return
	}
	if c.env.Once && !q.Explain {
		c.add(CodeMeaning, tokenSpan(q.Watch), "ask over the websocket, as cybexp watch does", `the answer of "watch" has no end, and here only whole answers are given`)
	}
	if r := q.Report; r != nil {
		c.watchReport(r)
	}
	c.watchSource(q.Source)
	c.watchStages(q.Stages)
}

func (c *checker) unwatchable(word string, at span) {
	c.add(CodeMeaning, at, watchHint, `"watch" follows rows of instances, not what %q gives`, word)
}

func (c *checker) watchReport(r *report) {
	switch {
	case r.Path != nil:
		c.unwatchable("path", keywordSpan(r.Path.Pos, "path"))
		return
	case r.Rank:
		c.unwatchable("threatrank", keywordSpan(r.Pos, "threatrank"))
	case r.Count:
		c.unwatchable("count", keywordSpan(r.Pos, "count"))
	}
	for _, it := range r.Items {
		if slices.Contains(unwatched, it.Key) {
			c.unwatchable(it.Key, it.at)
		}
	}
	c.watchSource(r.Source)
}

func (c *checker) watchSource(s *source) {
	if s != nil && s.Group != nil {
		c.watchSource(s.Group.Source)
		c.watchStages(s.Group.Stages)
	}
}

func (c *checker) watchStages(list []*stage) {
	for _, s := range list {
		from := s.Pos.Offset
		word := strings.ToLower(wordAt(c.text, from))
		if slices.Contains(unwatched, word) {
			c.unwatchable(word, span{from, from + len(word)})
		}
	}
}

// Between narrows a plan to events of a span of time, both ends included, for who has answered it and knows of what time the
// events are that were written since. False says that such a write can make matches of other times, or of none, as well, so
// that all must be asked again. The plan is nil when it asks for no event of that time. The canonical text is that of p.
func (p *Plan) Between(from, to time.Time) (*Plan, bool) {
	narrowed := *p
	narrowed.steps = slices.Clone(p.steps)
	moved := false
	for i, s := range p.steps {
		switch s := s.(type) {
		case *seed:
			if s.kind != "" && s.kind != tahoe.KindAttribute && s.kind != tahoe.KindObject {
				return nil, false
			}
		case *move:
			if s.to != tahoe.KindEvent || !slices.Contains([]tahoe.Kind{"", tahoe.KindAttribute, tahoe.KindObject, tahoe.KindEvent}, s.from) {
				return nil, false
			}
			m := *s
			m.narrow.window = s.narrow.window.within(window{low: from, high: to})
			narrowed.steps[i], moved = &m, true
		case *filter:
			if s.kind != tahoe.KindEvent {
				return nil, false
			}
		case *project:
		default: // *relate and what a watch does not follow
			return nil, false
		}
	}
	if !moved {
		return nil, false
	}
	for _, s := range narrowed.steps {
		if m, ok := s.(*move); ok && m.narrow.window.high.Before(m.narrow.window.low) {
			return nil, true
		}
	}
	return &narrowed, true
}
