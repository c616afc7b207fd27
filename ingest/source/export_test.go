package source

import (
	"io"
	"net/netip"
	"time"
)

// What tests see beside the exported names: the parsers of outside bytes, and what decides when to try again.

func Public(addr netip.Addr) bool { return public(addr) }

func ReadSyslog(text []byte, peer string, zone *time.Location, whole bool, now time.Time) []byte {
	return newSyslogReader(zone, whole).record(text, peer, now)
}

func Frames(r io.Reader) func() ([]byte, error) { return newFramer(r).next }

// ReadTAXII reads an envelope, and tells the bundles that are made of it and what is asked for next.
func ReadTAXII(text []byte, last, after, next string) (made [][]byte, nextAfter, nextNext string, more bool, err error) {
	page, err := readEnvelope(text, last)
	if err != nil {
		return nil, after, next, false, err
	}
	mark := taxiiMark{After: after, Next: next}
	more, err = mark.advance(page)
	return bundles(page.Objects), mark.After, mark.Next, more, err
}

// Schedule is the state of a source whose tries fail and succeed.
type Schedule struct{ s state }

func (s *Schedule) Fail(now time.Time, err error, jitter float64) (pause time.Duration) {
	s.s.failed(now, err, "", func(n int) time.Duration { return Backoff(n, jitter) })
	return s.s.Next.Sub(now)
}

func (s *Schedule) Succeed(now time.Time, period time.Duration) (pause time.Duration) {
	s.s.succeeded(now, period)
	return s.s.Next.Sub(now)
}

// Status is the error for an answer of a server.
func StatusError(code int, after string, now time.Time) error {
	return &statusError{Code: code, After: retryAfter(after, now)}
}
