package ingest

import (
	"bytes"
	"strings"
)

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

// Entry is a record of a chunk.
type Entry struct {
	Line int
	Text string
}

// Pack makes a chunk of records: as it is sealed, and as older versions sealed it.
func Pack(records []Entry) (packed, plain []byte) {
	c := newChunk()
	defer c.release()
	for _, r := range records {
		c.add(r.Line, []byte(r.Text))
	}
	return bytes.Clone(c.pack()), bytes.Clone(c.plain)
}

// Unpack reads the records of an opened chunk; ok is false if it is not of our making.
func Unpack(opened []byte) (records []Entry, ok bool) {
	plain, err := unpack(opened)
	if err != nil {
		return nil, false
	}
	for line, text := range entries(plain) {
		if text == nil {
			return records, false
		}
		records = append(records, Entry{line, string(text)})
	}
	return records, true
}
