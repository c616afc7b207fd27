package tdql

import "strings"

// In returns a copy of e that shows the query's text again: an error that came over the wire has a place, but no excerpt.
func (e *Error) In(text string) *Error {
	placed := *e
	rest := text
	for line := 1; line < e.Line; line++ {
		_, after, ok := strings.Cut(rest, "\n")
		if !ok {
			return &placed
		}
		rest = after
	}
	line, _, _ := strings.Cut(rest, "\n")
	at, column := len(line), 1
	for i := range line {
		if column == e.Column {
			at = i
			break
		}
		column++
	}
	if e.Line > 0 {
		placed.excerpt, placed.indent = excerpt(line, at)
	}
	return &placed
}
