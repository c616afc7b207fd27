package filter

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
)

// This file takes e-mail apart. It is kinder than net/mail and mime/multipart, which give up a message for one bad line: what is sent to
// deceive is often damaged, by intent or not.

// Bounds of a message.
const (
	maxParts   = 200
	maxNesting = 10
)

// header holds the fields of a message or part in their order, with names in lower case and values unfolded.
type header []headerField

type headerField struct{ name, value string }

// all gives the values of all fields of a name.
func (h header) all(name string) []string {
	var values []string
	for _, f := range h {
		if f.name == name {
			values = append(values, f.value)
		}
	}
	return values
}

func (h header) first(name string) string {
	values := h.all(name)
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// mailReader takes one message apart.
type mailReader struct {
	record

	parts     []part
	truncated bool // there was more than is read
}

// part is a leaf of a message: a text or a file.
type part struct {
	mediaType string
	filename  string
	attached  bool
	content   []byte // decoded, in the part's charset
	charset   string
	encoded   bool // was base64 or quoted-printable
}

// split parts header and body.
func (m *mailReader) split(message []byte) (header, []byte) {
	var h header
	rest := message
	for len(rest) > 0 {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			return h, rest
		}
		text := rawText(line)
		name, value, ok := strings.Cut(text, ":")
		switch {
		case line[0] == ' ' || line[0] == '\t':
			if len(h) > 0 {
				h[len(h)-1].value += " " + strings.TrimSpace(text)
			}
		case ok && isToken(strings.TrimRight(name, " \t")):
			h = append(h, headerField{strings.ToLower(strings.TrimRight(name, " \t")), strings.TrimSpace(value)})
		case strings.HasPrefix(text, "From ") || strings.HasPrefix(text, ">From "): // of a mailbox
		default:
			m.problem("header", "%.60q is no header", text)
		}
	}
	return h, nil
}

func isToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c >= 0x7f })
}

// rawText reads bytes without a charset: UTF-8 if they are, else what Windows of western Europe has.
func rawText(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return decodeCharset("windows-1252", b)
}

// decodeCharset reads text in a charset; empty where the charset is unknown.
func decodeCharset(label string, b []byte) string {
	encoding, _ := charset.Lookup(label)
	if encoding == nil {
		return ""
	}
	text, err := encoding.NewDecoder().Bytes(b)
	if err != nil {
		return ""
	}
	return string(text)
}

// words decodes =?utf-8?q?…?= in a header.
func (m *mailReader) words(field, value string) string {
	text, err := wordDecoder().DecodeHeader(value)
	if err != nil {
		m.problem(field, "%v", err)
		return value
	}
	return text
}

func wordDecoder() *mime.WordDecoder {
	return &mime.WordDecoder{CharsetReader: func(label string, r io.Reader) (io.Reader, error) {
		encoding, _ := charset.Lookup(label)
		if encoding == nil {
			return nil, fmt.Errorf("unknown charset %.40q", label)
		}
		return encoding.NewDecoder().Reader(r), nil
	}}
}

// read takes the body of a message or part apart.
func (m *mailReader) read(h header, body []byte, depth int) {
	if depth > maxNesting || len(m.parts) >= maxParts {
		if !m.truncated {
			m.truncated = true
			m.problem("parts", "there are more than %d, or more than %d inside each other; the rest is in the raw only", maxParts, maxNesting)
		}
		return
	}
	mediaType, params := mediaOf(h.first("content-type"))
	if strings.HasPrefix(mediaType, "multipart/") && params["boundary"] != "" {
		m.multipart(params["boundary"], body, depth)
		return
	}
	body, encoded := decodeTransfer(h.first("content-transfer-encoding"), body)
	if mediaType == "message/rfc822" {
		inner, rest := m.split(body)
		m.read(inner, rest, depth+1)
		return
	}
	disposition, more := mediaOf(h.first("content-disposition"))
	p := part{mediaType: mediaType, content: body, charset: params["charset"], encoded: encoded, attached: disposition == "attachment"}
	for _, name := range []string{more["filename"], params["name"]} {
		if p.filename == "" {
			p.filename = strings.TrimSpace(m.words("filename", name))
		}
	}
	m.parts = append(m.parts, p)
}

// multipart reads the parts between the lines of a boundary. The last may lack its end.
func (m *mailReader) multipart(boundary string, body []byte, depth int) {
	mark := "--" + boundary
	begin := -1
	for at := 0; at < len(body); {
		line, _, _ := bytes.Cut(body[at:], []byte("\n"))
		next := min(at+len(line)+1, len(body))
		if text := strings.TrimRight(string(line[:min(len(line), len(mark)+8)]), " \t\r"); text == mark || text == mark+"--" {
			m.inner(body, begin, at-newline(body[:at]), depth)
			if begin = next; text != mark {
				return
			}
		}
		at = next
	}
	m.inner(body, begin, len(body), depth)
}

// newline is the length of the end of line that b ends in: before a boundary it is part of that.
func newline(b []byte) int {
	return len(b) - len(bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r")))
}

func (m *mailReader) inner(body []byte, begin, end, depth int) {
	if begin < 0 || begin >= end {
		return
	}
	h, rest := m.split(body[begin:end])
	m.read(h, rest, depth+1)
}

var looseParam = regexp.MustCompile(`(?i)\b(boundary|charset|name|filename)\s*=\s*(?:"([^"]*)"|([^\s;"]+))`)

// mediaOf reads a Content-Type or Content-Disposition, also damaged ones.
func mediaOf(value string) (string, map[string]string) {
	if value == "" {
		return "text/plain", nil
	}
	mediaType, params, err := mime.ParseMediaType(value)
	if err == nil {
		return mediaType, params
	}
	kind, _, _ := strings.Cut(value, ";")
	params = map[string]string{}
	for _, p := range looseParam.FindAllStringSubmatch(value, -1) {
		params[strings.ToLower(p[1])] = p[2] + p[3]
	}
	return strings.ToLower(strings.TrimSpace(kind)), params
}

// decodeTransfer undoes base64 and quoted-printable, as far as it goes, and tells whether there was any.
func decodeTransfer(encoding string, body []byte) (decoded []byte, encoded bool) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		return decodeBase64(body), true
	case "quoted-printable":
		return decodeQuoted(body), true
	}
	return body, false
}

func decodeBase64(body []byte) []byte {
	digits := slices.DeleteFunc(bytes.Clone(body), func(c byte) bool {
		return (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '+' && c != '/'
	})
	if len(digits)%4 == 1 {
		digits = digits[:len(digits)-1]
	}
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(digits)))
	n, err := base64.RawStdEncoding.Decode(out, digits)
	if err != nil {
		return out[:n] // what came before the fault
	}
	return out
}

func decodeQuoted(body []byte) []byte {
	out := make([]byte, 0, len(body))
	for line := range bytes.Lines(body) {
		end := len(line) - len(bytes.TrimRight(line, "\r\n"))
		text, newline := bytes.TrimRight(line[:len(line)-end], " \t"), line[len(line)-end:]
		if bytes.HasSuffix(text, []byte("=")) {
			text, newline = text[:len(text)-1], nil
		}
		for i := 0; i < len(text); i++ {
			var b [1]byte
			if text[i] == '=' && i+2 < len(text) {
				if _, err := hex.Decode(b[:], text[i+1:i+3]); err == nil {
					out = append(out, b[0])
					i += 2
					continue
				}
			}
			out = append(out, text[i])
		}
		out = append(out, newline...)
	}
	return out
}

// decode is the content as text, with lines that end in \n. Bytes that were sent as they are and are UTF-8 are just that, whatever charset the
// part names: another system has read and written the message on its way.
func (m *mailReader) decode(p part) string {
	text := ""
	if !p.encoded && bytes.ContainsFunc(p.content, func(r rune) bool { return r >= utf8.RuneSelf }) && utf8.Valid(p.content) {
		text = string(p.content)
	} else if p.charset != "" && !strings.EqualFold(p.charset, "us-ascii") {
		if text = decodeCharset(p.charset, p.content); text == "" && len(p.content) > 0 {
			m.problem("charset", "%.40q is not known", p.charset)
		}
	}
	if text == "" {
		text = rawText(p.content)
	}
	return strings.ReplaceAll(text, "\r\n", "\n")
}
