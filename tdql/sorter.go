package tdql

import (
	"cmp"
	"slices"
	"strings"

	"github.com/cybexp/cybexp/tahoe"
)

// maxSorted is how many rows a sort holds when none of them are cut off, and how many bytes.
const (
	maxSorted      = 500_000
	maxSortedBytes = 512 << 20
)

// sorter keeps rows in the order of the keys; equals are in the order of their hashes. With a cut it holds only what can be
// in it, so that the best of any number can be asked for.
type sorter struct {
	prog  *Program
	phase *phase
	list  []sorted
	bytes int
	out   int // rows handed out
	ready bool
}

// sorted is a row, or a vertex, with its keys.
type sorted struct {
	keys []sortValue
	hash string
	row  Row
	uid  uint64
}

// sortValue is a value as it is compared: nothing comes last, then texts, numbers first.
type sortValue struct {
	rank   int8 // 0 a number, 1 a text, 2 nothing
	number float64
	text   string
}

func (s *sorter) take(records []record) (bool, error) {
	for i := range records {
		r := &records[i]
		if s.phase.probed && !r.visible {
			continue
		}
		one := sorted{hash: r.Hash, uid: r.UID, keys: make([]sortValue, len(s.phase.order.by))}
		for i, k := range s.phase.order.by {
			one.keys[i] = s.prog.sortValue(s.phase, k, r)
		}
		if !s.phase.collect {
			one.row = s.prog.row(s.phase, r)
		}
		s.bytes += len(one.row) + 200
		s.list = append(s.list, one)
	}
	if n := s.most(); n >= 0 && len(s.list) > 2*n+rowPage {
		s.settle(n)
	}
	if len(s.list) > maxSorted || s.bytes > maxSortedBytes {
		return true, s.prog.tooMany
	}
	return false, nil
}

// most is how many rows can be wanted; below zero for all.
func (s *sorter) most() int {
	if s.phase.cut == nil {
		return -1
	}
	return int(min(s.phase.cut.skip+s.phase.cut.take, 1<<40))
}

// settle sorts, and drops all but the first n.
func (s *sorter) settle(n int) {
	by := s.phase.order.by
	slices.SortFunc(s.list, func(a, b sorted) int {
		for i, k := range by {
			if d := compareValues(a.keys[i], b.keys[i], k.desc); d != 0 {
				return d
			}
		}
		return strings.Compare(a.hash, b.hash)
	})
	if n >= 0 && n < len(s.list) {
		clear(s.list[n:])
		s.list = s.list[:n]
	}
	s.bytes = 0
	for _, one := range s.list {
		s.bytes += len(one.row) + 200
	}
}

func compareValues(a, b sortValue, desc bool) int {
	if a.rank == 2 || b.rank == 2 {
		return cmp.Compare(a.rank, b.rank)
	}
	d := cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.number, b.number), strings.Compare(a.text, b.text))
	if desc {
		return -d
	}
	return d
}

// finished sorts for good, and leaves out what is skipped.
func (s *sorter) finished() {
	if s.ready {
		return
	}
	s.ready = true
	s.settle(s.most())
	if s.phase.cut != nil {
		s.list = s.list[min(int(min(s.phase.cut.skip, 1<<40)), len(s.list)):]
	}
}

func (s *sorter) rows() folded { return folded{} }

func (s *sorter) finish() []Row {
	if s.phase.collect {
		return nil
	}
	s.finished()
	var rows []Row
	for ; s.out < len(s.list) && len(rows) < groupChunk; s.out++ {
		rows = append(rows, s.list[s.out].row)
	}
	return rows
}

func (s *sorter) collected() []uint64 {
	if !s.phase.collect {
		return nil
	}
	s.finished()
	var uids []uint64
	for _, one := range s.list {
		uids = append(uids, one.uid)
	}
	s.list = nil
	return uids
}

// sortValue takes a key out of a record: of several values of a sub-type the one that comes first.
func (p *Program) sortValue(ph *phase, k sortBy, r *record) sortValue {
	if k.subType {
		best := sortValue{rank: 2}
		for i, text := range r.values[ph.columnOf(k.name)] {
			v := jsonValue(text)
			if i == 0 || compareValues(v, best, k.desc) < 0 {
				best = v
			}
		}
		return best
	}
	switch k.name {
	case "data":
		return jsonValue(r.Data)
	case "degree":
		return sortValue{number: float64(r.G)}
	case "duration":
		if r.Duration == nil {
			return sortValue{rank: 2}
		}
		return sortValue{number: *r.Duration}
	case "timestamp", "start_time", "end_time":
		text := map[string]string{"timestamp": r.Timestamp, "start_time": r.StartTime, "end_time": r.EndTime}[k.name]
		if text == "" {
			return sortValue{rank: 2}
		}
		return sortValue{number: float64(micros(text))}
	}
	text := p.text(k.name, r)
	if text == "" {
		return sortValue{rank: 2}
	}
	return sortValue{rank: 1, text: text}
}

// jsonValue makes JSON text comparable.
func jsonValue(text string) sortValue {
	v, err := tahoe.ParseValue([]byte(text))
	if err != nil || v.Type() == tahoe.TypeNull {
		return sortValue{rank: 2}
	}
	if f, ok := v.Number(); ok {
		return sortValue{number: f, text: text}
	}
	return sortValue{rank: 1, text: v.Text()}
}

// tooMany is the fault of a sort that holds too much.
func tooMany(canonical string) error {
	f := &faults{text: canonical}
	at := max(0, strings.Index(canonical, "| sort ")+2)
	f.add(CodeLimit, span{at, at + len("sort")}, "narrow the set, or keep the first ones, as in sort timestamp | limit 1000",
		"a sort holds at most %d rows", maxSorted)
	return f.err()
}
