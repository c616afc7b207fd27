package ingest

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"

	"github.com/cybexp/cybexp/ingest/filter"
	"github.com/cybexp/cybexp/tahoe"
)

// records gives the records of an upload of a format one by one. Where a line means nothing without the header of its file, the record is
// an object that has the names of the header, so that it can go its own way.
func records(typetag string, body io.Reader, limit int) func() (piece, error) {
	in := split(body, limit)
	var lines func() (piece, error)
	switch typetag {
	case "email":
		lines = (&mails{in: in}).next
	case "zeek":
		return (&zeekLog{in: in}).next
	case "csv", "phishtank_feed":
		lines = (&table{in: in}).next
	case "indicators", "openphish_feed":
		lines = (&list{in: in}).next
	default:
		return in.next
	}
	var next func() (piece, error)
	return func() (piece, error) {
		if next == nil { // the first byte tells, and to read it may have to wait
			if next = lines; in.isJSON() {
				next = in.next
			}
		}
		return next()
	}
}

// isText tells the formats whose records are text, unless they begin as JSON objects and lists do.
func isText(typetag string) bool {
	switch typetag {
	case "email", "csv", "phishtank_feed", "indicators", "openphish_feed":
		return true
	}
	return false
}

// asRow makes a record of a row that got the names of its header.
func asRow(p piece, row tahoe.Value, limit int) piece {
	p.text = row.AppendJSON(nil)
	if len(p.text) > limit {
		p.text, p.tooLong = nil, true
	}
	return p
}

// list gives the lines of a text that are no comments.
type list struct{ in *splitter }

func (l *list) next() (piece, error) {
	for {
		p, err := l.in.rawLine()
		if err != nil || p.tooLong {
			return p, err
		}
		if p.text = bytes.TrimLeft(p.text, " \t"); p.text[0] != '#' {
			return p, nil
		}
	}
}

// zeekLog gives the lines of a Zeek log: those that are JSON as they are, others as the header says. Logs may stand one behind the other.
type zeekLog struct {
	in     *splitter
	header filter.ZeekHeader
}

func (z *zeekLog) next() (piece, error) {
	for {
		if z.in.isJSON() {
			return z.in.next()
		}
		p, err := z.in.rawLine()
		if err != nil || p.tooLong {
			return p, err
		}
		if p.text[0] == '#' {
			z.header.Directive(string(p.text))
			continue
		}
		if row, ok := z.header.Row(string(p.text)); ok {
			p = asRow(p, row, z.in.limit)
		}
		return p, nil
	}
}

// table gives the rows of a CSV file. A row of several lines, in quotes, is one record.
type table struct {
	in     *splitter
	filter filter.Table
	comma  rune
	ahead  []piece // lines that were looked at, in vain, for the end of a row
}

// maxRowLines is over how many lines a row may go. A quote that nobody closes costs no more than that.
const maxRowLines = 50

func (t *table) next() (piece, error) {
	for {
		p, err := t.line()
		if err != nil || p.tooLong {
			return p, err
		}
		text := string(p.text)
		if comment, ok := strings.CutPrefix(text, "#"); ok {
			comment = strings.Trim(comment, " #\t")
			if cells := splitRow(comment, commaOf(comment)); len(cells) > 0 {
				t.filter.Comment(cells)
			}
			continue
		}
		if t.comma == 0 {
			t.comma = commaOf(text)
		}
		cells := t.cells(p)
		row, ok := t.filter.Row(cells)
		if !ok {
			continue
		}
		if row.Type() == tahoe.TypeArray && len(cells) == 1 {
			return p, nil // a plain list
		}
		return asRow(p, row, t.in.limit), nil
	}
}

func (t *table) line() (piece, error) {
	if len(t.ahead) > 0 {
		p := t.ahead[0]
		t.ahead = t.ahead[1:]
		return p, nil
	}
	p, err := t.in.rawLine()
	p.text = bytes.Clone(p.text)
	return p, err
}

// cells splits a row, and takes more lines where a quote is open. If it is not closed, the quote is text.
func (t *table) cells(p piece) []string {
	text := string(p.text)
	var taken []piece
	for openQuote(text) && len(taken) < maxRowLines && len(text) < t.in.limit/4 {
		more, err := t.line()
		if err != nil {
			break // and again for the next row
		}
		taken = append(taken, more)
		if more.tooLong {
			break
		}
		text += "\n" + string(more.text)
	}
	if openQuote(text) || len(taken) > 0 && taken[len(taken)-1].tooLong {
		t.ahead = append(taken, t.ahead...)
		text = string(p.text)
	}
	return splitRow(text, t.comma)
}

// openQuote tells whether a quote is open at the end of text. Inside of quotes two of them stand for one.
func openQuote(text string) bool { return strings.Count(text, `"`)%2 == 1 }

// splitRow splits a row at commas outside of quotes, as RFC 4180 has it; quotes elsewhere are text.
func splitRow(text string, comma rune) []string {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.LazyQuotes, r.FieldsPerRecord, r.TrimLeadingSpace = comma, true, -1, comma == ','
	cells, err := r.Read()
	if err != nil {
		return []string{text}
	}
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}

// commaOf is what most likely parts the cells of a table that begins with row.
func commaOf(row string) rune {
	best := ','
	for _, comma := range "\t;|" {
		if strings.Count(row, string(comma)) > strings.Count(row, string(best)) {
			best = comma
		}
	}
	return best
}

// mails gives the messages of an upload: the whole text, or, if it begins with a From_ line, those of a mailbox.
type mails struct {
	in    *splitter
	begun bool
	mbox  bool
}

func (m *mails) next() (piece, error) {
	if !m.begun {
		m.begun = true
		m.mbox = isFromLine(m.in.window(fromLine))
	}
	p := piece{line: m.in.line}
	for w, all := range m.in.looks() {
		if n := m.end(w); n >= 0 {
			return m.in.take(p, n), nil
		}
		if !all || len(w) > m.in.limit {
			continue
		}
		if !errors.Is(m.in.err, io.EOF) || len(w) == 0 {
			return piece{}, m.in.err
		}
		return m.in.take(p, len(w)), nil
	}
	p.tooLong = true
	return p, m.skip()
}

// fromLine is how many bytes of a line are looked at to tell whether it is a From_ line.
const fromLine = 200

// end is where the message ends that w begins with; -1 if that is not seen.
func (m *mails) end(w []byte) int {
	if !m.mbox {
		return -1
	}
	for at := 1; ; {
		n := bytes.Index(w[min(at, len(w)):], []byte("\nFrom "))
		if n < 0 {
			return -1
		}
		at += n + 1
		if isFromLine(w[at:]) {
			return at
		}
	}
}

// skip goes behind a message that is too long.
func (m *mails) skip() error {
	for {
		w := m.in.window(glance)
		if len(w) == 0 {
			return nil
		}
		n := m.end(w)
		if n >= 0 {
			m.in.advance(n)
			return nil
		}
		m.in.advance(max(len(w)-fromLine, min(len(w), 1)))
	}
}

// isFromLine tells the line that parts the messages of a mailbox from one that begins with the word: it ends in a date.
func isFromLine(w []byte) bool {
	line, _, _ := strings.Cut(string(w[:min(len(w), fromLine)]), "\n")
	words := strings.Fields(line)
	return len(words) >= 6 && words[0] == "From" && strings.Count(line, ":") >= 2 && len(words[len(words)-1]) >= 4
}

// Typetags lists the formats that have a filter.
func Typetags() []string { return filter.Typetags() }
