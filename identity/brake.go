package identity

import (
	"net/netip"
	"sync"
	"time"
)

// brake slows guessing. It counts tries by pair of account and address, and by address alone, never by account alone: so nobody can
// lock somebody else out by failing in their name. Users at an address where they signed in before are not held up by what the
// address did to other accounts either. An account that does not exist is counted like any other.
//
// The counts are of this process and forgotten with it. To make it forget by filling it costs some 65536 password hashes.
type brake struct {
	mu    sync.Mutex
	tries map[brakeKey]tries
}

// brakeKey is an account at an address, or with no account the address alone.
type brakeKey struct {
	account string
	network netip.Prefix
}

type tries struct {
	count int
	last  time.Time
	until time.Time // before that no other try is looked at
}

// slope is how the wait grows: free tries, then a second, doubled each time up to a longest wait.
type slope struct {
	free    int
	longest time.Duration
}

var (
	strangerSlope = slope{5, 15 * time.Minute}
	knownSlope    = slope{5, time.Minute}
	addressSlope  = slope{50, time.Minute}
)

const (
	brakeForgets = 24 * time.Hour
	brakeHolds   = 1 << 16 // keys
)

func newBrake() *brake { return &brake{tries: map[brakeKey]tries{}} }

// A try is one that has begun, and counts as failed until it succeeds.
type try struct {
	wait time.Duration // positive: the try must not be looked at
	keys []brakeKey
}

// begin counts a try, before its password is checked, so that tries at once count too.
func (b *brake) begin(now time.Time, account string, from netip.Addr, known bool) try {
	b.mu.Lock()
	defer b.mu.Unlock()
	pair, address := brakeKey{account, network(from)}, brakeKey{"", network(from)}
	rules := map[brakeKey]slope{pair: knownSlope}
	t := try{keys: []brakeKey{pair}}
	if !known {
		rules, t.keys = map[brakeKey]slope{pair: strangerSlope, address: addressSlope}, []brakeKey{pair, address}
	}
	for _, key := range t.keys {
		t.wait = max(t.wait, b.tries[key].until.Sub(now))
	}
	if t.wait > 0 {
		return t
	}
	for key, rule := range rules {
		b.count(now, key, rule)
	}
	return t
}

func (b *brake) count(now time.Time, key brakeKey, rule slope) {
	t, there := b.tries[key]
	if !there && len(b.tries) >= brakeHolds {
		b.makeRoom(now)
	}
	if now.Sub(t.last) > brakeForgets {
		t = tries{}
	}
	t.count++
	t.last = now
	if over := t.count - rule.free; over > 0 {
		t.until = now.Add(min(time.Second<<min(over-1, 20), rule.longest))
	}
	b.tries[key] = t
}

// makeRoom forgets what is old, or else anything.
func (b *brake) makeRoom(now time.Time) {
	for key, t := range b.tries {
		if now.Sub(t.last) > brakeForgets {
			delete(b.tries, key)
		}
	}
	for key := range b.tries {
		if len(b.tries) < brakeHolds {
			return
		}
		delete(b.tries, key)
	}
}

// succeed takes a try back: the account starts anew at this address, but the address does not at other accounts.
func (b *brake) succeed(t try) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.tries, t.keys[0])
	for _, key := range t.keys[1:] {
		if kept, ok := b.tries[key]; ok {
			kept.count--
			b.tries[key] = kept
		}
	}
}
