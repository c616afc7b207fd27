package tdql

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cybexp/cybexp/tahoe"
)

// String spells the query in the tidy way: keywords in lower case, one space between words, clauses in one order, quotes only
// where they are needed. The result parses to the same query.
func (q *Query) String() string {
	p := &printer{}
	if q.Explain {
		p.word("explain")
	}
	if q.Analyze.Value != "" {
		p.word("analyze")
	}
	if q.Watch.Value != "" {
		p.word("watch")
	}
	switch {
	case q.Report != nil:
		p.report(q.Report)
	case q.Source != nil:
		p.source(q.Source)
	}
	p.stages(q.Stages)
	return p.String()
}

// printer writes words with a space between two.
type printer struct {
	strings.Builder
	tight bool // no space before the next word
}

func (p *printer) word(text string) {
	if p.Len() > 0 && !p.tight {
		p.WriteByte(' ')
	}
	p.tight = false
	p.WriteString(text)
}

// open writes an opening parenthesis, close a closing one, comma a comma.
func (p *printer) open()  { p.word("("); p.tight = true }
func (p *printer) close() { p.WriteByte(')'); p.tight = false }
func (p *printer) comma() { p.WriteByte(',') }

func (p *printer) report(r *report) {
	switch {
	case r.Path != nil:
		p.pathReport(r.Path)
		return
	case r.Rank:
		p.word("threatrank")
	case r.Related:
		p.word("related")
	case r.Distinct:
		p.word("count distinct")
	default:
		p.word("count")
	}
	if r.Source != nil {
		p.source(r.Source)
	}
	p.items(r.Items)
}

func (p *printer) source(s *source) {
	switch {
	case s.Any != nil:
		p.word("any")
		p.values(s.Any)
	case s.Group != nil:
		p.open()
		p.source(s.Group.Source)
		p.stages(s.Group.Stages)
		p.close()
	case s.Scan != nil:
		p.hop(s.Scan)
	case s.ID != nil:
		p.word(s.ID.Kind)
		if s.ID.Hash != nil {
			p.hashes(s.ID.Hash)
		}
	case s.Attr != nil:
		p.word(nameText(s.Attr.SubType.Text))
		if s.Attr.Values != nil {
			p.values(s.Attr.Values)
		}
	}
	p.items(s.Items)
}

// hashes writes hashes in lower case, without quotes.
func (p *printer) hashes(v *values) {
	p.list(v, func(one *value) string {
		if one.kind == tokParam {
			return one.Text
		}
		return strings.ToLower(unquoted(one.Text))
	})
}

func (p *printer) values(v *values) { p.list(v, (*value).tidy) }

func (p *printer) list(v *values, text func(*value) string) {
	if len(v.List) == 1 {
		p.word(text(v.List[0]))
		return
	}
	p.open()
	for i, one := range v.List {
		if i > 0 {
			p.comma()
		}
		p.word(text(one))
	}
	p.close()
}

// tidy spells a value in the one way that this value has.
func (v *value) tidy() string {
	if v.kind == tokParam {
		return v.Text
	}
	literal, err := v.literal()
	if err != nil {
		return v.Text
	}
	return literalText(literal)
}

// Literal writes a value as a query has it.
func Literal(v tahoe.Value) string { return literalText(v) }

// Name writes a sub-type as a query has it, in backquotes if it would be read as a word of the language.
func Name(subType string) (string, error) {
	if !isIdentifier(subType) {
		return "", fmt.Errorf("%q is not a sub-type: letters, digits and _, as in ipv4 or file_download", subType)
	}
	return nameText(subType), nil
}

// literalText spells a value: without quotes if it would be read back as the same value.
func literalText(v tahoe.Value) string {
	s, isString := v.Str()
	if !isString {
		return v.Text()
	}
	if bareSafe(s) {
		return s
	}
	return string(v.AppendJSON(nil))
}

// bareSafe says whether a string can stand without quotes anywhere that a value can.
func bareSafe(s string) bool {
	if s == "" || strings.HasPrefix(s, "$") || strings.HasPrefix(s, "--") || strings.HasPrefix(s, "/") {
		return false
	}
	for i, r := range s {
		if isSpace(r) || r < ' ' || r == 0x7f || r == '\ufffd' || r < 0x80 && isDelimiter(byte(r)) || i == 0 && isOp(byte(min(r, 0x7f))) {
			return false
		}
	}
	if isReserved(s) {
		return false
	}
	back, ok := bare(s).Str()
	return ok && back == s
}

// nameText spells a sub-type.
func nameText(s string) string {
	if isReserved(s) || !isIdentifier(s) {
		return "`" + s + "`"
	}
	return s
}

func (p *printer) names(list []*name) {
	for i, n := range list {
		if i > 0 {
			p.comma()
		}
		p.word(nameText(n.Text))
	}
}

func (p *printer) hop(h *hop) {
	p.word(h.Kind)
	p.names(h.SubTypes)
	p.items(h.Items)
}

func (p *printer) stages(list []*stage) {
	for _, s := range list {
		p.word("|")
		p.stage(s)
	}
}

func (p *printer) stage(s *stage) {
	switch {
	case s.Hop != nil:
		p.hop(s.Hop)
	case s.Related:
		p.word("related")
	case s.Count:
		p.word("count")
		if s.Distinct {
			p.word("distinct")
		}
	case s.Sort != nil:
		p.word("sort")
		for i, k := range s.Sort {
			if i > 0 {
				p.comma()
			}
			p.word(k.Field.Text)
			if k.Desc {
				p.word("desc")
			}
		}
	case s.Fields != nil:
		p.word("fields")
		p.dims(s.Fields)
	case s.Route != nil:
		p.word("path")
		p.route(s.Route)
	case s.Shape != "", s.Rank:
		p.word(s.stageWord())
	case s.Take != "":
		p.word(s.Take)
		p.word(s.Number.tidyNumber())
		p.names(s.SubTypes)
	case s.Where != nil:
		p.word("where")
		p.or(s.Where.orTest)
	}
	p.items(s.Items)
}

// tidyNumber spells a whole number.
func (v *value) tidyNumber() string {
	if n, err := strconv.ParseInt(v.Text, 10, 64); err == nil {
		return strconv.FormatInt(n, 10)
	}
	return v.Text
}

func (p *printer) items(list []*item) {
	for _, it := range list {
		key := it.Key
		p.word(key)
		switch key {
		case "last":
			p.word(it.Last.tidyDuration())
		case "from", "to":
			p.word(it.Time.tidyTime())
		case "tz":
			p.word(tidyText(it.Value))
		case "decay":
			p.word(it.Value.tidyDecimal())
		case "level", "page", "size", "depth", "max", "paths":
			p.word(it.Value.tidyNumber())
		case "category", "context", "via", "return":
			p.word(it.Chosen.Text)
		case "org":
			for i, o := range it.Orgs {
				if i > 0 {
					p.comma()
				}
				p.word(tidyText(o))
			}
		case "where":
			p.or(it.Where.orTest)
		case "by":
			p.dims(it.Dims)
		}
	}
}

func (p *printer) dims(list []*word) {
	for i, d := range list {
		if i > 0 {
			p.comma()
		}
		p.word(d.Text)
	}
}

// tidyText spells the name of a zone or an organisation, which is a string whatever it looks like.
func tidyText(v *value) string {
	if v.kind != tokQuoted {
		return v.Text
	}
	if literal, err := v.literal(); err == nil {
		return literalText(literal)
	}
	return v.Text
}

// tidyDuration writes a duration as it was meant, with the short name of its unit.
func (d *duration) tidyDuration() string {
	if d.kind == tokParam {
		return d.Text
	}
	text := unquoted(d.Text)
	unit := strings.TrimLeft(text, "0123456789")
	number := strings.TrimLeft(text[:len(text)-len(unit)], "0")
	if number == "" {
		number = "0"
	}
	unit = strings.TrimSpace(unit)
	for _, short := range []string{"s", "m", "h", "d", "w", "M", "Y"} {
		if unitSeconds[unit] == unitSeconds[short] || unitSeconds[strings.ToLower(unit)] == unitSeconds[short] && len(unit) > 1 {
			return number + short
		}
	}
	return number + unit
}

func (i *instant) tidyTime() string {
	text := unquoted(i.Text)
	switch lower := strings.ToLower(text); {
	case i.kind == tokParam:
		return i.Text
	case lower == "now" || lower == "today" || lower == "yesterday":
		return lower
	case i.kind == tokQuoted && strings.ContainsAny(text, " ,"):
		return string(tahoe.String(text).AppendJSON(nil))
	case strings.Contains(text, " "):
		return string(tahoe.String(text).AppendJSON(nil))
	}
	return text
}
