package taxii_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/stix"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/taxii"
)

// errKilled is what a store answers to a process that is dead.
var errKilled = errors.New("killed")

// mortal is a bucket of the bus that a process writes to until it is killed.
type mortal struct {
	kv   *bus.KV
	left *int // writes until it is killed; nil is never
}

func (m mortal) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	e, err := m.kv.Get(ctx, key)
	if errors.Is(err, bus.ErrNotFound) || err == nil && len(e.Value) == 0 {
		return nil, 0, taxii.ErrNotFound
	}
	return e.Value, e.Revision, err
}

func (m mortal) Set(ctx context.Context, key string, value []byte, revision uint64) error {
	if m.left != nil {
		if *m.left == 0 {
			return errKilled
		}
		*m.left--
	}
	var err error
	if revision == 0 {
		_, err = m.kv.Create(ctx, key, value)
	} else {
		_, err = m.kv.Update(ctx, key, value, revision)
	}
	switch {
	case errors.Is(err, bus.ErrExists) || errors.Is(err, bus.ErrConflict):
		return taxii.ErrConflict
	case err == nil && value == nil:
		err = m.kv.Delete(ctx, key)
	}
	return err
}

func (m mortal) List(ctx context.Context, prefix string) ([][]byte, error) {
	entries, err := m.kv.List(ctx, prefix+">")
	values := make([][]byte, 0, len(entries))
	for _, e := range entries {
		if len(e.Value) > 0 {
			values = append(values, e.Value)
		}
	}
	return values, err
}

func openBucket(tb testing.TB) *bus.KV {
	tb.Helper()
	b, err := bus.Open(tb.Context(), bus.Config{Dir: tb.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = b.Close() })
	kv, err := b.KV(tb.Context(), bus.KVConfig{Bucket: "taxii"})
	if err != nil {
		tb.Fatal(err)
	}
	return kv
}

// world is a graph with one saved query, processes that show it as a collection, and clients that poll it.
type world struct {
	t       *rapid.T
	kv      *bus.KV
	user    tahoe.Hash
	now     time.Time
	rows    map[tahoe.Hash]string
	made    int
	step    int
	away    map[string]int // the last step at which an object was not there, or was another than it is
	text    map[string]string
	servers []*taxii.Service
	clients []*client
}

// client is who polls, and what they have.
type client struct {
	have map[string]string // objects, without modified
	got  map[string]int    // the step at which each came last
	last string            // the last time in a header
	next string
}

// event is a row of an event, as reports have it.
func (w *world) event(hash tahoe.Hash, category string) string {
	n := w.made
	return fmt.Sprintf(`{"hash":%q,"itype":"event","sub_type":"login","timestamp":"2026-01-01T00:00:%02d.5Z","category":%q,"org":"o","org_name":"Org","tlp":"",`+
		`"data":{"ipv4":["198.51.100.%d"],"username":["user%d"]}}`, hash, n%60, category, n%5, n%7)
}

func (w *world) source() taxii.Source {
	rows := maps.Clone(w.rows) // one snapshot
	order := slices.SortedFunc(maps.Keys(rows), func(a, b tahoe.Hash) int { return slices.Compare(a[:], b[:]) })
	return taxii.Source{
		User: w.user, ID: "query", Basis: "b",
		Scan: func(_ context.Context, row func(json.RawMessage) error) error {
			for _, h := range order {
				if err := row(json.RawMessage(rows[h])); err != nil {
					return err
				}
			}
			return nil
		},
		Fetch: func(_ context.Context, hashes []tahoe.Hash) (found []json.RawMessage, _ error) {
			for _, h := range hashes {
				if text, ok := rows[h]; ok {
					found = append(found, json.RawMessage(text))
				}
			}
			return found, nil
		},
	}
}

// judged is a row with another category.
func (w *world) judged(hash tahoe.Hash, category string) string {
	var row map[string]json.RawMessage
	if err := json.Unmarshal([]byte(w.rows[hash]), &row); err != nil {
		w.t.Fatal(err)
	}
	row["category"] = json.RawMessage(`"` + category + `"`)
	text, _ := json.Marshal(row) // it was JSON
	return string(text)
}

// objects are what is in the collection now, without modified.
func (w *world) objects() map[string]string {
	all := map[string]string{}
	put := func(list []stix.Object) {
		for _, o := range list {
			all[o.ID] = undated(w.t, o.Text)
		}
	}
	put(stix.Preamble())
	for _, text := range w.rows {
		_, list, err := stix.Objects(json.RawMessage(text))
		if err != nil {
			w.t.Fatal(err)
		}
		put(list)
	}
	return all
}

func undated(t *rapid.T, text json.RawMessage) string {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	delete(members, "modified")
	out, _ := json.Marshal(members) // it was JSON
	return string(out)
}

// changed notes what is not there, or not as it was.
func (w *world) changed() {
	w.step++
	now := w.objects()
	for id := range w.text {
		if now[id] != w.text[id] {
			w.away[id] = w.step
		}
	}
	w.text = now
}

func (w *world) serve(left *int) *taxii.Service {
	s, err := taxii.New(taxii.Config{Store: mortal{kv: w.kv, left: left}, Now: func() time.Time { return w.now }, MinAge: time.Nanosecond})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// poll asks for one page, and takes it in.
func (w *world) poll(c *client, server, limit int, goOn bool) (more bool) {
	query := map[string][]string{"limit": {fmt.Sprint(limit)}}
	switch {
	case goOn && c.next != "":
		query["next"] = []string{c.next}
	case c.last != "":
		query["added_after"] = []string{c.last}
	}
	f, err := taxii.ParseFilter(query)
	if err != nil {
		w.t.Fatal(err)
	}
	page, err := w.servers[server].Objects(context.Background(), w.source(), f)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(page.Items) > limit || page.More != (page.Next != "") {
		w.t.Fatalf("%d objects, limit %d, more %v, next %q", len(page.Items), limit, page.More, page.Next)
	}
	for _, item := range page.Items {
		if item.DateAdded <= c.last {
			w.t.Fatalf("%s was added at %s, after one at %s", item.ID, item.DateAdded, c.last)
		}
		c.last = item.DateAdded
		if before, ok := c.got[item.ID]; ok && w.away[item.ID] <= before {
			w.t.Fatalf("%s comes twice, and did not change", item.ID)
		}
		c.got[item.ID], c.have[item.ID] = w.step, undated(w.t, item.Text)
	}
	c.next = page.Next
	return page.More
}
