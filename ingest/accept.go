package ingest

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // zones must be known on a machine that has none installed
	"unicode"
	"unicode/utf8"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/telemetry"
)

// Upload says what an upload is.
type Upload struct {
	ID       string `json:"id"` // 1 to 64 letters, digits, - and _; empty gives it one. The same ID again is the same upload again.
	Key      string `json:"-"`  // instead of an ID: what User calls it among their own uploads for Org, or the ID of any upload for Org
	Name     string `json:"name"`
	Typetag  string `json:"typetag"`  // the format, such as cowrie
	Timezone string `json:"timezone"` // IANA name, for stamps that name no zone; empty is UTC

	Marking tahoe.Marking `json:"tlp,omitempty"` // how far it may be shared; empty says nothing about that
	Org     tahoe.Hash    `json:"org"`           // who owns the data
	User    tahoe.Hash    `json:"user"`          // who sent it
}

// Receipt tells what was taken in.
type Receipt struct {
	ID       string `json:"id"`
	Records  int    `json:"records"`
	Rejected int    `json:"rejected"` // records that were too long
	Bytes    int64  `json:"bytes"`
}

// Accept reads body to its end, and returns when every record of it is on the disk of the lake. If body breaks off, what came
// before is kept and counted, and the error wraps ErrBody; sending it again with the same ID completes it. An upload that was
// completed before is not read again: its receipt is returned. If the lake has no room the error wraps ErrBusy; when it fills up on the
// way, body is not read on until there is room again.
func (s *Service) Accept(ctx context.Context, u Upload, body io.Reader) (r Receipt, err error) {
	ctx, span := telemetry.Start(ctx, "accept upload", "typetag", s.metrics.tag(u.Typetag))
	defer func() {
		span.Set("records", r.Records, "bytes", int(r.Bytes))
		span.End(err)
	}()
	if u.ID, err = s.identify(ctx, u); err != nil {
		return Receipt{}, err
	}
	u.Timezone = cmp.Or(u.Timezone, "UTC")
	if err := u.Check(); err != nil {
		return Receipt{}, err
	}
	if err := s.room(ctx, true); err != nil {
		s.metrics.uploads.Add(1, "busy")
		return Receipt{}, fmt.Errorf("accept %s: %w", u.ID, err)
	}
	in, done, err := s.begin(ctx, u)
	if err != nil {
		return Receipt{}, fmt.Errorf("accept %s: %w", u.ID, err)
	}
	if done != nil {
		return *done, nil
	}
	return in.take(ctx, body)
}

// identify is the ID of an upload. A key is not one, since IDs are all the platform's: whoever used the key of somebody else would hear of it.
func (s *Service) identify(ctx context.Context, u Upload) (string, error) {
	if u.Key == "" {
		return cmp.Or(u.ID, strings.ToLower(rand.Text())), nil
	}
	if err := checkID(u.Key); err != nil {
		return "", err
	}
	before, err := s.account(ctx, u.Key)
	if err == nil && before.Org == u.Org {
		return u.Key, nil
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", err
	}
	sum := sha256.Sum256([]byte(u.Org.String() + " " + u.User.String() + " " + u.Key))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16])), nil
}

// begin opens the account of an upload, or gives the receipt of one that was completed before. Whoever comes last has the upload: one
// that still comes in under its name ends.
func (s *Service) begin(ctx context.Context, u Upload) (*intake, *Receipt, error) {
	for {
		before, err := s.account(ctx, u.ID)
		switch {
		case errors.Is(err, ErrNotFound):
		case err != nil:
			return nil, nil, err
		case before.Org != u.Org || before.Typetag != u.Typetag || before.Marking != u.Marking:
			return nil, nil, ErrTaken
		case before.complete():
			receipt := before.receipt()
			return nil, &receipt, nil
		}
		in := &intake{Service: s, account: account{
			Upload: u, Try: strings.ToLower(rand.Text()[:8]), Begun: time.Now().UTC(), revision: before.revision,
		}}
		err = s.saveAccount(ctx, &in.account)
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return in, nil, err
	}
}

// Check tells what is wrong with u.
func (u Upload) Check() error {
	if err := checkID(u.ID); err != nil {
		return err
	}
	if err := tahoe.ValidSubType(u.Typetag); err != nil {
		return fmt.Errorf("%w: typetag: %w", ErrInvalid, err)
	}
	if _, err := time.LoadLocation(u.Timezone); err != nil || u.Timezone == "Local" {
		return fmt.Errorf("%w: %.60q is no IANA time zone such as America/Los_Angeles", ErrInvalid, u.Timezone)
	}
	if u.Org.IsZero() {
		return fmt.Errorf("%w: no organisation", ErrInvalid)
	}
	if u.Marking != tahoe.Unmarked && !slices.Contains(tahoe.Markings(), u.Marking) {
		return fmt.Errorf("%w: tlp: %.40q is no marking", ErrInvalid, u.Marking)
	}
	if len(u.Name) > 200 || !utf8.ValidString(u.Name) || strings.ContainsFunc(u.Name, unicode.IsControl) {
		return fmt.Errorf("%w: the name must be a line of at most 200 bytes", ErrInvalid)
	}
	return nil
}

func checkID(id string) error {
	ok := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
	}
	if id == "" || len(id) > 64 || strings.ContainsFunc(id, func(r rune) bool { return !ok(r) }) {
		return fmt.Errorf("%w: an ID must have 1 to 64 letters, digits, - and _", ErrInvalid)
	}
	return nil
}

func tooLong(p piece, limit int) Problem {
	return Problem{Line: p.line, Record: true, Message: fmt.Sprintf("record is longer than %d KiB and was left out", limit>>10)}
}
