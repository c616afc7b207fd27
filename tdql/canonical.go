package tdql

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// prefix spells what stands before the pipeline.
func (p *Plan) prefix() string {
	var text string
	if p.explain {
		text = "explain "
	}
	if p.analyze {
		text += "analyze "
	}
	if p.watch {
		text += "watch "
	}
	return text
}

// canonical spells steps as a pipeline.
func canonical(steps []step) string {
	p := &printer{}
	for i, s := range steps {
		if i > 0 {
			p.word("|")
		}
		s.spell(p)
	}
	return p.String()
}

// in writes one word, or several in parentheses.
func (p *printer) in(list []string) {
	if len(list) == 1 {
		p.word(list[0])
		return
	}
	p.word("(" + strings.Join(list, ", ") + ")")
}

func (s *seed) spell(p *printer) {
	switch {
	case s.kind != "":
		p.word(string(s.kind))
		p.in(hashTexts(s.hashes))
	case s.subType == "":
		p.word("any")
		p.in(valueTexts(s.values))
	default:
		p.word(nameText(s.subType))
		p.in(valueTexts(s.values))
	}
}

func (s *seed) describe() string {
	p := &printer{}
	s.spell(p)
	text := "seed " + p.String()
	if s.subType != "" {
		text += " = attribute " + oneOf(hashTexts(s.hashes))
	}
	return text
}

func (m *move) spell(p *printer) {
	p.word(string(m.to) + "s")
	if len(m.subTypes) > 0 {
		p.word(joinNames(m.subTypes))
	}
	m.narrow.spell(p)
}

func joinNames(list []string) string {
	names := make([]string, len(list))
	for i, n := range list {
		names[i] = nameText(n)
	}
	return strings.Join(names, ", ")
}

func (m *move) describe() string {
	p := &printer{}
	switch m.from {
	case "":
		p.word("scan")
	case m.to, kindRelated:
		p.word("keep")
	default:
		p.word("hop " + string(m.from) + " ->")
	}
	m.spell(p)
	return p.String()
}

func (n *narrow) spell(p *printer) {
	n.window.spell(p)
	if n.category != "" {
		p.word("category " + n.category)
	}
	if n.context != "" {
		p.word("context " + n.context)
	}
	if len(n.orgs) > 0 {
		p.word("org " + strings.Join(orgTexts(n.orgs), ", "))
	}
	if n.where != nil {
		p.word("where " + spellCond(n.where, false))
	}
}

func (w *window) spell(p *printer) {
	if w.last != nil {
		p.word("last " + durationText(*w.last))
	}
	if w.from != nil {
		p.word("from " + w.from.text())
	}
	if w.to != nil {
		p.word("to " + w.to.text())
	}
	spellZone(p, w.zone)
}

func spellZone(p *printer, zone *time.Location) {
	if zone != nil && zone != time.UTC {
		p.word("tz " + zone.String())
	}
}

func (f *filter) spell(p *printer) { p.word("where " + spellCond(f.where, false)) }
func (f *filter) describe() string { return "filter " + spellCond(f.where, false) }
func (r *relate) describe() string { return describe("gather", r) }
func (t *tally) describe() string  { return describe("reduce", t) }
func (b *best) describe() string   { return describe("rank", b) }
func (d *digest) describe() string { return describe("reduce", d) }
func (s *slice) describe() string  { return describe("cut", s) }

func describe(verb string, s step) string {
	p := &printer{}
	p.word(verb)
	s.spell(p)
	return p.String()
}

func (r *relate) spell(p *printer) {
	p.word("related")
	if r.level != 1 {
		p.word("level " + strconv.Itoa(r.level))
	}
	if r.via != "sessions" && r.level > 1 {
		p.word("via " + r.via)
	}
	r.narrow.spell(p)
}

func (t *tally) spell(p *printer) {
	p.word("count")
	if t.distinct {
		p.word("distinct")
	}
	for i, d := range t.by {
		if i == 0 {
			p.word("by")
		} else {
			p.comma()
		}
		p.word(d.text())
	}
	for _, d := range t.by {
		if d.isTime() {
			spellZone(p, t.zone)
			return
		}
	}
}

// text spells a dimension; a sub-type that shares its name with another dimension is in backquotes.
func (d dim) text() string {
	if d.subType && (slices.Contains(timeDims, strings.ToLower(d.name)) || slices.Contains(fieldWords, strings.ToLower(d.name))) {
		return "`" + d.name + "`"
	}
	if d.subType {
		return nameText(d.name)
	}
	return d.name
}

func (*digest) spell(p *printer) { p.word("summary") }

func (b *best) spell(p *printer) {
	p.word("top " + strconv.FormatInt(b.n, 10))
	if len(b.subTypes) > 0 {
		p.word(joinNames(b.subTypes))
	}
}

func (s *slice) spell(p *printer) {
	if s.size > 0 {
		p.word(fmt.Sprintf("page %d size %d", s.skip/s.size+1, s.size))
		return
	}
	p.word("limit " + strconv.FormatInt(s.take, 10))
}
