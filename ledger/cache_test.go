package ledger_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cybexp/cybexp/ledger"
)

func TestCacheGivesWhatItWasGiven(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	c := ledger.NewCache(2000)
	kept := 0
	for uid := range uint64(500) {
		s := ledger.Of(some(r, 60))
		for _, s := range []ledger.Segment{s, s.Roll(ledger.Quarter), s.Roll(ledger.Day)} {
			c.Put(uid, s)
			got, ok := c.Get(uid, s.Step())
			if !ok || !slices.Equal(slices.Collect(got.All()), slices.Collect(s.All())) {
				t.Fatalf("segment %d in steps of %d is not as it was put", uid, s.Step())
			}
		}
		if _, ok := c.Get(0, ledger.Day); !ok {
			t.Fatalf("what is asked for all the time was forgotten after %d segments", uid)
		}
	}
	for uid := range uint64(500) {
		if s, ok := c.Get(uid, ledger.Exact); ok {
			kept += s.Len()
		}
	}
	if kept == 0 || kept > 3000 {
		t.Errorf("%d entries are kept, want about 2000", kept)
	}
	if _, ok := (*ledger.Cache)(nil).Get(1, ledger.Day); ok {
		t.Error("no cache keeps something")
	}
}
