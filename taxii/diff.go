package taxii

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cybexp/cybexp/stix"
	"github.com/cybexp/cybexp/tahoe"
)

// renewAfter is how old a chunk gets before it is written anew, so that the Store does not forget it.
const renewAfter = ForgetAfter / 3

// diff compares the objects of rows with an index.
type diff struct {
	old  view
	most int
	now  time.Time
	at   map[key]*seen
	came []*seen // what is new or another, in the order of the rows
	here int
}

// seen is an object that the index has, or that rows have.
type seen struct {
	entry entry // as it will be in the index
	known bool  // it was in the index
	here  bool  // a row has it
	own   bool  // the row has it that the index names
	other bool  // it is not what it was
	row   tahoe.Hash
}

func newDiff(old view, most int, now time.Time) *diff {
	d := &diff{old: old, most: most, now: now, at: make(map[key]*seen, old.size())}
	for _, c := range old.Chunks {
		for _, e := range c.entries {
			d.at[e.key()] = &seen{entry: e, known: true}
		}
	}
	return d
}

// text takes in a row, and tells what is in it. Of one that is remembered, and in whose objects nothing is new, they need not be made.
func (d *diff) text(text json.RawMessage, before memo) (rowMemo, error) {
	if m, ok := before.of(text); ok && d.knows(m) {
		for _, o := range m.objects {
			if err := d.meet(d.at[o.key], m.row); err != nil {
				return m, err
			}
		}
		return m, nil
	}
	hash, objects, err := stix.Objects(text)
	if err != nil {
		return rowMemo{}, err
	}
	row, err := tahoe.ParseHash(hash)
	if err != nil {
		return rowMemo{}, fmt.Errorf("read row: %w", err)
	}
	if err := d.row(row, objects); err != nil {
		return rowMemo{}, err
	}
	return newRowMemo(row, objects)
}

// knows tells whether all objects of a row are in the index, and as they are there.
func (d *diff) knows(m rowMemo) bool {
	return !slices.ContainsFunc(m.objects, func(o memoObject) bool {
		s := d.at[o.key]
		return s == nil || !s.here && s.entry.Digest != o.digest
	})
}

// meet notes that a row has an object that is known.
func (d *diff) meet(s *seen, row tahoe.Hash) error {
	if s.here {
		s.own = s.own || s.entry.Row == row
		return nil
	}
	s.here, s.row, s.own = true, row, s.entry.Row == row
	return d.count()
}

func (d *diff) count() error {
	if d.here++; d.here > d.most {
		return fmt.Errorf("%w: more than %d", ErrTooMany, d.most)
	}
	return nil
}

// row takes in the objects of a row. Of what is in many rows the index names one, and goes on to name it as long as it is there.
func (d *diff) row(row tahoe.Hash, objects []stix.Object) error {
	for _, o := range objects {
		k, err := keyOf(o.ID)
		if err != nil {
			return err
		}
		s := d.at[k]
		if s == nil {
			k.kind = o.Type // not a part of the id, which could then not be forgotten
			s = &seen{}
			d.at[k] = s
		}
		first := !s.here
		if err := d.meet(s, row); err != nil {
			return err
		}
		if !first {
			continue
		}
		e, err := newEntry(k, o, row)
		if err != nil {
			return err
		}
		d.take(s, e)
	}
	return nil
}

// take compares an object that the first row has with what is known of it.
func (d *diff) take(s *seen, e entry) {
	switch {
	case !s.known:
		s.entry, s.own = e, true
	case s.entry.Digest != e.Digest:
		s.entry.change(e, d.now)
		s.other, s.own = true, true
	default:
		return
	}
	d.came = append(d.came, s)
}

// result is the head of the index as it is now, whose new chunks have no numbers yet: -1.
func (d *diff) result(now time.Time) head {
	h := head{Life: cmp.Or(d.old.Life, strings.ToLower(rand.Text())), Last: d.old.Last, Next: d.old.Next}
	for _, c := range d.old.Chunks {
		h.Chunks = join(h.Chunks, d.keep(c, now))
	}
	added := max(now.UnixMicro(), h.Last+1)
	for batch := range slices.Chunk(d.came, chunkSize) {
		p := part{Number: -1}
		for _, s := range batch {
			s.entry.Added = added
			p.entries = append(p.entries, s.entry)
			h.Last = added
			added++
		}
		h.Chunks = join(h.Chunks, p)
	}
	return h
}

// keep is a chunk without what is gone or has moved to the end; the same chunk if that is nothing.
func (d *diff) keep(c part, now time.Time) part {
	fresh := part{Number: -1}
	changed := now.Sub(c.Written) > renewAfter
	for _, e := range c.entries {
		s := d.at[e.key()]
		if !s.here || s.other {
			changed = true
			continue
		}
		if !s.own {
			e.Row, changed = s.row, true
		}
		fresh.entries = append(fresh.entries, e)
	}
	if !changed {
		return c
	}
	return fresh
}

// join adds a part to those before it. New ones, and what comes before them, become one as long as there is room.
func join(parts []part, p part) []part {
	if len(p.entries) == 0 {
		return parts
	}
	last := len(parts) - 1
	if p.Number >= 0 || last < 0 || len(parts[last].entries)+len(p.entries) > chunkSize {
		return append(parts, p)
	}
	parts[last] = part{Number: -1, entries: slices.Concat(parts[last].entries, p.entries)}
	return parts
}
