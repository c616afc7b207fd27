package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cybexp/cybexp/stix"
)

// rowWriter writes the rows of a report as they come. Rows are JSON objects.
type rowWriter interface {
	header(fields []string) error
	rows(rows []json.RawMessage) error
	end() error
}

var outputFormats = []string{"table", "json", "ndjson", "csv", "stix"}

// newRowWriter makes the writer for an -o value.
func newRowWriter(format string, w io.Writer) (rowWriter, error) {
	out := bufio.NewWriter(w)
	switch format {
	case "table":
		return &tableWriter{out: out}, nil
	case "json":
		return &jsonWriter{out: out}, nil
	case "ndjson":
		return &ndjsonWriter{out: out}, nil
	case "csv":
		return &csvWriter{out: csv.NewWriter(w)}, nil
	case "stix":
		return &stixWriter{out: out, bundle: stix.NewBundle(out, rand.Text())}, nil
	}
	return nil, usageError{fmt.Errorf("-o %q is not an output format: one of %s", format, strings.Join(outputFormats, ", "))}
}

type ndjsonWriter struct{ out *bufio.Writer }

func (*ndjsonWriter) header([]string) error { return nil }

func (w *ndjsonWriter) rows(rows []json.RawMessage) error {
	for _, r := range rows {
		w.out.Write(r)
		w.out.WriteByte('\n')
	}
	return w.out.Flush()
}

func (w *ndjsonWriter) end() error { return w.out.Flush() }

// jsonWriter writes one array, a row a line.
type jsonWriter struct {
	out   *bufio.Writer
	begun bool
}

func (*jsonWriter) header([]string) error { return nil }

func (w *jsonWriter) rows(rows []json.RawMessage) error {
	for _, r := range rows {
		before := ",\n "
		if !w.begun {
			before, w.begun = "[\n ", true
		}
		w.out.WriteString(before)
		w.out.Write(r)
	}
	return w.out.Flush()
}

func (w *jsonWriter) end() error {
	if w.begun {
		w.out.WriteString("\n]\n")
	} else {
		w.out.WriteString("[]\n")
	}
	return w.out.Flush()
}

type csvWriter struct {
	out    *csv.Writer
	fields []string
}

func (w *csvWriter) header(fields []string) error {
	w.fields = fields
	if err := w.out.Write(fields); err != nil {
		return err
	}
	w.out.Flush()
	return w.out.Error()
}

func (w *csvWriter) rows(rows []json.RawMessage) error {
	for _, r := range rows {
		cells, err := cellsOf(r, w.fields)
		if err != nil {
			return err
		}
		if err := w.out.Write(cells); err != nil {
			return err
		}
	}
	w.out.Flush()
	return w.out.Error()
}

func (w *csvWriter) end() error {
	w.out.Flush()
	return w.out.Error()
}

// stixWriter writes one STIX 2.1 bundle.
type stixWriter struct {
	out    *bufio.Writer
	bundle *stix.Bundle
}

func (w *stixWriter) header(fields []string) error {
	if err := stix.Fit(fields); err != nil {
		return usageError{fmt.Errorf("-o stix: %w: ask for attributes, objects, events or sessions", err)}
	}
	return w.bundle.Begin()
}

func (w *stixWriter) rows(rows []json.RawMessage) error {
	for _, r := range rows {
		if err := w.bundle.Row(r); err != nil {
			return err
		}
	}
	return w.out.Flush()
}

func (w *stixWriter) end() error {
	if err := w.bundle.End(); err != nil {
		return err
	}
	return w.out.Flush()
}

// maxColumn is the width, in characters, to which a table cell is cut; -o json has the whole.
const maxColumn = 64

// tableWriter aligns columns by the first rows that come, so that it can stream.
type tableWriter struct {
	out    *bufio.Writer
	whole  string // a field that is never cut
	fields []string
	widths []int
}

// header puts what people read first: hashes go last, and an organisation's hash yields to its name.
func (w *tableWriter) header(fields []string) error {
	last := []string{}
	for _, f := range fields {
		switch {
		case f == "hash":
			last = append(last, f)
		case f == "org" && slices.Contains(fields, "org_name"):
		default:
			w.fields = append(w.fields, f)
		}
	}
	w.fields = append(w.fields, last...)
	return nil
}

func (w *tableWriter) rows(rows []json.RawMessage) error {
	lines := make([][]string, 0, len(rows))
	for _, r := range rows {
		cells, err := cellsOf(r, w.fields)
		if err != nil {
			return err
		}
		for i, c := range cells {
			if way, ok := chain(c); ok {
				cells[i] = printable(way)
				continue
			}
			if cells[i] = printable(c); w.fields[i] != w.whole {
				cells[i] = cut(cells[i], maxColumn)
			}
		}
		lines = append(lines, cells)
	}
	if w.widths == nil && len(lines) > 0 {
		w.widths = widthsOf(append([][]string{w.fields}, lines...))
		w.line(w.fields)
	}
	for _, l := range lines {
		w.line(l)
	}
	return w.out.Flush()
}

func (w *tableWriter) end() error { return w.out.Flush() }

func (w *tableWriter) line(cells []string) {
	for i, c := range cells {
		w.out.WriteString(c)
		if i < len(cells)-1 {
			w.out.WriteString(strings.Repeat(" ", max(0, w.widths[i]-utf8.RuneCountInString(c))+2))
		}
	}
	w.out.WriteByte('\n')
}

func widthsOf(lines [][]string) []int {
	widths := make([]int, len(lines[0]))
	for _, l := range lines {
		for i, c := range l {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	return widths
}

// cellsOf takes the fields of a row in order, as text: strings bare, all else as JSON.
func cellsOf(row json.RawMessage, fields []string) ([]string, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(row, &object); err != nil {
		return nil, fmt.Errorf("read row: %w", err)
	}
	cells := make([]string, len(fields))
	for i, f := range fields {
		cells[i] = cellText(object[f])
	}
	return cells, nil
}

func cellText(v json.RawMessage) string {
	v = bytes.TrimSpace(v)
	if len(v) == 0 || string(v) == "null" {
		return ""
	}
	var s string
	if v[0] == '"' && json.Unmarshal(v, &s) == nil {
		return s
	}
	return string(v)
}

// chain reads the nodes of a path, and spells them as a person would: ipv4 1.1.1.1 → login → password root.
func chain(cell string) (string, bool) {
	if !strings.HasPrefix(cell, `[{"hash":`) {
		return "", false
	}
	var nodes []struct {
		IType   string          `json:"itype"`
		SubType string          `json:"sub_type"`
		Data    json.RawMessage `json:"data"`
	}
	if json.Unmarshal([]byte(cell), &nodes) != nil {
		return "", false
	}
	names := make([]string, len(nodes))
	for i, n := range nodes {
		names[i] = n.SubType
		if n.IType == "attribute" {
			names[i] += " " + cut(cellText(n.Data), maxColumn)
		}
	}
	return strings.Join(names, " → "), true
}

// printable escapes what a terminal would act on: threat data holds escape sequences on purpose.
func printable(s string) string {
	if !slices.ContainsFunc([]rune(s), func(r rune) bool { return !unicode.IsPrint(r) }) && utf8.ValidString(s) {
		return s
	}
	q := strconv.Quote(s)
	return q[1 : len(q)-1]
}

func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}
