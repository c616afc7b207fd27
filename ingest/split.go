package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"strings"

	"github.com/cybexp/cybexp/tahoe"
)

// piece is one record as it stands in an upload.
type piece struct {
	line    int    // of its first byte, from 1
	text    []byte // until the next call of next; nil if tooLong
	tooLong bool
}

// splitter cuts a stream into records:
//
//	{"a":1}⏎{"b":2}⏎          two records, a line each; blank lines do not count, \r\n and a byte order mark are no matter
//	{⏎  "a": 1⏎}⏎             one record over many lines
//	[{"a":1},⏎{"b":2}]        two records: an array of objects is a list of records
//	{"a":1,"b⏎{"b":2}⏎        two records, the first of which is text: a line that was cut off harms no other
//	hello⏎{"b":2}⏎            likewise
//
// It holds no more than two records of the limit, and far less where they are short.
type splitter struct {
	r     io.Reader
	limit int // the longest record that is taken, in bytes; a longer one is left out and the rest go on

	buf        []byte
	start, end int
	err        error // of r
	line       int
	begun      bool
	array      bool
}

// glance is how far ahead is looked at first, in bytes; most records are shorter.
const glance = 64 << 10

func split(r io.Reader, limit int) *splitter { return &splitter{r: r, limit: limit, line: 1} }

// looks yields more and more of what comes next. The second value tells that it is all that may be looked at: the rest of the stream,
// or more than a record may have.
func (s *splitter) looks() iter.Seq2[[]byte, bool] {
	return func(yield func([]byte, bool) bool) {
		for n := glance; ; n *= 4 {
			n = min(n, s.limit+1)
			w := s.window(n)
			all := len(w) < n || n > s.limit
			if !yield(w, all) || all {
				return
			}
		}
	}
}

// next gives the next record, or io.EOF after the last, or the error of the stream. What a broken stream leaves unfinished is
// not a record.
func (s *splitter) next() (piece, error) {
	if !s.begun {
		s.begin()
	}
	if !s.skipBlank() {
		return piece{}, s.err
	}
	p := piece{line: s.line}
	if c := s.window(1)[0]; c == '{' || c == '[' {
		for w, all := range s.looks() {
			n, state := s.document(w, all)
			switch {
			case state == broken:
				return s.textLine(p)
			case state == whole:
				return s.take(p, n), nil
			case !all:
			case len(w) > s.limit:
				s.skipDocument()
				p.tooLong = true
				return p, nil
			case !errors.Is(s.err, io.EOF):
				return piece{}, s.err
			default:
				return s.take(p, len(w)), nil
			}
		}
	}
	return s.textLine(p)
}

// isJSON tells whether the stream begins as JSON does.
func (s *splitter) isJSON() bool {
	if !s.begun {
		s.begin()
	}
	if s.array {
		return true
	}
	w := bytes.TrimLeft(s.window(glance), " \t\r\n")
	return len(w) > 0 && (w[0] == '{' || w[0] == '[')
}

// rawLine gives the next line that is not blank, with the white space at its beginning.
func (s *splitter) rawLine() (piece, error) {
	for {
		p, err := s.textLine(piece{line: s.line})
		if err != nil || p.tooLong || len(p.text) > 0 {
			return p, err
		}
	}
}

// begin skips a byte order mark, and the bracket of an array of objects.
func (s *splitter) begin() {
	s.begun = true
	if w := s.window(3); bytes.HasPrefix(w, []byte("\xef\xbb\xbf")) {
		s.advance(3)
	}
	if !s.skipBlank() || s.window(1)[0] != '[' {
		return
	}
	if w := bytes.TrimLeft(s.window(min(s.limit, glance))[1:], " \t\r\n"); len(w) > 0 && w[0] == '{' {
		s.advance(1)
		s.array = true
	}
}

// skipBlank goes to the next byte of a record and tells whether there is one.
func (s *splitter) skipBlank() bool {
	blank := " \t\r\n"
	if s.array {
		blank += ","
	}
	for {
		w := s.window(1)
		if len(w) == 0 {
			return false
		}
		w = s.buf[s.start:s.end]
		n := len(w) - len(bytes.TrimLeft(w, blank))
		ends := s.array && n < len(w) && w[n] == ']'
		if ends {
			s.array, blank = false, " \t\r\n"
			n++
		}
		s.advance(n)
		if n < len(w) && !ends {
			return true
		}
	}
}

type docState int

const (
	whole  docState = iota
	open            // what is there may be the beginning of a document
	broken          // it can be none
)

// document tells where the JSON document ends that w begins with; all tells that there is no more to look at.
func (s *splitter) document(w []byte, all bool) (int, docState) {
	if !s.array {
		if n := bytes.IndexByte(w, '\n'); n >= 0 && n <= s.limit && json.Valid(w[:n]) {
			return n, whole // the common case
		}
	}
	var b brackets
	n, closed := b.feed(w)
	switch {
	case b.broken:
		return 0, broken
	case closed && n > s.limit:
		return 0, open
	case closed && !json.Valid(w[:n]):
		return 0, broken
	case closed:
		return n, s.mayFollow(w[n:], all)
	}
	var begun json.RawMessage
	err := json.NewDecoder(bytes.NewReader(w)).Decode(&begun)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, open
	}
	return 0, broken
}

// mayFollow tells whether a document may end before rest: at the end of a line, or before another document.
func (s *splitter) mayFollow(rest []byte, all bool) docState {
	blank, ends := " \t\r", "\n{["
	if s.array {
		blank, ends = " \t\r\n", ",]"
	}
	rest = bytes.TrimLeft(rest, blank)
	switch {
	case len(rest) == 0 && all, len(rest) > 0 && strings.IndexByte(ends, rest[0]) >= 0:
		return whole
	case len(rest) == 0:
		return open
	}
	return broken
}

// textLine takes the rest of the line.
func (s *splitter) textLine(p piece) (piece, error) {
	for w, all := range s.looks() {
		if n := bytes.IndexByte(w, '\n'); n >= 0 {
			p = s.take(p, n)
			s.advance(1)
			return p, nil
		}
		if all && len(w) <= s.limit {
			if !errors.Is(s.err, io.EOF) || len(w) == 0 {
				return piece{}, s.err
			}
			return s.take(p, len(w)), nil
		}
	}
	p.tooLong = true
	for {
		w := s.window(glance)
		if n := bytes.IndexByte(w, '\n'); n >= 0 || len(w) == 0 {
			s.advance(n + 1)
			return p, nil
		}
		s.advance(len(w))
	}
}

// skipDocument goes behind a document that is too long, or to where it is seen to be none.
func (s *splitter) skipDocument() {
	var b brackets
	for {
		w := s.window(glance)
		n, closed := b.feed(w)
		s.advance(n)
		if closed || b.broken || len(w) == 0 {
			return
		}
	}
}

func (s *splitter) take(p piece, n int) piece {
	p.text = bytes.TrimRight(s.buf[s.start:s.start+n], " \t\r\n")
	s.advance(n)
	return p
}

func (s *splitter) advance(n int) {
	s.line += bytes.Count(s.buf[s.start:s.start+n], []byte("\n"))
	s.start += n
}

// window gives the next n bytes without passing them; fewer only at the end of the stream or its error.
func (s *splitter) window(n int) []byte {
	if s.start+n > len(s.buf) {
		s.makeRoom(n)
	}
	for idle := 0; s.end-s.start < n && s.err == nil; {
		var got int
		got, s.err = s.r.Read(s.buf[s.end:])
		s.end += got
		if idle++; got > 0 {
			idle = 0
		} else if idle > 100 && s.err == nil {
			s.err = io.ErrNoProgress
		}
	}
	return s.buf[s.start:min(s.start+n, s.end)]
}

// makeRoom moves what is there to the front. The buffer is twice what is looked at, so that this is rare.
func (s *splitter) makeRoom(n int) {
	from := s.buf[s.start:s.end]
	if len(s.buf) < 2*n {
		s.buf = make([]byte, 2*max(n, min(glance, s.limit))+64)
	}
	s.start, s.end = 0, copy(s.buf, from)
}

// brackets follows the nesting of a JSON document, and no more than that.
type brackets struct {
	depth    int
	str, esc bool
	broken   bool
}

// feed goes on to the closing bracket of the document, or to a byte that no document has there, or through all of w.
func (b *brackets) feed(w []byte) (n int, closed bool) {
	for i, c := range w {
		switch {
		case b.esc:
			b.esc = false
		case b.str && c == '\\':
			b.esc = true
		case c == '"':
			b.str = !b.str
		case b.str && c == '\n':
			b.broken = true
			return i, false
		case b.str:
		case c == '{' || c == '[':
			if b.depth++; b.depth > tahoe.MaxDepth {
				b.broken = true
				return i, false
			}
		case c == '}' || c == ']':
			if b.depth--; b.depth == 0 {
				return i + 1, true
			}
		}
	}
	return len(w), false
}
