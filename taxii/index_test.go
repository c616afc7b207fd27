package taxii_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/taxii"
)

// TestPollingLosesNothing lets clients poll in both ways while events come, change and go, clocks stand still and go back, two processes serve
// them, and any dies at any write. In the end each has all that is there, as it is, and nothing came twice that had not changed.
func TestPollingLosesNothing(t *testing.T) {
	kv := openBucket(t)
	users := 0
	rapid.Check(t, func(t *rapid.T) {
		users++
		w := &world{
			t: t, kv: kv, user: sha256.Sum256(fmt.Append(nil, users)), now: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), rows: map[tahoe.Hash]string{},
			away: map[string]int{}, text: map[string]string{},
		}
		w.servers = []*taxii.Service{w.serve(nil), w.serve(nil)}
		w.clients = []*client{newClient(), newClient()}
		defer func() {
			for _, s := range w.servers {
				_ = s.Close()
			}
		}()
		pick := func(what string, n int) int { return rapid.IntRange(0, n-1).Draw(t, what) }
		t.Repeat(map[string]func(*rapid.T){
			"events come":   func(*rapid.T) { w.add(pick("events", 6)) },
			"an event goes": func(*rapid.T) { w.touch(pick("event", 1000), func(h tahoe.Hash) { delete(w.rows, h) }) },
			"an event is judged": func(*rapid.T) {
				category := []string{"malicious", "benign", "unknown"}[pick("category", 3)]
				w.touch(pick("event", 1000), func(h tahoe.Hash) { w.rows[h] = w.judged(h, category) })
			},
			"the clock moves": func(*rapid.T) { w.now = w.now.Add(time.Duration(pick("seconds", 70)-10) * time.Second) },
			"a client polls": func(*rapid.T) {
				w.poll(w.clients[pick("client", 2)], pick("server", 2), 1+pick("limit", 8), pick("go on", 2) == 0)
			},
			"the index is forgotten": func(*rapid.T) {
				if rapid.IntRange(0, 3).Draw(t, "chance") > 0 {
					return
				}
				w.now = w.now.Add(taxii.ForgetAfter)
				if err := w.servers[0].Forget(context.Background(), w.user, "query"); err != nil {
					t.Fatal(err)
				}
				w.step++
				for id := range w.objects() { // all comes again
					w.away[id] = w.step
				}
			},
			"a server is restarted": func(*rapid.T) { w.restart(pick("server", 2)) },
			"a server is killed": func(*rapid.T) {
				left := pick("writes", 4)
				dying := w.serve(&left)
				_, err := dying.Objects(context.Background(), w.source(), taxii.Filter{Limit: 10})
				if err != nil && !errors.Is(err, errKilled) {
					t.Fatal(err)
				}
				_ = dying.Close()
			},
		})
		w.now = w.now.Add(time.Hour)
		for i, c := range w.clients {
			for more := true; more; { // what they are at, and then what is new
				more = w.poll(c, i, 7, true)
			}
			for more := w.poll(c, i, 7, false); more; {
				more = w.poll(c, i, 7, true)
			}
			for id, text := range w.objects() {
				if c.have[id] != text {
					t.Fatalf("client %d has %s as %q, it is %q", i, id, c.have[id], text)
				}
			}
		}
	})
}

func newClient() *client { return &client{have: map[string]string{}, got: map[string]int{}} }

func (w *world) add(n int) {
	for range n {
		w.made++
		hash := tahoe.Hash(sha256.Sum256(fmt.Append(nil, "event", w.made)))
		w.rows[hash] = w.event(hash, "unknown")
	}
	w.changed()
}

// touch does something to one of the events, if there are any.
func (w *world) touch(n int, f func(tahoe.Hash)) {
	if len(w.rows) == 0 {
		return
	}
	hashes := make([]tahoe.Hash, 0, len(w.rows))
	for h := range w.rows {
		hashes = append(hashes, h)
	}
	slices.SortFunc(hashes, func(a, b tahoe.Hash) int { return slices.Compare(a[:], b[:]) })
	f(hashes[n%len(hashes)])
	w.changed()
}

func (w *world) restart(i int) {
	_ = w.servers[i].Close()
	w.servers[i] = w.serve(nil)
}
