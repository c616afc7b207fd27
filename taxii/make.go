package taxii

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cybexp/cybexp/stix"
	"github.com/cybexp/cybexp/tahoe"
)

// making is an index being made, or one that could not be made.
type making struct {
	done  chan struct{} // closed at the end, when all else is set
	err   error
	ended time.Time
	took  time.Duration
}

// make begins to make an index anew in the background, unless somebody does already, or it failed just now.
func (s *Service) make(x *index, key string, src Source) *making {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.making != nil {
		return x.making
	}
	if f := x.failed; f != nil && f.basis == src.Basis && s.Now().Sub(f.ended) < max(s.MinAge, f.took) {
		return f.making
	}
	m := &making{done: make(chan struct{})}
	x.making, x.failed = m, nil
	s.work.Go(func() {
		m.err = s.inTurn(s.base, src.User, func(ctx context.Context) error {
			began := s.Now()
			defer func() { m.ended = s.Now(); m.took = m.ended.Sub(began) }()
			return s.refresh(ctx, x, key, src)
		})
		x.mu.Lock()
		if x.making = nil; m.err != nil {
			x.failed = &failure{m, src.Basis}
		}
		x.mu.Unlock()
		close(m.done)
	})
	return m
}

// failure is a making that failed, and on which basis.
type failure struct {
	*making

	basis string
}

// inTurn runs f when it is the user's turn: few run at a time, and one of each user, so that nobody has all.
func (s *Service) inTurn(ctx context.Context, user tahoe.Hash, f func(context.Context) error) error {
	for _, turn := range []chan struct{}{s.lane(user), s.slots} {
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	ctx, cancel := context.WithTimeout(ctx, s.Limit)
	defer cancel()
	return f(ctx)
}

// lane is where the users' own makings wait for each other.
func (s *Service) lane(user tahoe.Hash) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lanes[user] == nil {
		s.lanes[user] = make(chan struct{}, 1)
	}
	return s.lanes[user]
}

// refresh reads the rows and writes what has changed. When another process was faster, its index is as good.
func (s *Service) refresh(ctx context.Context, x *index, key string, src Source) error {
	old, err := s.load(ctx, x, key)
	if err != nil {
		return err
	}
	began := s.Now()
	d := newDiff(old, s.MaxObjects, began)
	if err := d.row(tahoe.Hash{}, stix.Preamble()); err != nil {
		return err
	}
	before, after := x.memory(), newMemo(s.MaxKept/2)
	err = src.Scan(ctx, func(text json.RawMessage) error {
		m, err := d.text(text, before)
		after.add(text, m)
		return err
	})
	if err != nil {
		return fmt.Errorf("read collection: %w", err)
	}
	x.remember(after)
	now := s.Now()
	made := d.result(now)
	made.Basis, made.Made, made.Took = src.Basis, now, now.Sub(began)
	if err := s.room(ctx, src, old, made); err != nil {
		return err
	}
	err = s.commit(ctx, key, old, made)
	if errors.Is(err, ErrConflict) {
		return nil
	}
	return err
}

// commit makes an index the newest one, unless it was changed since old. A kill on the way leaves the old one, and chunks that the next one who
// writes takes away.
func (s *Service) commit(ctx context.Context, key string, old view, made head) error {
	var fresh []*part
	for i := range made.Chunks {
		if c := &made.Chunks[i]; c.Number < 0 {
			c.Number, c.Written, c.Size = made.Next, made.Made, len(c.entries)
			made.Next++
			fresh = append(fresh, c)
		}
	}
	revision, err := s.claim(ctx, key, old, made, fresh)
	if err != nil {
		return err
	}
	for _, c := range fresh {
		text, err := encode(c.entries)
		if err == nil {
			err = s.Store.Set(ctx, chunkKey(key, made.Life, c.Number), text, 0)
		}
		if err != nil {
			return fmt.Errorf("write index: %w", err)
		}
	}
	if err := s.put(ctx, key, made, revision); err != nil {
		for _, c := range fresh {
			s.drop(ctx, chunkKey(key, made.Life, c.Number))
		}
		return err
	}
	for _, c := range old.Chunks {
		if !slices.ContainsFunc(made.Chunks, func(p part) bool { return p.Number == c.Number }) {
			s.drop(ctx, chunkKey(key, old.Life, c.Number))
		}
	}
	return nil
}

// room refuses an index that grows when all of the user's together would be too large.
func (s *Service) room(ctx context.Context, src Source, old view, made head) error {
	size := view{head: made}.size()
	if size <= old.size() {
		return nil
	}
	heads, err := s.Store.List(ctx, "index."+src.User.String()+".")
	if err != nil {
		return fmt.Errorf("list indexes: %w", err)
	}
	total := size - old.size()
	for _, text := range heads {
		var h head
		_ = json.Unmarshal(text, &h) // what is no index has no size
		for _, c := range h.Chunks {
			total += c.Size
		}
	}
	if total > s.MaxUser {
		return fmt.Errorf("%w: %d, more than %d", ErrFull, total, s.MaxUser)
	}
	return nil
}

// Forget removes the index of a saved query that a user deleted.
func (s *Service) Forget(ctx context.Context, user tahoe.Hash, id string) error {
	key := indexKey(Source{User: user, ID: id})
	text, revision, err := s.Store.Get(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read index: %w", err)
	}
	var h head
	_ = json.Unmarshal(text, &h) // what is no index has no chunks
	if err := s.Store.Set(ctx, key, nil, revision); err != nil && !errors.Is(err, ErrConflict) {
		return fmt.Errorf("remove index: %w", err)
	}
	for _, c := range h.Chunks {
		s.drop(ctx, chunkKey(key, h.Life, c.Number))
	}
	return nil
}

// claim says which chunks will be written, and takes away those that others began and did not finish: they cannot any more, since the head is
// another now.
func (s *Service) claim(ctx context.Context, key string, old view, made head, fresh []*part) (revision uint64, err error) {
	if len(fresh) == 0 && len(old.Pending) == 0 {
		return old.revision, nil
	}
	h := old.head
	h.Life, h.Next, h.Pending = made.Life, made.Next, nil
	for _, c := range fresh {
		h.Pending = append(h.Pending, c.Number)
	}
	if err := s.put(ctx, key, h, old.revision); err != nil {
		return 0, err
	}
	for _, n := range old.Pending {
		s.drop(ctx, chunkKey(key, old.Life, n))
	}
	text, revision, err := s.Store.Get(ctx, key)
	if err != nil {
		return 0, fmt.Errorf("write index: %w", err)
	}
	if ours, err := json.Marshal(h); err != nil || string(ours) != string(text) {
		return 0, ErrConflict
	}
	return revision, nil
}

func (s *Service) put(ctx context.Context, key string, h head, revision uint64) error {
	text, err := json.Marshal(h)
	if err == nil {
		err = s.Store.Set(ctx, key, text, revision)
	}
	if err != nil {
		return fmt.Errorf("write index: %w", err)
	}
	return nil
}

// drop removes a chunk that nobody reads. When it fails, the Store forgets the chunk in time.
func (s *Service) drop(ctx context.Context, key string) {
	_, revision, err := s.Store.Get(ctx, key)
	if err == nil {
		err = s.Store.Set(ctx, key, nil, revision)
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		s.Logger.WarnContext(ctx, "chunk of an index not removed", "err", err)
	}
}
