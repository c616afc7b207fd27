package ingest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"strconv"
)

// A chunk is what is sealed and acknowledged as one: at most so many bytes and records, or one record that is longer.
const (
	maxChunk   = 128 << 10
	maxRecords = 300
)

// chunk gathers records: for each its line, its length and its text.
type chunk struct {
	plain   []byte
	records int
}

func (c *chunk) fits(text []byte) bool {
	return c.records == 0 || c.records < maxRecords && len(c.plain)+len(text) <= maxChunk
}

func (c *chunk) add(line int, text []byte) {
	c.plain = binary.AppendUvarint(c.plain, uint64(line))
	c.plain = binary.AppendUvarint(c.plain, uint64(len(text)))
	c.plain = append(c.plain, text...)
	c.records++
}

var errChunk = errors.New("chunk is not of our making")

// entries yields line and text of every record of an opened chunk. The second value is nil after a fault, which ends it.
func entries(plain []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		for len(plain) > 0 {
			line, n := binary.Uvarint(plain)
			size, m := binary.Uvarint(plain[max(n, 0):])
			if n <= 0 || m <= 0 || size > uint64(len(plain)-n-m) {
				yield(0, nil)
				return
			}
			text := plain[n+m:][:size:size]
			plain = plain[n+m+int(size):]
			if !yield(int(line), text) {
				return
			}
		}
	}
}

// label is what stands on the outside of a sealed chunk.
type label struct {
	Upload   string
	Try      string // tells the tries of one upload apart
	Number   int    // of the chunk in the upload, from 0
	Records  int
	Typetag  string
	Org      string
	Timezone string
}

func (l label) subject() string { return "lake." + l.Typetag }

// key is where the account of the chunk is kept.
func (l label) key() string { return chunkKeys(l.Upload, l.Try) + strconv.Itoa(l.Number) }

func (l label) header() map[string]string {
	return map[string]string{
		"Upload":   l.Upload,
		"Try":      l.Try,
		"Chunk":    strconv.Itoa(l.Number),
		"Records":  strconv.Itoa(l.Records),
		"Typetag":  l.Typetag,
		"Org":      l.Org,
		"Timezone": l.Timezone,
	}
}

func readLabel(h map[string]string) (label, error) {
	number, err1 := strconv.Atoi(h["Chunk"])
	records, err2 := strconv.Atoi(h["Records"])
	l := label{Upload: h["Upload"], Try: h["Try"], Number: number, Records: records, Typetag: h["Typetag"], Org: h["Org"], Timezone: h["Timezone"]}
	if err := errors.Join(err1, err2, checkID(l.Upload), checkID(l.Try)); err != nil {
		return l, fmt.Errorf("%w: %w", errChunk, err)
	}
	return l, nil
}
