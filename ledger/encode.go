package ledger

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// version is the first byte of an encoded segment.
const version = 1

// ErrFormat is returned for text that is not a segment.
var ErrFormat = errors.New("not a segment of a ledger")

// Encode is the segment as text: base64 of varints (encoding/binary), which are the step; the number of keys, and each key's four
// strings with their lengths; the number of entries; and of each entry the distance in steps from the one before, and its key's number
// doubled, one more when an N that is not 1 follows.
func (s Segment) Encode() string {
	b := make([]byte, 0, 16+len(s.keys)*100+len(s.entries)*6)
	b = binary.AppendUvarint(append(b, version), uint64(s.unit()))
	b = binary.AppendUvarint(b, uint64(len(s.keys)))
	for _, k := range s.keys {
		for _, text := range [...]string{k.Audience, k.Category, k.Context, k.SubType} {
			b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(s.entries)))
	var last int64
	for _, e := range s.entries {
		b = binary.AppendVarint(b, e.at-last)
		last = e.at
		if e.n == 1 {
			b = binary.AppendUvarint(b, uint64(e.key)<<1)
			continue
		}
		b = binary.AppendUvarint(b, uint64(e.key)<<1|1)
		b = binary.AppendVarint(b, e.n)
	}
	return base64.RawStdEncoding.EncodeToString(b)
}

// Decode reads what Encode wrote. It returns an error that wraps [ErrFormat] for anything else.
func Decode(text string) (Segment, error) {
	b, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return Segment{}, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	r := &reader{rest: b}
	if len(b) == 0 || b[0] != version {
		return Segment{}, fmt.Errorf("%w: of another version", ErrFormat)
	}
	r.rest = b[1:]
	s := r.segment()
	if r.bad || len(r.rest) > 0 {
		return Segment{}, fmt.Errorf("%w: broken off or out of order", ErrFormat)
	}
	return s, nil
}

// reader reads an encoded segment; after the first fault it is bad, and what it gives means nothing.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) segment() Segment {
	step := r.uvarint()
	s := Segment{step: int64(step), keys: make([]Key, 0, r.count(4))}
	if step != uint64(Exact) && step != uint64(Quarter) && step != uint64(Day) {
		r.bad = true
		return s
	}
	for range cap(s.keys) {
		s.keys = append(s.keys, Key{r.text(), r.text(), r.text(), r.text()})
	}
	limit := math.MaxInt64 / s.step
	s.entries = make([]entry, 0, r.count(2))
	var last entry
	for first := true; len(s.entries) < cap(s.entries); first = false {
		last = r.entry(last, first)
		if r.bad || last.key >= len(s.keys) || last.at > limit || last.at < -limit {
			r.bad = true
			return s
		}
		s.entries = append(s.entries, last)
	}
	for i := 1; i < len(s.keys); i++ {
		r.bad = r.bad || compareKeys(s.keys[i-1], s.keys[i]) >= 0
	}
	return s
}

// entry reads an entry, which must come after the last one, unless it is the first.
func (r *reader) entry(last entry, first bool) entry {
	e := entry{at: r.varint(), n: 1}
	key := r.uvarint()
	if key&1 == 1 {
		e.n = r.varint()
	}
	e.key = int(min(key>>1, math.MaxInt32))
	if !first {
		r.bad = r.bad || e.at < 0 || e.at > math.MaxInt64-max(last.at, 0) || e.at == 0 && e.key <= last.key
		e.at += last.at
	}
	r.bad = r.bad || e.n == 0
	return e
}

// count reads the number of items that follow, each of at least size bytes, so that no number asks for more memory than there is text.
func (r *reader) count(size int) int {
	n := r.uvarint()
	if n > uint64(len(r.rest)/size) {
		r.bad = true
		return 0
	}
	return int(n)
}

func (r *reader) text() string {
	n := r.count(1)
	text := string(r.rest[:n])
	r.rest = r.rest[n:]
	return text
}

// uvarint reads a number. Most have one byte, which is read without a call.
func (r *reader) uvarint() uint64 {
	if len(r.rest) > 0 && r.rest[0] < 0x80 {
		v := uint64(r.rest[0])
		r.rest = r.rest[1:]
		return v
	}
	return r.long()
}

func (r *reader) long() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// varint reads a number that may be negative, which the lowest bit tells.
func (r *reader) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1) //nolint:gosec // two's complement is meant
}
