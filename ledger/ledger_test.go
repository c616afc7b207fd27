package ledger_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cybexp/cybexp/ledger"
)

// some makes entries in no order, some of which take others back.
func some(r *rand.Rand, n int) []ledger.Entry {
	list := make([]ledger.Entry, n)
	for i := range list {
		list[i] = ledger.Entry{At: r.Int64N(4*ledger.Day) - ledger.Day, N: 1 + r.Int64N(2)}
		list[i].Audience = []string{"a", "b"}[r.IntN(2)]
		list[i].Category = []string{"benign", "malicious", "unknown"}[r.IntN(3)]
		if i > 0 && r.IntN(4) == 0 {
			list[i] = list[r.IntN(i)]
			list[i].N = -list[i].N
		}
	}
	return list
}

// sums adds entries up by step and key, without what is zero.
func sums(list []ledger.Entry, step int64) map[ledger.Entry]int64 {
	m := map[ledger.Entry]int64{}
	for _, e := range list {
		k := ledger.Entry{At: int64(math.Floor(float64(e.At)/float64(step))) * step, Key: e.Key}
		if m[k] += e.N; m[k] == 0 {
			delete(m, k)
		}
	}
	return m
}

func check(t *testing.T, s ledger.Segment, want map[ledger.Entry]int64) {
	t.Helper()
	if s.Len() != len(want) {
		t.Fatalf("%d entries, want %d", s.Len(), len(want))
	}
	last, total := int64(math.MinInt64), int64(0)
	for e := range s.All() {
		n := e.N
		e.N = 0
		if want[e] != n || e.At < last {
			t.Fatalf("%v: %d, want %d", e, n, want[e])
		}
		last = e.At
		total += n
	}
	if s.Total() != total {
		t.Fatalf("total %d, want %d", s.Total(), total)
	}
}

func TestSegmentsAddUp(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		list := some(r, r.IntN(300))
		whole := ledger.Of(list)
		check(t, whole, sums(list, ledger.Exact))

		cut := r.IntN(len(list) + 1)
		check(t, ledger.Merge(ledger.Of(list[:cut]), ledger.Segment{}, ledger.Of(list[cut:])), sums(list, ledger.Exact))
		for _, step := range []int64{ledger.Quarter, ledger.Day} {
			check(t, whole.Roll(step), sums(list, step))
			check(t, whole.Roll(ledger.Quarter).Roll(step), sums(list, step))
		}
		check(t, ledger.Merge(whole.Split(1+r.IntN(50))...), sums(list, ledger.Exact))

		low, high := r.Int64N(ledger.Day), r.Int64N(3*ledger.Day)
		inside := slices.DeleteFunc(slices.Clone(list), func(e ledger.Entry) bool { return e.At < low || e.At > high })
		check(t, whole.Within(low, high), sums(inside, ledger.Exact))

		again, err := ledger.Decode(whole.Encode())
		if err != nil {
			t.Fatal(err)
		}
		check(t, again, sums(list, ledger.Exact))
	}
}

func TestSplitBoundsPieces(t *testing.T) {
	s := ledger.Of(some(rand.New(rand.NewPCG(3, 4)), 1000))
	end := int64(math.MinInt64)
	for _, p := range s.Split(100) {
		low, high := p.Span()
		if p.Len() > 100 || p.Len() < 50 || low < end {
			t.Fatalf("piece of %d from %d, after %d", p.Len(), low, end)
		}
		end = high
	}
}

func TestWithinAll(t *testing.T) {
	s := ledger.Of(some(rand.New(rand.NewPCG(5, 6)), 100))
	if got := s.Within(math.MinInt64, math.MaxInt64).Len(); got != s.Len() {
		t.Errorf("%d entries of %d", got, s.Len())
	}
}

func FuzzDecode(f *testing.F) {
	for i := range 5 {
		s := ledger.Of(some(rand.New(rand.NewPCG(7, uint64(i))), 10*i))
		f.Add(s.Encode())
		f.Add(s.Roll(ledger.Day).Encode())
	}
	f.Add("")
	f.Add("AQEAAA")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ledger.Decode(text)
		if err != nil {
			if !errors.Is(err, ledger.ErrFormat) {
				t.Fatalf("%v is not ErrFormat", err)
			}
			return
		}
		again, err := ledger.Decode(s.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(slices.Collect(s.All()), slices.Collect(again.All())) {
			t.Fatal("another segment")
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	text := ledger.Of(some(rand.New(rand.NewPCG(8, 9)), 16<<10)).Encode()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := ledger.Decode(text); err != nil {
			b.Fatal(err)
		}
	}
}
