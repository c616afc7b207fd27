package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cybexp/cybexp/tahoe"
)

// Record is an entry as it is kept, in the order in which it is shown.
type Record struct {
	Number  uint64    `json:"number"` // from 1, without gaps
	Time    time.Time `json:"time"`
	User    string    `json:"user,omitempty"` // the hash of who did it
	Email   string    `json:"email,omitempty"`
	Token   string    `json:"token,omitempty"`   // its ID
	Address string    `json:"address,omitempty"` // where the request came from
	Request string    `json:"request,omitempty"`
	Entry
	Before string `json:"before,omitempty"` // SHA-256 of the text of the record before; empty if that is gone, and to who does not see all
}

// Fields are the members of a Record.
var Fields = []string{
	"number", "time", "email", "action", "outcome", "object", "detail", "orgs", "address", "token", "request", "user", "query", "before",
}

// Longest texts of a record, in bytes; what is longer is cut.
const (
	maxText  = 256
	maxQuery = 8 << 10
)

// maxOrgs is how many organisations one record names. What concerns more is several records.
const maxOrgs = 64

// partsOf splits an entry that concerns very many organisations.
func partsOf(e Entry) []Entry {
	orgs := slices.Clone(e.Orgs)
	slices.SortFunc(orgs, tahoe.Hash.Compare)
	orgs = slices.Compact(orgs)
	if len(orgs) == 0 {
		e.Orgs = nil
		return []Entry{e}
	}
	var parts []Entry
	for some := range slices.Chunk(orgs, maxOrgs) {
		e.Orgs = some
		parts = append(parts, e)
	}
	return parts
}

// recordOf makes the record of an entry, all but its place and time.
func recordOf(who Actor, e Entry) Record {
	if e.Outcome == "" {
		e.Outcome = Done
	}
	e.Object, e.Query = clip(e.Object, maxText), clip(e.Query, maxQuery)
	detail := make(map[string]string, len(e.Detail))
	for k, v := range e.Detail {
		detail[k] = clip(v, maxText)
	}
	e.Detail = detail
	r := Record{
		Email: clip(who.Email, maxText), Token: clip(who.Token, maxText), Address: who.Address, Request: clip(who.Request, maxText),
		Entry: e,
	}
	if !who.User.IsZero() {
		r.User = who.User.String()
	}
	return r
}

// clip cuts a text that is too long, and replaces what is no text.
func clip(s string, n int) string {
	s = strings.ToValidUTF8(s, "�")
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// append gives a record its place in the chain. When another process was faster it looks where the end is now.
func (t *Trail) append(ctx context.Context, e Entry) error {
	r := recordOf(Who(ctx), e)
	t.mu.Lock()
	defer t.mu.Unlock()
	for known := t.last > 0; ; known = false {
		if !known {
			if err := t.findEnd(ctx); err != nil {
				return err
			}
		}
		r.Number, r.Before, r.Time = t.last+1, t.sum.String(), t.Now().UTC()
		text, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("write audit record: %w", err)
		}
		ok, err := t.Log.Append(ctx, topicOf(r.Orgs), t.last, text)
		switch {
		case err != nil:
			t.last = 0 // it may be there even so
			return err
		case ok:
			t.last, t.sum = r.Number, sumOf(text)
			return nil
		}
	}
}

func (t *Trail) findEnd(ctx context.Context) error {
	last, text, err := t.Log.Last(ctx)
	if err != nil {
		return err
	}
	t.last, t.sum = last, sumOf(text)
	return nil
}

// sum is the hash of a record's text; zero for one that is gone.
type sum [sha256.Size]byte

func sumOf(text []byte) sum {
	if text == nil {
		return sum{}
	}
	return sha256.Sum256(text)
}

func (s sum) String() string {
	if s == (sum{}) {
		return ""
	}
	return hex.EncodeToString(s[:])
}

// Topics tell which organisations records concern, so that those of one are found without looking at the others'.

const noOrg = "none"

// topicOf is the topic of records that concern some organisations.
func topicOf(orgs []tahoe.Hash) string {
	if len(orgs) == 0 {
		return noOrg
	}
	words := make([]string, len(orgs))
	for i, o := range orgs {
		words[i] = wordOf(o)
	}
	return strings.Join(words, ".")
}

// wordOf is short; who reads a topic looks at the records' own organisations too.
func wordOf(org tahoe.Hash) string { return org.String()[:16] }

// ErrBroken says that the records are not those that were written.
var ErrBroken = errors.New("the audit trail was changed")

// Verify checks lines of the trail, as they were kept, from any record on: that each names the one before it, and none is missing. It gives
// the number of the last one and its hash. To know that nothing was cut off the end, or all of it written anew, one compares these
// with those of a trail that was copied elsewhere before.
func Verify(lines [][]byte) (last uint64, hash string, err error) {
	var before sum
	for i, line := range lines {
		var r Record
		if err := json.Unmarshal(bytes.TrimSpace(line), &r); err != nil {
			return last, before.String(), fmt.Errorf("line %d: %w: %w", i+1, ErrBroken, err)
		}
		switch {
		case i > 0 && r.Number != last+1:
			return last, before.String(), fmt.Errorf("line %d: %w: record %d follows record %d", i+1, ErrBroken, r.Number, last)
		case i > 0 && r.Before != before.String():
			return last, before.String(), fmt.Errorf("line %d: %w: record %d or the one before it is another", i+1, ErrBroken, r.Number)
		}
		last, before = r.Number, sumOf(line)
	}
	return last, before.String(), nil
}
