package tdql

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Code says what kind of fault an error is.
type Code string

// The kinds of faults.
const (
	CodeSyntax   Code = "tdql.syntax"   // the text does not follow the grammar
	CodeValue    Code = "tdql.value"    // a value, duration, time, number or parameter is not one
	CodeMeaning  Code = "tdql.meaning"  // the parts do not make sense together
	CodeLimit    Code = "tdql.limit"    // the text is too long or too deep
	CodeUnseen   Code = "tdql.unseen"   // a warning: no data has this sub-type
	CodeUnfilled Code = "tdql.unfilled" // a warning: spans of time in which there is nothing are left out
)

// Error is one fault in a query, with its place. Line and Column count from 1, Column and Length in characters.
type Error struct {
	Code    Code   `json:"code"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Length  int    `json:"length"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`

	excerpt string // the line of the query, or the part of it around the place
	indent  int    // where in the excerpt the place begins, in characters
}

// Error draws the fault: its place and message, the line with carets under the span, and the hint.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Line > 0 { // it is about the text
		fmt.Fprintf(&b, "tdql: %d:%d: ", e.Line, e.Column)
	}
	b.WriteString(e.Message)
	if e.excerpt != "" {
		carets := max(1, min(e.Length, utf8.RuneCountInString(e.excerpt)-e.indent))
		fmt.Fprintf(&b, "\n  %s\n  %s%s", e.excerpt, strings.Repeat(" ", e.indent), strings.Repeat("^", carets))
	}
	if e.Hint != "" {
		b.WriteString("\n  " + e.Hint)
	}
	return b.String()
}

// Errors are the faults that one pass found, in the order of their places. It is never empty when it is an error.
type Errors []*Error

// Error draws all faults, with an empty line between two.
func (e Errors) Error() string {
	texts := make([]string, len(e))
	for i, fault := range e {
		texts[i] = fault.Error()
	}
	return strings.Join(texts, "\n\n")
}

// Unwrap gives the faults to errors.As and errors.Is.
func (e Errors) Unwrap() []error {
	list := make([]error, len(e))
	for i, fault := range e {
		list[i] = fault
	}
	return list
}

// span is a stretch of the query's text, in bytes.
type span struct{ start, end int }

// How much of a long line an error shows on either side of its place, in characters.
const excerptSide = 60

// maxErrors is how many faults are told at once.
const maxErrors = 20

// faults gathers errors about one text.
type faults struct {
	text string
	list Errors
	open *span // a parenthesis that nothing closes
}

// add notes a fault at a span; only the first one at a place counts.
func (f *faults) add(code Code, s span, hint, format string, args ...any) {
	if f.full() {
		return
	}
	e := &Error{Code: code, Message: fmt.Sprintf(format, args...), Hint: hint}
	e.place(f.text, s)
	for _, old := range f.list {
		if old.Line == e.Line && old.Column == e.Column {
			return
		}
	}
	f.list = append(f.list, e)
}

// full says whether there are as many faults as are told.
func (f *faults) full() bool { return len(f.list) >= maxErrors }

// err returns the faults in the order of their places, or nil.
func (f *faults) err() error {
	if len(f.list) == 0 {
		return nil
	}
	return f.list.sorted()
}

// place works out line, column and the excerpt.
func (e *Error) place(text string, s span) {
	start := min(max(s.start, 0), len(text))
	end := min(max(s.end, start), len(text))
	e.Line = strings.Count(text[:start], "\n") + 1
	begin := strings.LastIndexByte(text[:start], '\n') + 1
	before := text[begin:start]
	line, _, _ := strings.Cut(text[begin:], "\n")
	e.Column = utf8.RuneCountInString(before) + 1
	e.Length = max(1, utf8.RuneCountInString(text[start:end]))
	e.excerpt, e.indent = excerpt(line, len(before))
}

// excerpt cuts a long line to what surrounds the byte at, and makes it safe to print. It returns the number of characters
// before the place.
func excerpt(line string, at int) (string, int) {
	left, right := 0, len(line)
	cutLeft, cutRight := "", ""
	if n := utf8.RuneCountInString(line[:at]); n > excerptSide {
		left = at
		for range excerptSide {
			_, size := utf8.DecodeLastRuneInString(line[:left])
			left -= size
		}
		cutLeft = "…"
	}
	if utf8.RuneCountInString(line[at:]) > excerptSide {
		right = at
		for range excerptSide {
			_, size := utf8.DecodeRuneInString(line[right:])
			right += size
		}
		cutRight = "…"
	}
	before := cutLeft + printable(line[left:at])
	return strings.TrimRight(before+printable(line[at:right])+cutRight, " "), utf8.RuneCountInString(before)
}

// printable puts one visible character in the place of each that would move the cursor.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r < ' ' || r == 0x7f || r == utf8.RuneError || (r >= 0x80 && r < 0xa0) || r == 0x2028 || r == 0x2029:
			return '\ufffd'
		}
		return r
	}, s)
}

func (e Errors) sorted() Errors {
	slices.SortStableFunc(e, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return e
}
