package audit

import (
	"math/bits"
	"net/netip"
	"sync"
	"time"
)

// thinner keeps what is refused from filling the trail, since anybody can cause that. Of the refusals of one kind to one caller it tells the
// first ten within an hour, and then only each that doubles their number.
type thinner struct {
	mu   sync.Mutex
	seen map[string]*seen
}

type seen struct {
	since time.Time
	count uint64
}

const (
	thinFree  = 10
	thinFor   = time.Hour
	thinHolds = 4096 // kinds and callers; those beyond count as one
)

// refusalOf is a kind of refusal and to whom: to a user, or else to an address, for IPv6 the /64 that one site has.
func refusalOf(who Actor, e Entry) string {
	caller := who.User.String()
	if who.User.IsZero() {
		caller = who.Address
		if a, err := netip.ParseAddr(who.Address); err == nil && a.Is6() {
			network, _ := a.WithZone("").Prefix(64) // an IPv6 address always has one
			caller = network.String()
		}
	}
	return string(e.Action) + " " + caller
}

// count counts a refusal, and says how many there were and whether to tell of it.
func (t *thinner) count(now time.Time, refusal string) (n uint64, told bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.seen[refusal]
	if s == nil && len(t.seen) >= thinHolds {
		t.forget(now)
		if len(t.seen) >= thinHolds {
			refusal = "others"
			s = t.seen[refusal]
		}
	}
	if s == nil || now.Sub(s.since) >= thinFor {
		s = &seen{since: now}
		t.seen[refusal] = s
	}
	s.count++
	return s.count, s.count <= thinFree || bits.OnesCount64(s.count) == 1
}

func (t *thinner) forget(now time.Time) {
	for refusal, s := range t.seen {
		if now.Sub(s.since) >= thinFor {
			delete(t.seen, refusal)
		}
	}
}
