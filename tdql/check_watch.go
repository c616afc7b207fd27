package tdql

import (
	"slices"
	"strings"
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
