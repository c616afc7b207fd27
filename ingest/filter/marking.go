package filter

import (
	"strings"

	"github.com/cybexp/cybexp/tahoe"
)

// mark marks each event as the tags in it say, such as tlp:red.
func (r *Result) mark() {
	for _, e := range r.Events {
		e.Mark(tagged(e.Refs()))
	}
	for _, s := range r.Sessions {
		for _, e := range s.Events() {
			e.Mark(tagged(e.Refs()))
		}
	}
}

// tagged is the most restrictive marking among tags; other tags, and labels that nobody knows, say nothing.
func tagged(nodes []tahoe.Node) (m tahoe.Marking) {
	for _, n := range nodes {
		a, ok := n.(*tahoe.Attribute)
		if !ok || a.SubType() != "tag" {
			continue
		}
		text := a.Value().Text()
		if !strings.HasPrefix(strings.ToLower(text), "tlp:") {
			continue
		}
		if said, err := tahoe.ParseMarking(text); err == nil {
			m = m.Stricter(said)
		}
	}
	return m
}
