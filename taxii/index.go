package taxii

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cybexp/cybexp/stix"
	"github.com/cybexp/cybexp/tahoe"
)

// chunkSize is how many entries are stored under one key.
const chunkSize = 4096

// head is the newest state of an index: which chunks it has. Chunks never change; who changes the index writes others, and then the head.
type head struct {
	Life    string        `json:"life"` // random, of an index from when it is made first until it is forgotten
	Basis   string        `json:"basis"`
	Made    time.Time     `json:"made"` // when the rows had been read
	Took    time.Duration `json:"took"`
	Last    int64         `json:"last"` // the latest time that an entry ever had
	Next    int           `json:"next"` // the number of the next chunk
	Chunks  []part        `json:"chunks"`
	Pending []int         `json:"pending,omitempty"` // chunks that somebody began to write: nobody's, unless it is that one who writes the head next
}

// part is a chunk of a head.
type part struct {
	Number  int       `json:"n"`
	Written time.Time `json:"written"`
	Size    int       `json:"size"`

	entries []entry // in the order of Added
}

// view is an index at a moment. Nothing of it changes.
type view struct {
	head

	revision uint64
}

// index is what a process holds of an index, and that only one at a time makes it anew.
type index struct {
	mu     sync.Mutex
	view   view
	memo   memo
	making *making
	failed *failure
	used   uint64 // guarded by Service.mu, as is size
	size   int
}

// The head of an index lies under index.USER.QUERY, its chunks under chunk.USER.QUERY.LIFE.NUMBER.
func indexKey(src Source) string { return "index." + src.User.String() + "." + src.ID }
func chunkKey(index, life string, n int) string {
	return fmt.Sprintf("chunk.%s.%s.%d", strings.TrimPrefix(index, "index."), life, n)
}

// index finds what is held of an index.
func (s *Service) index(key string) *index {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.kept[key]
	if x == nil {
		x = &index{}
		s.kept[key] = x
	}
	s.clock++
	x.used = s.clock
	return x
}

// weigh notes how large an index is, and lets go of those not used for longest when all are too large. They are read again when needed.
func (s *Service) weigh(x *index, size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x.size = size
	total, keys := 0, make([]string, 0, len(s.kept))
	for k, o := range s.kept {
		total, keys = total+o.size+1, append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Compare(s.kept[a].used, s.kept[b].used) })
	for _, k := range keys {
		if total <= s.MaxKept {
			return
		}
		if o := s.kept[k]; o != x {
			total -= o.size + 1
			delete(s.kept, k)
		}
	}
}

// age is how old an index may be.
type age int

const (
	young  age = iota // not much older than it took to make it
	anyAge            // to go on with an earlier page
	anew              // made after now
)

// view is the index of a source as it is to be shown: made anew if it is too old, or made on another basis.
func (s *Service) view(ctx context.Context, src Source, may age) (view, error) {
	key := indexKey(src)
	x := s.index(key)
	for {
		v, err := s.load(ctx, x, key)
		if err != nil {
			return view{}, err
		}
		old := s.Now().Sub(v.Made) // below zero when a clock was put back
		if v.Basis == src.Basis && (may == anyAge || may == young && old >= 0 && old < max(s.MinAge, v.Took)) {
			return v, nil
		}
		if err := s.await(ctx, s.make(x, key, src)); err != nil {
			return view{}, err
		}
		may = anyAge // it was made meanwhile, be it some time ago
	}
}

// await waits for an index to be made, but not for long.
func (s *Service) await(ctx context.Context, m *making) error {
	late := time.NewTimer(s.Patience)
	defer late.Stop()
	select {
	case <-m.done:
		return m.err
	case <-late.C:
		return ErrNotReady
	case <-ctx.Done():
		return ctx.Err()
	}
}

// load is the newest state of an index, of which only what is new is read.
func (s *Service) load(ctx context.Context, x *index, key string) (view, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for missing := uint64(0); ; {
		v, whole, err := s.read(ctx, key, x.view)
		if err != nil {
			return view{}, err
		}
		if !whole && v.revision != missing {
			missing = v.revision // or it has a newer head
			continue
		}
		if v.revision != x.view.revision {
			s.weigh(x, v.size()+x.memo.size)
		}
		x.view = v
		return v, nil
	}
}

// read reads the newest head, and the chunks of it that known has not. Whole is false when one is gone, because the head is not the newest any
// more, or because nobody asked for it for long. Then its objects are new when they are seen next.
func (s *Service) read(ctx context.Context, key string, known view) (_ view, whole bool, _ error) {
	text, revision, err := s.Store.Get(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return view{}, true, nil
	}
	if err != nil {
		return view{}, false, fmt.Errorf("read index: %w", err)
	}
	if revision == known.revision {
		return known, true, nil
	}
	v := view{revision: revision}
	if err := json.Unmarshal(text, &v.head); err != nil || v.Life == "" {
		s.Logger.WarnContext(ctx, "index of a collection is no index, and is begun anew", "err", err)
		return view{revision: revision}, true, nil
	}
	if known.Life != v.Life {
		known = view{}
	}
	whole = true
	for i := range v.Chunks {
		c := &v.Chunks[i]
		if at := slices.IndexFunc(known.Chunks, func(p part) bool { return p.Number == c.Number }); at >= 0 {
			c.entries = known.Chunks[at].entries
			continue
		}
		text, _, err := s.Store.Get(ctx, chunkKey(key, v.Life, c.Number))
		if err != nil && !errors.Is(err, ErrNotFound) {
			return view{}, false, fmt.Errorf("read index: %w", err)
		}
		if err == nil {
			c.entries, err = decode(text)
		}
		if err != nil {
			s.Logger.WarnContext(ctx, "chunk of an index is gone", "err", err)
			whole = false
		}
	}
	return v, whole, nil
}

func (v view) size() (n int) {
	for _, c := range v.Chunks {
		n += len(c.entries)
	}
	return n
}

// find lists entries that are asked for, and whether there are more of them.
func (v *view) find(f Filter, limit int) (found []entry, more bool) {
	for _, c := range v.Chunks {
		if len(c.entries) == 0 || c.entries[len(c.entries)-1].Added <= f.After {
			continue
		}
		for i := range c.entries {
			if !f.fits(&c.entries[i]) {
				continue
			}
			if len(found) == limit {
				return found, true
			}
			found = append(found, c.entries[i])
		}
	}
	return found, false
}

// fetch reads the objects of entries from their rows. An object of another row too is the same there.
func fetch(ctx context.Context, src Source, found []entry) (map[key]stix.Object, error) {
	var rows []tahoe.Hash
	known := map[tahoe.Hash]bool{{}: true}
	for i := range found {
		if r := found[i].Row; !known[r] {
			known[r], rows = true, append(rows, r)
		}
	}
	objects := map[key]stix.Object{}
	take := func(list []stix.Object) error {
		for _, o := range list {
			k, err := keyOf(o.ID)
			if err != nil {
				return err
			}
			objects[k] = o
		}
		return nil
	}
	if err := take(stix.Preamble()); err != nil || len(rows) == 0 {
		return objects, err
	}
	texts, err := src.Fetch(ctx, rows)
	if err != nil {
		return nil, err
	}
	for _, text := range texts {
		_, list, err := stix.Objects(text)
		if err == nil {
			err = take(list)
		}
		if err != nil {
			return nil, err
		}
	}
	return objects, nil
}
