package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cybexp/cybexp/tahoe"
)

// So that an upload can be taken back, the hashes of its raws are kept for as long as its account is: a message a chunk.

const rawsOfSubjects = "uploaded."

// ErrWorking says that an upload cannot be taken back while it is being worked on; ErrUnknownRaws that it is not known what it brought.
var (
	ErrWorking     = errors.New("the upload is being worked on")
	ErrUnknownRaws = errors.New("it is not known what the upload brought")
)

// noteRaws keeps what raws a chunk brought. The same again changes nothing.
func (s *Service) noteRaws(ctx context.Context, l label, records []Outcome) error {
	hashes := make([]byte, 0, len(records)*len(tahoe.Hash{}))
	for _, r := range records {
		if r.Record.Raw != nil {
			h := r.Record.Raw.Hash()
			hashes = append(hashes, h[:]...)
		}
	}
	if len(hashes) == 0 {
		return nil
	}
	if _, err := s.uploaded.Publish(ctx, rawsOfSubjects+l.Upload+"."+l.Try+"."+l.place(), nil, hashes); err != nil {
		return fmt.Errorf("note raws: %w", err)
	}
	return nil
}

// takenAtOnce is how many raws are taken back at a time: some seconds of work, and few enough changes of the graph, each of which is announced and awaited.
const takenAtOnce = 2400

// TakeBack undoes an upload that has ended: it calls remove with its raws, some thousand at a time, and then forgets it and its dead letters.
// When remove fails nothing is forgotten, and it can be tried again. What came in another upload too goes with either.
func (s *Service) TakeBack(ctx context.Context, id string, remove func(ctx context.Context, raws []tahoe.Hash) error) error {
	raws, err := s.toTakeBack(ctx, id)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(raws, takenAtOnce) {
		if err := remove(ctx, part); err != nil {
			return err
		}
	}
	return s.forgetUpload(ctx, id, raws)
}

// MayTakeBack tells whether an upload can be taken back: ErrWorking, ErrUnknownRaws, or ErrNotFound if there is none.
func (s *Service) MayTakeBack(ctx context.Context, id string) error {
	_, err := s.toTakeBack(ctx, id)
	return err
}

func (s *Service) toTakeBack(ctx context.Context, id string) ([]tahoe.Hash, error) {
	st, err := s.Upload(ctx, id)
	if err != nil {
		return nil, err
	}
	if !st.Done {
		return nil, fmt.Errorf("take back upload %s: %w", id, ErrWorking)
	}
	raws, err := s.rawsOf(ctx, id)
	if err == nil && len(raws) == 0 && st.Processed() > st.Dead {
		err = fmt.Errorf("take back upload %s: %w", id, ErrUnknownRaws)
	}
	return raws, err
}

// rawsOf lists what all tries of an upload brought.
func (s *Service) rawsOf(ctx context.Context, id string) ([]tahoe.Hash, error) {
	subjects, err := s.uploaded.Subjects(ctx, rawsOfSubjects+id+".>")
	if err != nil {
		return nil, fmt.Errorf("list raws of upload %s: %w", id, err)
	}
	seen := map[tahoe.Hash]bool{}
	var raws []tahoe.Hash
	for subject := range subjects {
		m, err := s.uploaded.Newest(ctx, subject)
		if err != nil {
			return nil, fmt.Errorf("list raws of upload %s: %w", id, err)
		}
		for h := range slices.Chunk(m.Data, len(tahoe.Hash{})) {
			if hash := tahoe.Hash(h); !seen[hash] {
				seen[hash] = true
				raws = append(raws, hash)
			}
		}
	}
	return raws, nil
}

// forgetUpload forgets the account of an upload, its dead letters, and the whole of long records that nobody has any more.
func (s *Service) forgetUpload(ctx context.Context, id string, raws []tahoe.Hash) error {
	dead := deadSubjects + label{Typetag: "*", Org: "*", Upload: id, Try: "*"}.subjects()
	if err := s.dead.Purge(ctx, dead); err != nil {
		return fmt.Errorf("forget dead letters: %w", err)
	}
	if err := s.forgetLong(ctx, raws); err != nil {
		return err
	}
	for _, filter := range []string{"chunk." + id + ".>", "refused." + id + ".>"} {
		keys, err := s.accounts.Keys(ctx, filter)
		if err != nil {
			return fmt.Errorf("forget upload: %w", err)
		}
		for _, key := range keys {
			if err := s.accounts.Delete(ctx, key); err != nil {
				return fmt.Errorf("forget upload: %w", err)
			}
		}
	}
	if err := s.accounts.Delete(ctx, accountKey(id)); err != nil {
		return fmt.Errorf("forget upload: %w", err)
	}
	if err := s.uploaded.Purge(ctx, rawsOfSubjects+id+".>"); err != nil {
		return fmt.Errorf("forget upload: %w", err)
	}
	return nil
}

// forgetLong forgets the whole of those raws that were long records and that nobody has any more.
func (s *Service) forgetLong(ctx context.Context, raws []tahoe.Hash) error {
	long, err := s.longRecords(ctx)
	if err != nil {
		return err
	}
	raws = slices.DeleteFunc(slices.Clone(raws), func(h tahoe.Hash) bool { return !long[h] })
	for part := range slices.Chunk(raws, forgetPage) {
		had, err := s.Archive.HasRaws(ctx, part)
		if err != nil {
			return fmt.Errorf("forget long records: %w", err)
		}
		for _, hash := range part {
			if had[hash] {
				continue // another organisation has it
			}
			if err := s.raws.Purge(ctx, wholeSubject(hash)); err != nil {
				return fmt.Errorf("forget long records: %w", err)
			}
		}
	}
	return nil
}
