package dgraphd

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Dgraph's own ports, before the offset.
const (
	guardPort     = 4080 // none of Dgraph's: we hold it to keep the offset for ourselves
	zeroGRPC      = 5080
	zeroHTTP      = 6080
	alphaInternal = 7080
	alphaHTTP     = 8080
	alphaGRPC     = 9080
)

func loopback(port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// FreePorts returns nil when Dgraph can have all of its ports at offset, ErrPortTaken with the one that it cannot have if not.
func FreePorts(offset int) error {
	for _, base := range []int{zeroGRPC, zeroHTTP, alphaInternal, alphaHTTP, alphaGRPC} {
		l, err := net.Listen("tcp", loopback(base+offset))
		if err != nil {
			return fmt.Errorf("port %d: %w by another program", base+offset, ErrPortTaken)
		}
		l.Close()
	}
	return nil
}

// FreeOffset finds an offset whose ports are free and a guard that keeps other callers away from it until closed, also while
// Dgraph has not taken the ports yet. The offsets tried share no port with each other, and stay below the ephemeral ports.
func FreeOffset() (offset int, guard net.Listener, err error) {
	const perBlock, blocks, block = 999, 4, 6000
	first := rand.IntN(perBlock * blocks)
	for i := range perBlock * blocks {
		n := (first + i) % (perBlock * blocks)
		offset = 1 + n%perBlock + n/perBlock*block
		guard, err = net.Listen("tcp", loopback(guardPort+offset))
		if err != nil {
			continue
		}
		if err = FreePorts(offset); err == nil {
			return offset, guard, nil
		}
		guard.Close()
	}
	return 0, nil, fmt.Errorf("no free ports for dgraph: %w", err)
}
