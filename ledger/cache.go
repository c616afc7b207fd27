package ledger

import "sync"

// Cache keeps segments that were read, so that they need not be read and decoded again. A segment never changes and its vertex is never
// used for another one, so what is kept stays right. It forgets those that were not asked for lately when it holds too many entries.
// It may be used concurrently; a nil one keeps nothing.
type Cache struct {
	mu         sync.Mutex
	size       int // entries of a generation
	held       int // entries of the young one
	young, old map[cached]Segment
}

// cached is where a segment comes from: its vertex, and in which steps it was read.
type cached struct {
	uid  uint64
	step int64
}

// NewCache makes a cache of about so many entries, each of which takes 24 bytes.
func NewCache(entries int) *Cache {
	return &Cache{size: max(1, entries/2), young: map[cached]Segment{}}
}

// Get returns the segment of a vertex in a step, if it is kept.
func (c *Cache) Get(uid uint64, step int64) (Segment, bool) {
	if c == nil {
		return Segment{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	key := cached{uid, step}
	if s, ok := c.young[key]; ok {
		return s, true
	}
	s, ok := c.old[key]
	if ok {
		c.put(key, s)
	}
	return s, ok
}

// Put keeps a segment.
func (c *Cache) Put(uid uint64, s Segment) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if key := (cached{uid, s.Step()}); c.young[key].Len() == 0 {
		c.put(key, s)
	}
}

// put keeps a segment among the young. When those are too many they become the old ones, and what was old and not asked for is
// forgotten.
func (c *Cache) put(key cached, s Segment) {
	if c.held >= c.size {
		c.young, c.old, c.held = map[cached]Segment{}, c.young, 0
	}
	c.young[key] = s
	c.held += s.Len() + len(s.keys)
}
