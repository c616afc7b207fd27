package reportd

import (
	"context"
	"math"
	"sync"
)

// credit is the number of rows that a client still welcomes; there is no limit until it names one.
type credit struct {
	more chan struct{} // holds an item after add

	mu      sync.Mutex
	limited bool
	left    uint64
}

func newCredit(first *uint64) *credit {
	c := &credit{more: make(chan struct{}, 1)}
	if first != nil {
		c.limited, c.left = true, *first
	}
	return c
}

// add welcomes n more rows.
func (c *credit) add(n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limited = true
	c.left += min(n, math.MaxUint64-c.left)
	select {
	case c.more <- struct{}{}:
	default:
	}
}

// take waits until a row is welcome, and takes the credit of up to n rows.
func (c *credit) take(ctx context.Context, n uint64) (uint64, error) {
	for {
		if got := c.now(n); got > 0 {
			return got, nil
		}
		select {
		case <-c.more:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

func (c *credit) now(n uint64) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.limited {
		return n
	}
	n = min(n, c.left)
	c.left -= n
	return n
}
