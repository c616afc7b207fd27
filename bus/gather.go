package bus

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// A server that writes each thing to disk before it says so also writes down that a message has left a work queue: at the end of the
// stream, dated as the message was. Up to v2.15 it takes that date for the time of the last write, and so throws away what it holds of the
// file at the end when the message was older than ten seconds. With the next message it reads the file back, and then keeps it in memory
// for ten seconds. While a long upload comes in, and what came first is handled, that is every file: all that comes in ten seconds,
// however fast, lies in memory. Acknowledgements of such messages that are told together cost one file each time, at any speed.

// staleAfter is the age from which on an acknowledgement may be gathered. It is well below the server's ten seconds.
const staleAfter = 5 * time.Second

// gatherer keeps acknowledgements, as the subjects that they are told to, until it is time to tell them.
type gatherer struct {
	nc  *nats.Conn
	log *slog.Logger

	mu      sync.Mutex
	waiting []string
}

func (g *gatherer) add(reply string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = append(g.waiting, reply)
}

// run tells what waits, every so often, until stop is called, and then what is left.
func (g *gatherer) run(every time.Duration) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			select {
			case <-done:
				g.tell()
				return
			case <-t.C:
				g.tell()
			}
		}
	}()
	return func() { close(done); <-ended }
}

// tell waits for the answers, as worker.settle does. What is not told is handed out again.
func (g *gatherer) tell() {
	g.mu.Lock()
	told := g.waiting
	g.waiting = nil
	g.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for i, reply := range told {
		if _, err := g.nc.RequestWithContext(ctx, reply, []byte("+ACK")); err != nil {
			g.log.Warn("message outcomes not told", "messages", len(told)-i, "err", err)
			return
		}
	}
}
