package graph

import (
	"runtime"
	"testing"
	"weak"

	"github.com/cybexp/cybexp/tahoe"
)

// TestAttemptsKeepNoOthers lets an attempt build on one that ends. While writes come without a break, each builds on the one before: if it kept
// that, all of them would stay in memory.
func TestAttemptsKeepNoOthers(t *testing.T) {
	ip, err := tahoe.NewAttribute("ipv4", tahoe.String("192.0.2.1"))
	if err != nil {
		t.Fatal(err)
	}
	w := &writer{known: newCache(10), claims: map[tahoe.Hash]claim{}}
	begin := func() *attempt {
		b := &batch{items: map[tahoe.Hash]*item{ip.Hash(): {instance: ip}}, order: []tahoe.Hash{ip.Hash()}}
		return &attempt{batch: b, needs: map[*ending]struct{}{}, ending: &ending{done: make(chan struct{})}}
	}
	first := begin()
	first.batch.items[ip.Hash()].fresh = true
	w.claims[ip.Hash()] = claim{entry{uid: 7, sub: digest("ipv4")}, first}
	second := begin()
	if _, wait, err := w.recall(second); wait != nil || err != nil || second.batch.items[ip.Hash()].uid != 7 || len(second.needs) != 1 {
		t.Fatalf("got %v, %v, %+v", wait, err, second)
	}
	gone := weak.Make(first)
	w.finish(first, false)
	runtime.GC()
	if gone.Value() != nil {
		t.Error("the first attempt is kept")
	}
	if err := second.settled(t.Context()); err == nil {
		t.Error("the second attempt does not know that the first failed")
	}
}
