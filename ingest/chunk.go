package ingest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/cybexp/cybexp/tahoe"
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
	packed  []byte // room to pack in
}

// chunks that were sealed are filled again: an upload makes no garbage of its own length.
var chunks = sync.Pool{New: func() any { return new(chunk) }}

func newChunk() *chunk { return chunks.Get().(*chunk) } //nolint:forcetypeassert // nothing else is in there

// release gives the chunk up. One that had a long record is not kept.
func (c *chunk) release() {
	if cap(c.plain) <= 2*maxChunk {
		c.plain, c.records = c.plain[:0], 0
		chunks.Put(c)
	}
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

// packedMark is the first byte of a chunk that is packed. Older versions did not pack: then it begins with the number of a line, from 1.
const packedMark = 0

// maxPlain is longer than any chunk, in bytes.
const maxPlain = tahoe.MaxText + overhead

// pack is the chunk as it is sealed: compressed, since logs shrink to a tenth. It counts until the chunk is released.
func (c *chunk) pack() []byte {
	if n := 1 + s2.MaxEncodedLen(len(c.plain)); cap(c.packed) < n {
		c.packed = make([]byte, n)
	}
	c.packed = c.packed[:cap(c.packed)]
	c.packed[0] = packedMark
	return c.packed[:1+len(s2.Encode(c.packed[1:], c.plain))]
}

// unpack undoes pack, and leaves what was not packed as it is.
func unpack(opened []byte) ([]byte, error) {
	if len(opened) == 0 || opened[0] != packedMark {
		return opened, nil
	}
	if n, err := s2.DecodedLen(opened[1:]); err != nil || n > maxPlain {
		return nil, errChunk
	}
	plain, err := s2.Decode(nil, opened[1:])
	if err != nil {
		return nil, errChunk
	}
	return plain, nil
}

// sealChunk packs and seals a chunk.
func (s *Service) sealChunk(c *chunk) ([]byte, error) { return s.Keys.Seal(c.pack()) }

// openChunk undoes sealChunk. The error is one of the envelope's or errChunk if nobody can ever use the chunk.
func (s *Service) openChunk(sealed []byte) ([]byte, error) {
	opened, err := s.Keys.Open(sealed)
	if err != nil {
		return nil, err
	}
	return unpack(opened)
}

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
	Record   int    // which of its records this is alone, from 1; 0 is all of them
	Line     int    // of that record
	Records  int
	Typetag  string
	Org      string
	Timezone string
	Marking  tahoe.Marking
	Received time.Time // when it came, if it was dead since; else zero
}

// subjects fits the subjects of all chunks of a try.
func (l label) subjects() string {
	return strings.Join([]string{"lake", l.Typetag, l.Org, l.Upload, l.Try, ">"}, ".")
}

// subject tells what counts without the chunk: the key of its account and its number of records.
func (l label) subject() string {
	return strings.TrimSuffix(l.subjects(), ">") + l.place() + "." + strconv.Itoa(l.Records)
}

// readSubject takes the key of the account and the number of records out of a subject.
func readSubject(subject string) (key string, records int, err error) {
	words := strings.Split(subject, ".")
	if len(words) != 7 {
		return "", 0, fmt.Errorf("%w: subject", errChunk)
	}
	if records, err = count(words[6]); err != nil {
		return "", 0, err
	}
	return chunkKeys(words[3], words[4]) + words[5], records, nil
}

// place is where in its upload it is.
func (l label) place() string {
	if l.Record > 0 {
		return strconv.Itoa(l.Number) + "-" + strconv.Itoa(l.Record)
	}
	return strconv.Itoa(l.Number)
}

// key is where the account of the chunk is kept.
func (l label) key() string { return chunkKeys(l.Upload, l.Try) + l.place() }

// refusalsKey is where it is kept how often the graph has refused records of the chunk.
func (l label) refusalsKey() string { return "refused." + l.Upload + "." + l.Try + "." + l.place() }

// alone labels a record of the chunk that leaves it.
func (l label) alone(record, line int) label {
	if l.Record == 0 {
		l.Record, l.Line, l.Records = record, line, 1
	}
	return l
}

func (l label) header() map[string]string {
	h := map[string]string{
		"Upload":   l.Upload,
		"Try":      l.Try,
		"Chunk":    strconv.Itoa(l.Number),
		"Records":  strconv.Itoa(l.Records),
		"Typetag":  l.Typetag,
		"Org":      l.Org,
		"Timezone": l.Timezone,
	}
	if l.Record > 0 {
		h["Record"], h["Line"] = strconv.Itoa(l.Record), strconv.Itoa(l.Line)
	}
	if l.Marking != tahoe.Unmarked {
		h["Tlp"] = string(l.Marking)
	}
	if !l.Received.IsZero() {
		h["Received"] = l.Received.Format(time.RFC3339Nano)
	}
	return h
}

func readLabel(h map[string]string) (l label, err error) {
	l = label{Upload: h["Upload"], Try: h["Try"], Typetag: h["Typetag"], Org: h["Org"], Timezone: h["Timezone"]}
	numbers := map[string]*int{"Chunk": &l.Number, "Records": &l.Records}
	if h["Record"] != "" {
		numbers["Record"], numbers["Line"] = &l.Record, &l.Line
	}
	errs := []error{checkID(l.Upload), checkID(l.Try)}
	for name, into := range numbers {
		*into, err = count(h[name])
		errs = append(errs, err)
	}
	if text := h["Received"]; text != "" {
		l.Received, err = time.Parse(time.RFC3339Nano, text)
		errs = append(errs, err)
	}
	if text := h["Tlp"]; text != "" {
		l.Marking, err = tahoe.ParseMarking(text)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return l, fmt.Errorf("%w: %w", errChunk, err)
	}
	return l, nil
}

// count reads a number that is not negative.
func count(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errChunk, err)
	}
	return int(n), nil
}
