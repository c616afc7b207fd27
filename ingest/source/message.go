package source

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	syslog "github.com/leodido/go-syslog/v4"
	"github.com/leodido/go-syslog/v4/rfc5424"
)

// message is a syslog message as far as it could be read, and the record that is made of it for the format syslog.
type message struct {
	Facility   *uint8                       `json:"facility,omitempty"`
	Severity   *uint8                       `json:"severity,omitempty"`
	Timestamp  string                       `json:"timestamp,omitempty"` // RFC 3339
	Hostname   string                       `json:"hostname,omitempty"`
	Appname    string                       `json:"appname,omitempty"`
	ProcID     string                       `json:"procid,omitempty"`
	MsgID      string                       `json:"msgid,omitempty"`
	Structured map[string]map[string]string `json:"structured_data,omitempty"`
	Message    string                       `json:"message"`
	Encoding   string                       `json:"encoding,omitempty"` // latin-1 if what was sent is no UTF-8
	Peer       string                       `json:"peer,omitempty"`     // address that it came from
}

// syslogReader makes records of messages. It is not for concurrent use.
type syslogReader struct {
	strict syslog.Machine
	zone   *time.Location // of stamps that name none
	whole  bool           // records are messages, not what they carry
}

func newSyslogReader(zone *time.Location, whole bool) *syslogReader {
	return &syslogReader{strict: rfc5424.NewParser(), zone: zone, whole: whole}
}

// record makes a record of a message that came from peer: what the message carries, or all of it for the format syslog. Nothing is left
// out for being badly formed; what cannot be told apart is the message.
func (r *syslogReader) record(text []byte, peer string, now time.Time) []byte {
	m := r.read(text, now)
	if !r.whole {
		return payload(m.Message)
	}
	if !utf8.ValidString(m.Message) {
		m.Message, m.Encoding = latin1(m.Message), "latin-1"
	}
	m.Peer = peer
	line, err := json.Marshal(m)
	if err != nil {
		panic("source: a message of texts is JSON: " + err.Error())
	}
	return line
}

// read takes a message apart: as RFC 5424 has it, else as RFC 3164 describes what senders did before.
func (r *syslogReader) read(text []byte, now time.Time) message {
	if parsed, err := r.strict.Parse(text); err == nil {
		if m, ok := parsed.(*rfc5424.SyslogMessage); ok {
			return structured(m)
		}
	}
	return r.traditional(string(text), now)
}

func structured(p *rfc5424.SyslogMessage) message {
	m := message{
		Facility: p.Facility, Severity: p.Severity, Hostname: deref(p.Hostname), Appname: deref(p.Appname), ProcID: deref(p.ProcID),
		MsgID: deref(p.MsgID), Message: strings.TrimPrefix(deref(p.Message), "\xef\xbb\xbf"),
	}
	if p.Timestamp != nil {
		m.Timestamp = p.Timestamp.Format(time.RFC3339Nano)
	}
	if p.StructuredData != nil {
		m.Structured = *p.StructuredData
	}
	return m
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

var (
	stampText = regexp.MustCompile(`^(?:[A-Z][a-z]{2} [ 0-9]?[0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?|[0-9]{4}-[0-9]{2}-[0-9]{2}T\S{8,30}) `)
	hostText  = regexp.MustCompile(`^([!-~]{1,255}) `)
	tagText   = regexp.MustCompile(`^([^\s:\[\]]{1,64})(?:\[([^\]\s]{1,32})\])?: ?`)
)

// traditional reads "<34>Oct 11 22:14:15 mymachine su[17]: text", any part of which may be missing.
func (r *syslogReader) traditional(text string, now time.Time) message {
	var m message
	text = m.priority(text)
	if stamp := stampText.FindString(text); stamp != "" {
		if at, ok := r.stamp(strings.TrimSpace(stamp), now); ok {
			m.Timestamp, text = at.Format(time.RFC3339Nano), text[len(stamp):]
			if host := hostText.FindStringSubmatch(text); host != nil && !tagText.MatchString(text) && host[1] != "@cee:" {
				m.Hostname, text = host[1], text[len(host[0]):]
			}
		}
	}
	if tag := tagText.FindStringSubmatch(text); tag != nil && tag[1] != "@cee" && text[0] != '{' {
		m.Appname, m.ProcID, text = tag[1], tag[2], text[len(tag[0]):]
	}
	m.Message = text
	return m
}

// priority takes "<34>" off the text.
func (m *message) priority(text string) string {
	if !strings.HasPrefix(text, "<") {
		return text
	}
	number, rest, ok := strings.Cut(text[1:min(len(text), 6)], ">")
	n, err := strconv.ParseUint(number, 10, 8)
	if !ok || err != nil || n > 191 {
		return text
	}
	facility, severity := uint8(n/8), uint8(n%8)
	m.Facility, m.Severity = &facility, &severity
	return rest + text[min(len(text), 6):]
}

// stamp reads a time. One without a year is of the year that puts it next to now; without a zone it is of the source's.
func (r *syslogReader) stamp(text string, now time.Time) (time.Time, bool) {
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at, true
	}
	if at, err := time.ParseInLocation("2006-01-02T15:04:05", text, r.zone); err == nil {
		return at, true
	}
	var best time.Time
	for year := now.Year() - 1; year <= now.Year()+1; year++ {
		at, err := time.ParseInLocation("2006 Jan _2 15:04:05", strconv.Itoa(year)+" "+text, r.zone)
		if err == nil && (best.IsZero() || at.Sub(now).Abs() < best.Sub(now).Abs()) {
			best = at
		}
	}
	return best, !best.IsZero()
}

// payload is what a message carries: its text, in one line if that is JSON, without the cookie that announces it.
func payload(text string) []byte {
	text = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(text), "@cee:"))
	if at := strings.IndexByte(text, '{'); at > 0 && !json.Valid([]byte(text)) && json.Valid([]byte(text[at:])) {
		text = text[at:] // what stands before it could not be read
	}
	return bytes.ReplaceAll(oneJSON([]byte(text)), []byte("\n"), []byte(" "))
}

// latin1 reads each byte as the character of its number.
func latin1(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}
