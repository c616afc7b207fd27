package graph

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dgraph-io/dgo/v230"
	"github.com/dgraph-io/dgo/v230/protos/api"

	"github.com/cybexp/cybexp/ledger"
	"github.com/cybexp/cybexp/tahoe"
)

const (
	segmentSize = 16 << 10 // entries of a segment: one of exact times is about 100 KB
	looseShare  = 16       // entries are merged into segments that hold at most so many times more
	countPage   = 20_000   // events that are read at once for a first count
)

// stored is a segment in the graph.
type stored struct {
	UID   string `json:"uid"`
	From  int64  `json:"segment_from"`
	To    int64  `json:"segment_to"`
	Size  int    `json:"segment_size"`
	Delta string `json:"segment_delta"`
	Exact string `json:"segment_exact"`
	Loose bool   `json:"segment_loose"`
}

// firstCount counts the events of a vertex one by one, and marks it as counted. It does nothing when it is.
func (k *keeper) firstCount(ctx context.Context, txn *dgo.Txn, uid uint64) error {
	var head struct {
		Q []struct {
			Hash     string
			Counted  bool
			Segments []stored `json:"~segment_of"`
		}
		V []vertex
	}
	q := `{ q(func: uid(` + hex(uid) + `)) { hash counted ~segment_of { uid } } v(func: eq(ledgers, "` + registerKey + `")) { uid } }`
	if err := ask(ctx, txn, q, &head); err != nil {
		return err
	}
	if len(head.V) == 1 && (len(head.Q) == 0 || head.Q[0].Hash == "") { // it was removed since it was listed
		return set(ctx, txn, nil, []*api.NQuad{{Subject: head.V[0].UID, Predicate: "ledgers_list", ObjectId: hex(uid)}})
	}
	var old []stored
	for _, q := range head.Q {
		if q.Counted {
			return nil
		}
		old = q.Segments
	}
	var parts []ledger.Segment
	for after := "0x0"; after != ""; {
		var entries []ledger.Entry
		var err error
		if entries, after, err = readEvents(ctx, txn, uid, after); err != nil {
			return fmt.Errorf("count events: %w", err)
		}
		parts = append(parts, ledger.Of(entries))
	}
	b := &quads{}
	b.segments(uid, ledger.Merge(parts...), false)
	b.value(hex(uid), "counted", &api.Value{Val: &api.Value_BoolVal{BoolVal: true}})
	return set(ctx, txn, b.set, withoutSegments(old))
}

// readEvents reads a page of the events of a vertex, and where the next page begins; "" after the last.
func readEvents(ctx context.Context, txn *dgo.Txn, uid uint64, after string) (list []ledger.Entry, next string, err error) {
	page := `(first: ` + strconv.Itoa(countPage) + `, after: ` + after + `)`
	var answer struct {
		Q []struct {
			E []struct {
				UID       string
				Timestamp time.Time
				Category  string
				Audience  string
				SubType   string `json:"sub_type"`
			}
			M, B []vertex
		}
	}
	// The events of a context are among all events, so the first of them are those of the page, or more.
	q := `{ q(func: uid(` + hex(uid) + `)) { e: ~ref ` + page + ` { uid timestamp category audience sub_type } m: ~mal_ref ` + page + ` { uid } b: ~ben_ref ` + page + ` { uid } } }`
	if err := ask(ctx, txn, q, &answer); err != nil || len(answer.Q) == 0 {
		return nil, "", err
	}
	found := answer.Q[0]
	context := make(map[string]string, len(found.M)+len(found.B))
	for _, v := range found.M {
		context[v.UID] = string(tahoe.Malicious)
	}
	for _, v := range found.B {
		context[v.UID] = string(tahoe.Benign)
	}
	for _, e := range found.E {
		key := ledger.Key{Audience: e.Audience, Category: e.Category, Context: cmp.Or(context[e.UID], string(tahoe.Unknown)), SubType: e.SubType}
		list = append(list, ledger.Entry{At: e.Timestamp.UnixMicro(), Key: key, N: 1})
	}
	if len(found.E) == countPage {
		next = found.E[countPage-1].UID
	}
	return list, next, nil
}

// segments writes a segment, cut into pieces of a bearable size, with its roll-ups.
func (q *quads) segments(of uint64, s ledger.Segment, loose bool) {
	for _, piece := range s.Split(segmentSize) {
		name := "_:s" + strconv.Itoa(len(q.set))
		q.set = append(q.set, segmentQuads(name, hex(of), piece)...)
		q.text(name, "segment_exact", piece.Encode())
		q.text(name, "segment_quarter", piece.Roll(ledger.Quarter).Encode())
		q.text(name, "segment_day", piece.Roll(ledger.Day).Encode())
		if loose {
			q.value(name, "segment_loose", &api.Value{Val: &api.Value_BoolVal{BoolVal: true}})
		}
	}
}

// withoutSegments takes segments out of the graph.
func withoutSegments(list []stored) []*api.NQuad {
	quads := make([]*api.NQuad, len(list))
	for i, s := range list {
		quads[i] = &api.NQuad{Subject: s.UID, Predicate: "_STAR_ALL", ObjectValue: everything}
	}
	return quads
}

// merge puts the deltas of a ledger into its other segments.
func (k *keeper) merge(ctx context.Context, uid uint64) error {
	if err := k.transact(ctx, uid, k.mergeOnce); err != nil {
		return fmt.Errorf("merge ledger: %w", err)
	}
	return nil
}

func (k *keeper) mergeOnce(ctx context.Context, txn *dgo.Txn, uid uint64) error {
	var head struct {
		Q []struct {
			Counted  bool
			Segments []stored `json:"~segment_of"`
		}
	}
	q := `{ q(func: uid(` + hex(uid) + `)) { counted ~segment_of { uid segment_from segment_to segment_size segment_delta segment_loose } } }`
	if err := ask(ctx, txn, q, &head); err != nil {
		return err
	}
	if len(head.Q) == 0 || !head.Q[0].Counted {
		return nil // the first count will take them
	}
	var young, loose, base []stored
	for _, s := range head.Q[0].Segments {
		switch {
		case s.Delta != "":
			young = append(young, s)
		case s.Loose:
			loose = append(loose, s)
		default:
			base = append(base, s)
		}
	}
	if len(young) == 0 {
		return nil
	}
	if err := readExact(ctx, txn, loose); err != nil {
		return err
	}
	old := slices.Concat(young, loose)
	fresh, err := merged(old)
	if err != nil {
		return err
	}
	touched, size := touch(base, fresh)
	b := &quads{}
	if size > looseShare*fresh.Len() {
		b.segments(uid, fresh, true)
		return set(ctx, txn, b.set, withoutSegments(old))
	}
	if err := readExact(ctx, txn, touched); err != nil {
		return err
	}
	whole, err := merged(slices.Concat(old, touched))
	if err != nil {
		return err
	}
	b.segments(uid, whole, false)
	return set(ctx, txn, b.set, withoutSegments(slices.Concat(old, touched)))
}

// touch finds the segments into which entries fall, from the first of them to the last, and how many entries those have. Entries before
// the first segment fall into it, and those after one belong to it.
func touch(base []stored, fresh ledger.Segment) (touched []stored, size int) {
	if len(base) == 0 || fresh.Len() == 0 {
		return nil, 0
	}
	slices.SortFunc(base, func(a, b stored) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	low, high := fresh.Span()
	place := func(at int64) int {
		i, _ := slices.BinarySearchFunc(base, at, func(s stored, at int64) int { return cmp.Compare(s.From, at+1) })
		return max(0, i-1)
	}
	from, to := place(low), place(high)
	for from > 0 && base[from-1].To >= low {
		from--
	}
	touched = base[from : to+1]
	for _, s := range touched {
		size += s.Size
	}
	return touched, size
}

// readExact fills in the exact times of segments.
func readExact(ctx context.Context, txn *dgo.Txn, list []stored) error {
	if len(list) == 0 {
		return nil
	}
	uids := make([]string, len(list))
	place := map[string]int{}
	for i, s := range list {
		uids[i], place[s.UID] = s.UID, i
	}
	var answer struct{ Q []stored }
	if err := ask(ctx, txn, `{ q(func: uid(`+strings.Join(uids, ",")+`)) { uid segment_exact } }`, &answer); err != nil {
		return err
	}
	for _, s := range answer.Q {
		list[place[s.UID]].Exact = s.Exact
	}
	return nil
}

// merged adds segments up, deltas and others.
func merged(list []stored) (ledger.Segment, error) {
	parts := make([]ledger.Segment, len(list))
	for i, s := range list {
		var err error
		if parts[i], err = ledger.Decode(cmp.Or(s.Delta, s.Exact)); err != nil {
			return ledger.Segment{}, fmt.Errorf("segment %s: %w", s.UID, err)
		}
	}
	return ledger.Merge(parts...), nil
}
