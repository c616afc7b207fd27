package ingest

import "strings"

// LabelRoundTrip reads a label as a worker does, and again from what it prints; ok is false if it is refused.
func LabelRoundTrip(header map[string]string) (same, ok bool) {
	l, err := readLabel(header)
	if err != nil {
		return false, false
	}
	again, err := readLabel(l.header())
	return err == nil && again == l, true
}

// SubjectRoundTrip holds the subject of a label, if it is one of a message, to the label.
func SubjectRoundTrip(header map[string]string) (same, ok bool) {
	l, err := readLabel(header)
	if err != nil || strings.ContainsAny(l.Typetag+l.Org, ". ") {
		return false, false
	}
	key, records, err := readSubject(l.subject())
	return err == nil && key == l.key() && records == l.Records, true
}

// ReadSubject reads the subject of a chunk.
var ReadSubject = readSubject
