package graph

import "github.com/cybexp/cybexp/tahoe"

// entry is a vertex that exists. Sub is a digest of its sub_type: two instances with one hash differ in it.
type entry struct {
	uid uint64
	sub uint32
}

// cache remembers the vertices of hashes, those used last. It may forget any of them at any time. There are two generations:
// when the young one is full it becomes the old one, and what the old one held and nobody asked for is forgotten.
type cache struct {
	size       int // of a generation
	young, old map[tahoe.Hash]entry
}

func newCache(size int) *cache {
	return &cache{size: max(1, size/2), young: map[tahoe.Hash]entry{}}
}

func (c *cache) get(h tahoe.Hash) (entry, bool) {
	if e, ok := c.young[h]; ok {
		return e, true
	}
	e, ok := c.old[h]
	if ok {
		c.put(h, e)
	}
	return e, ok
}

// forget forgets all.
func (c *cache) forget() { c.young, c.old = map[tahoe.Hash]entry{}, nil }

func (c *cache) put(h tahoe.Hash, e entry) {
	if len(c.young) >= c.size {
		c.young, c.old = make(map[tahoe.Hash]entry, c.size), c.young
	}
	c.young[h] = e
}
