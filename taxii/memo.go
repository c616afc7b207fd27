package taxii

import (
	"crypto/sha256"

	"github.com/cybexp/cybexp/stix"
	"github.com/cybexp/cybexp/tahoe"
)

// memo is which objects rows had, by the digest of the row's text. To make an index anew, rows that are as they were need not be made into
// objects again, which is most of the work. It is in memory only, and is true whatever the index says.
type memo struct {
	rows map[[16]byte]rowMemo
	size int // objects, of all rows
	most int
}

type rowMemo struct {
	row     tahoe.Hash
	objects []memoObject
}

type memoObject struct {
	key    key
	digest [8]byte
}

func newMemo(most int) memo { return memo{rows: map[[16]byte]rowMemo{}, most: most} }

func newRowMemo(row tahoe.Hash, objects []stix.Object) (rowMemo, error) {
	m := rowMemo{row: row, objects: make([]memoObject, len(objects))}
	for i, o := range objects {
		k, err := keyOf(o.ID)
		if err != nil {
			return m, err
		}
		k.kind = o.Type // see diff.row
		m.objects[i] = memoObject{k, digest(o)}
	}
	return m, nil
}

func (m memo) of(text []byte) (rowMemo, bool) {
	r, ok := m.rows[textKey(text)]
	return r, ok
}

// add remembers a row, as long as there is room.
func (m *memo) add(text []byte, r rowMemo) {
	if m.size+len(r.objects) <= m.most && len(r.objects) > 0 {
		m.rows[textKey(text)] = r
		m.size += len(r.objects)
	}
}

func textKey(text []byte) [16]byte {
	sum := sha256.Sum256(text)
	return [16]byte(sum[:16])
}

// memory is what is remembered of the rows of an index.
func (x *index) memory() memo {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.memo
}

func (x *index) remember(m memo) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.memo = m
}
