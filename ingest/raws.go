package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/tahoe"
)

// The graph takes values of 1 MiB. Records that are longer lie whole and sealed in a stream of their own, each once, by the hash of their
// raw; the graph has an excerpt of them.

// excerpt stands for a record whose text is longer than the graph takes.
func excerpt(text []byte) tahoe.Value {
	return tahoe.Map(map[string]tahoe.Value{
		"sha256": tahoe.String(digest(text)),
		"bytes":  tahoe.Int(int64(len(text))),
		"begins": tahoe.String(strings.ToValidUTF8(string(text[:min(len(text), 4<<10)]), "\ufffd")),
	})
}

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// isExcerpt tells whether data may be an excerpt, and gives the hash of its text.
func isExcerpt(data tahoe.Value) (sum string, ok bool) {
	if data.Type() != tahoe.TypeObject || len(data.Keys()) != 3 {
		return "", false
	}
	if _, ok := data.Get("begins"); !ok {
		return "", false
	}
	if _, ok := data.Get("bytes"); !ok {
		return "", false
	}
	v, ok := data.Get("sha256")
	return v.Text(), ok
}

// isLong tells an excerpt from a short record that looks like one.
func isLong(data tahoe.Value) bool {
	size, _ := data.Get("bytes")
	begins, _ := data.Get("begins")
	n, err := strconv.Atoi(size.Text())
	return err == nil && n > len(begins.Text())
}

// wholeSubjects are those of long records.
const wholeSubjects = "raws."

func wholeSubject(raw tahoe.Hash) string { return wholeSubjects + raw.String() }

// keepWhole puts the text of a record on disk of which the graph gets an excerpt.
func (s *Service) keepWhole(ctx context.Context, m Outcome) error {
	sealed, err := s.Keys.Seal(m.text)
	if err != nil {
		return err
	}
	if _, err := s.raws.Publish(ctx, wholeSubject(m.Record.Raw.Hash()), nil, sealed); err != nil {
		return fmt.Errorf("keep long record: %w", err)
	}
	return nil
}

// whole gives the text of a record of which the graph has an excerpt; ErrNotFound if it was not kept.
func (s *Service) whole(ctx context.Context, raw tahoe.Hash, sum string) ([]byte, error) {
	m, err := s.raws.Newest(ctx, wholeSubject(raw))
	if errors.Is(err, bus.ErrNotFound) {
		return nil, fmt.Errorf("long record %v: %w", raw, ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	text, err := s.Keys.Open(m.Data)
	if err != nil {
		return nil, fmt.Errorf("long record %v: %w", raw, err)
	}
	if digest(text) != sum {
		return nil, fmt.Errorf("long record %v: %w", raw, errChunk)
	}
	return text, nil
}

// longRecords lists those of which the whole is kept. Each is more than 1 MiB on disk, so the list is small beside them.
func (s *Service) longRecords(ctx context.Context) (map[tahoe.Hash]bool, error) {
	subjects, err := s.raws.Subjects(ctx, wholeSubjects+"*")
	if err != nil {
		return nil, fmt.Errorf("list long records: %w", err)
	}
	hashes := make(map[tahoe.Hash]bool, len(subjects))
	for subject := range subjects {
		hash, err := tahoe.ParseHash(strings.TrimPrefix(subject, wholeSubjects))
		if err != nil {
			return nil, fmt.Errorf("list long records: %w", err)
		}
		hashes[hash] = true
	}
	return hashes, nil
}

// ForgetWhole removes the texts of long records of which the graph has no raw any more, of those that were kept before a time.
func (s *Service) ForgetWhole(ctx context.Context, before time.Time) error {
	long, err := s.longRecords(ctx)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(slices.Collect(maps.Keys(long)), forgetPage) {
		had, err := s.Archive.HasRaws(ctx, part)
		if err != nil {
			return fmt.Errorf("forget long records: %w", err)
		}
		for _, hash := range part {
			if had[hash] {
				continue
			}
			if err := s.forgetWhole(ctx, hash, before); err != nil {
				return fmt.Errorf("forget long records: %w", err)
			}
		}
	}
	return nil
}

// forgetPage is how many long records or dead letters are looked up at a time.
const forgetPage = 500

// forgetWhole removes the text of a long record, unless it was kept later.
func (s *Service) forgetWhole(ctx context.Context, hash tahoe.Hash, before time.Time) error {
	m, err := s.raws.Newest(ctx, wholeSubject(hash))
	if errors.Is(err, bus.ErrNotFound) {
		return nil
	}
	if err != nil || !m.Time.Before(before) {
		return err
	}
	return s.raws.Delete(ctx, m.Sequence)
}

// Raw finds a record by the hash of its raw, as it was stored, and gives its text: JSON, or of records that are no JSON the text itself.
// ErrNotFound if there is none.
func (s *Service) Raw(ctx context.Context, hash tahoe.Hash) (tahoe.StoredRaw, []byte, error) {
	page, err := s.Archive.Raws(ctx, tahoe.RawQuery{Hash: hash})
	if err != nil {
		return tahoe.StoredRaw{}, nil, fmt.Errorf("find raw: %w", err)
	}
	if len(page.Raws) == 0 {
		return tahoe.StoredRaw{}, nil, fmt.Errorf("raw %v: %w", hash, ErrNotFound)
	}
	raw := page.Raws[0]
	if sum, ok := isExcerpt(raw.Data); ok {
		text, err := s.whole(ctx, hash, sum)
		if !errors.Is(err, ErrNotFound) {
			return raw, text, err
		}
	}
	if text, ok := dataText(raw.Data); ok {
		return raw, text, nil
	}
	return raw, raw.Data.AppendJSON(nil), nil
}

// dataText takes the text out of what textData made of it.
func dataText(data tahoe.Value) ([]byte, bool) {
	v, ok := data.Get("data")
	text, isText := v.Str()
	encoding, encoded := data.Get("encoding")
	switch {
	case !ok || !isText:
		return nil, false
	case len(data.Keys()) == 1:
		return []byte(text), true
	case len(data.Keys()) != 2 || !encoded || encoding.Text() != "latin-1":
		return nil, false
	}
	latin := make([]byte, 0, len(text))
	for _, r := range text {
		if r > 0xff {
			return nil, false
		}
		latin = append(latin, byte(r))
	}
	return latin, true
}
