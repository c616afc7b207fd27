package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/tahoe"
)

// Letter is a dead letter: a chunk, or a single record of one, that was given up.
type Letter struct {
	ID      uint64     `json:"id"`
	Reason  string     `json:"reason"`
	Time    time.Time  `json:"time"` // when it was given up
	Org     tahoe.Hash `json:"org"`  // zero if nobody knows
	Typetag string     `json:"typetag"`
	Upload  string     `json:"upload"`
	Line    int        `json:"line,omitempty"` // of the record; a chunk has none
	Records int        `json:"records"`
	Bytes   int        `json:"bytes"` // sealed

	label label
}

// LetterRecord is a record in a dead letter.
type LetterRecord struct {
	Line int    `json:"line"`
	Text string `json:"text"`
}

const deadSubjects = "lake-dead."

// Letters lists the first n dead letters of the organisations after the one that after names, oldest first; of all if orgs is nil.
func (s *Service) Letters(ctx context.Context, orgs []tahoe.Hash, after uint64, n int) ([]Letter, error) {
	filters := []string{deadSubjects + ">"}
	if orgs != nil {
		filters = nil
	}
	for _, org := range orgs {
		filters = append(filters, deadSubjects+label{Typetag: "*", Org: org.String(), Upload: "*", Try: "*"}.subjects())
	}
	letters := []Letter{}
	for _, filter := range filters {
		list, err := s.dead.List(ctx, filter, after, n)
		if err != nil {
			return nil, fmt.Errorf("list dead letters: %w", err)
		}
		for _, m := range list {
			letters = append(letters, letterOf(m))
		}
	}
	slices.SortFunc(letters, func(a, b Letter) int { return cmp.Compare(a.ID, b.ID) })
	return letters[:min(len(letters), n)], nil
}

// ForgetDead deletes the dead letters of before a time for good, oldest first, and tells how many. Their uploads count them still.
func (s *Service) ForgetDead(ctx context.Context, before time.Time) (n int, err error) {
	for {
		list, err := s.dead.List(ctx, deadSubjects+">", 0, forgetPage)
		if err != nil || len(list) == 0 {
			return n, err
		}
		for _, m := range list {
			if !m.Time.Before(before) {
				return n, nil
			}
			if err := s.dead.Delete(ctx, m.Sequence); err != nil {
				return n, fmt.Errorf("forget dead letter: %w", err)
			}
			n++
		}
	}
}

// letterOf reads what stands on the outside of a dead letter. What cannot be read stays empty.
func letterOf(m bus.Message) Letter {
	l, err := readLabel(m.Header)
	if err != nil {
		l = label{}
	}
	letter := Letter{
		ID: m.Sequence, Reason: m.Header[bus.HeaderReason], Time: m.Time, Typetag: l.Typetag, Upload: l.Upload,
		Line: l.Line, Records: l.Records, Bytes: len(m.Data), label: l,
	}
	if org, err := tahoe.ParseHash(l.Org); err == nil {
		letter.Org = org
	}
	if size, err := strconv.Atoi(m.Header[bus.HeaderSize]); err == nil {
		letter.Bytes = size
	}
	return letter
}

// Letter finds a dead letter; ErrNotFound if there is none of that ID.
func (s *Service) Letter(ctx context.Context, id uint64) (Letter, error) {
	m, err := s.letter(ctx, id)
	return letterOf(m), err
}

func (s *Service) letter(ctx context.Context, id uint64) (bus.Message, error) {
	m, err := s.dead.Get(ctx, id)
	if errors.Is(err, bus.ErrNotFound) {
		return m, fmt.Errorf("dead letter %d: %w", id, ErrNotFound)
	}
	if err != nil {
		return m, fmt.Errorf("get dead letter: %w", err)
	}
	return m, nil
}

// LetterRecords opens a dead letter and gives its records. The error is one of the envelope's if no key opens it.
func (s *Service) LetterRecords(ctx context.Context, id uint64) ([]LetterRecord, error) {
	m, err := s.letter(ctx, id)
	if err != nil {
		return nil, err
	}
	plain, err := s.openChunk(m.Data)
	if err != nil {
		return nil, fmt.Errorf("open dead letter %d: %w", id, err)
	}
	var records []LetterRecord
	for line, text := range entries(plain) {
		if text == nil {
			return records, fmt.Errorf("open dead letter %d: %w", id, errChunk)
		}
		records = append(records, LetterRecord{line, strings.ToValidUTF8(string(text), "\ufffd")})
	}
	return records, nil
}

// Retry puts a dead letter back into the lake. If it dies again there is a new letter.
func (s *Service) Retry(ctx context.Context, id uint64) error {
	m, err := s.letter(ctx, id)
	if err != nil {
		return err
	}
	l, err := readLabel(m.Header)
	if err != nil {
		return fmt.Errorf("retry dead letter %d: %w: nobody knows where it came from: %w", id, ErrInvalid, err)
	}
	// What an earlier try of it said goes first: a redelivery would take it for its own.
	if err := s.accounts.Delete(ctx, l.key()); err != nil {
		return fmt.Errorf("retry dead letter %d: %w", id, err)
	}
	h := l.header()
	h[bus.HeaderID] = "retry/" + strconv.FormatUint(id, 10)
	if _, err := s.lake.Publish(ctx, l.subject(), h, m.Data); err != nil {
		return fmt.Errorf("retry dead letter %d: %w", id, err)
	}
	if err := s.reopen(ctx, l); err != nil {
		return fmt.Errorf("retry dead letter %d: %w", id, err)
	}
	return s.Discard(ctx, id)
}

// reopen makes an upload unfinished again of which something is back in the lake. It writes the account even if that looks unfinished:
// whoever has summed it up without what came back then runs into a conflict.
func (s *Service) reopen(ctx context.Context, l label) error {
	for {
		a, err := s.account(ctx, l.Upload)
		if errors.Is(err, ErrNotFound) {
			return nil // it was too long ago
		}
		if err != nil || a.Try != l.Try {
			return err
		}
		a.Final = nil
		if err := s.saveAccount(ctx, &a); !errors.Is(err, bus.ErrConflict) {
			return err
		}
	}
}

// Discard removes a dead letter for good. One that is gone is no error.
func (s *Service) Discard(ctx context.Context, id uint64) error {
	if err := s.dead.Delete(ctx, id); err != nil {
		return fmt.Errorf("delete dead letter: %w", err)
	}
	return nil
}
