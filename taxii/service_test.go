package taxii_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/taxii"
)

// addresses is a source of so many addresses, which many may read while it grows.
type addresses struct {
	mu   sync.Mutex
	n    int
	gate chan struct{} // closed when it may be read; nil is always
}

func (a *addresses) row(i int) (tahoe.Hash, json.RawMessage) {
	hash := tahoe.Hash(sha256.Sum256(fmt.Append(nil, i)))
	return hash, json.RawMessage(fmt.Sprintf(`{"hash":%q,"itype":"attribute","sub_type":"ipv4","data":"10.%d.%d.%d"}`, hash, i>>16&255, i>>8&255, i&255))
}

func (a *addresses) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.n
}

func (a *addresses) source(user, basis string) taxii.Source {
	return taxii.Source{
		User: sha256.Sum256([]byte(user)), ID: "query", Basis: basis,
		Scan: func(ctx context.Context, row func(json.RawMessage) error) error {
			if a.gate != nil {
				select {
				case <-a.gate:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			for i := range a.count() {
				_, text := a.row(i)
				if err := row(text); err != nil {
					return err
				}
			}
			return nil
		},
		Fetch: func(_ context.Context, hashes []tahoe.Hash) ([]json.RawMessage, error) {
			wanted := map[tahoe.Hash]bool{}
			for _, h := range hashes {
				wanted[h] = true
			}
			var rows []json.RawMessage
			for i := range a.count() {
				if h, text := a.row(i); wanted[h] {
					rows = append(rows, text)
				}
			}
			return rows, nil
		},
	}
}

func service(t *testing.T, kv *bus.KV, c taxii.Config) *taxii.Service {
	t.Helper()
	c.Store = mortal{kv: kv}
	s, err := taxii.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestManyPollAtOnce has clients of one user poll through three processes at once while rows come.
func TestManyPollAtOnce(t *testing.T) {
	kv, rows := openBucket(t), &addresses{n: 100}
	const more, polls, want = 40, 12, 100 + 12*40
	src := rows.source("many", "b")
	var wg sync.WaitGroup
	have := make([]map[string]bool, 6)
	for i := range have {
		have[i] = map[string]bool{}
		s := service(t, kv, taxii.Config{MinAge: time.Nanosecond, MaxKept: 1})
		wg.Go(func() {
			last := ""
			for n := 0; n < polls || len(have[i]) < want; n++ {
				if n < polls && i == 0 {
					rows.mu.Lock()
					rows.n += more
					rows.mu.Unlock()
				}
				f, err := taxii.ParseFilter(map[string][]string{"added_after": {last}, "match[type]": {"ipv4-addr"}})
				if err != nil {
					t.Error(err)
					return
				}
				page, err := s.Objects(t.Context(), src, f)
				if err != nil {
					t.Error(err)
					return
				}
				for _, item := range page.Items {
					if have[i][item.ID] || item.DateAdded <= last {
						t.Errorf("client %d: %s at %s comes again, after %s", i, item.ID, item.DateAdded, last)
						return
					}
					have[i][item.ID], last = true, item.DateAdded
				}
			}
		})
	}
	wg.Wait()
}

// TestASlowCollectionIsReadInTheBackground waits as long as a client may, and finds the index made when it comes again.
func TestASlowCollectionIsReadInTheBackground(t *testing.T) {
	rows := &addresses{n: 5, gate: make(chan struct{})}
	s := service(t, openBucket(t), taxii.Config{Patience: time.Millisecond})
	src := rows.source("slow", "b")
	if _, err := s.Records(t.Context(), src, taxii.Filter{Limit: 10}); !errors.Is(err, taxii.ErrNotReady) {
		t.Fatalf("got %v while it is read", err)
	}
	close(rows.gate)
	var page taxii.Page
	for err := taxii.ErrNotReady; errors.Is(err, taxii.ErrNotReady); {
		page, err = s.Records(t.Context(), src, taxii.Filter{Limit: 10})
	}
	if len(page.Items) != 7 { // and the preamble
		t.Errorf("got %d records", len(page.Items))
	}
}

// TestBoundsOfACollection refuses a collection that is too large, and does not read it again at once.
func TestBoundsOfACollection(t *testing.T) {
	rows := &addresses{n: 100}
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	s := service(t, openBucket(t), taxii.Config{MaxObjects: 50, Now: func() time.Time { return now }})
	src, scans := rows.source("large", "b"), 0
	scan := src.Scan
	src.Scan = func(ctx context.Context, row func(json.RawMessage) error) error { scans++; return scan(ctx, row) }
	for range 3 {
		if _, err := s.Records(t.Context(), src, taxii.Filter{Limit: 10}); !errors.Is(err, taxii.ErrTooMany) {
			t.Fatalf("got %v", err)
		}
	}
	if scans != 1 {
		t.Errorf("it was read %d times", scans)
	}
	now, rows.n = now.Add(time.Hour), 40
	if page, err := s.Records(t.Context(), src, taxii.Filter{Limit: 10}); err != nil || !page.More {
		t.Errorf("narrowed: got %d records, %v", len(page.Items), err)
	}
}

// TestBoundOfAUser refuses what is too much for all collections of a user, until there is room.
func TestBoundOfAUser(t *testing.T) {
	kv, rows := openBucket(t), &addresses{n: 100}
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	s := service(t, kv, taxii.Config{MaxUser: 150, Now: func() time.Time { return now }})
	one, two, other := rows.source("ada", "b"), rows.source("ada", "b"), rows.source("bob", "b")
	two.ID = "other"
	poll := func(src taxii.Source) error {
		_, err := s.Records(t.Context(), src, taxii.Filter{Limit: 10})
		return err
	}
	if err := errors.Join(poll(one), poll(other)); err != nil {
		t.Fatal(err)
	}
	if err := poll(two); !errors.Is(err, taxii.ErrFull) {
		t.Errorf("got %v", err)
	}
	if err := s.Forget(t.Context(), one.User, one.ID); err != nil {
		t.Error(err)
	}
	now = now.Add(time.Minute)
	if err := poll(two); err != nil {
		t.Error(err)
	}
	if keys, err := kv.Keys(t.Context(), ">"); len(keys) != 4 || err != nil { // two heads with a chunk each
		t.Errorf("there are %v, %v", keys, err)
	}
}

// TestABrokenIndexIsBegunAnew writes over what is stored: the collection is there as before, with new times.
func TestABrokenIndexIsBegunAnew(t *testing.T) {
	kv, rows := openBucket(t), &addresses{n: 9}
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	last := ""
	for _, filter := range []string{"nothing.>", "index.>", "chunk.>"} {
		keys, err := kv.Keys(t.Context(), filter)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range keys {
			if _, err := kv.Put(t.Context(), k, []byte(`{"x":`)); err != nil {
				t.Fatal(err)
			}
		}
		now = now.Add(time.Minute)
		s := service(t, kv, taxii.Config{Now: func() time.Time { return now }})
		page, err := s.Objects(t.Context(), rows.source("ada", "b"), taxii.Filter{Limit: 100})
		if err != nil || len(page.Items) != 11 || page.Items[0].DateAdded <= last {
			t.Fatalf("%s is broken: got %d objects, %v", filter, len(page.Items), err)
		}
		last = page.Items[10].DateAdded
	}
}

// TestAnIndexIsForItsBasisAndUser shows nothing of an index that was made with other rights or for somebody else.
func TestAnIndexIsForItsBasisAndUser(t *testing.T) {
	kv, rows, fewer := openBucket(t), &addresses{n: 9}, &addresses{n: 2}
	s := service(t, kv, taxii.Config{MinAge: time.Hour})
	count := func(src taxii.Source, f taxii.Filter) int {
		t.Helper()
		page, err := s.Records(t.Context(), src, f)
		if err != nil {
			t.Fatal(err)
		}
		return len(page.Items)
	}
	all := taxii.Filter{Limit: 100}
	if n := count(rows.source("ada", "all"), all); n != 11 {
		t.Errorf("got %d", n)
	}
	if n := count(fewer.source("bob", "all"), all); n != 4 {
		t.Errorf("somebody else gets %d", n)
	}
	for _, f := range []taxii.Filter{all, {Limit: 100, Next: true}} {
		if n := count(fewer.source("ada", "less"), f); n != 4 {
			t.Errorf("with fewer rights: got %d", n)
		}
	}
}

// TestWhatLaysForLongIsWrittenAnew lets the store forget old values, as it does: what is polled is not among them.
func TestWhatLaysForLongIsWrittenAnew(t *testing.T) {
	kv, rows := openBucket(t), &addresses{n: 9}
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	s := service(t, kv, taxii.Config{Now: func() time.Time { return now }})
	chunks := func() []string {
		keys, err := kv.Keys(t.Context(), "chunk.>")
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	poll := func() taxii.Page {
		t.Helper()
		page, err := s.Records(t.Context(), rows.source("ada", "b"), taxii.Filter{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		return page
	}
	first := poll()
	before := chunks()
	now = now.Add(taxii.ForgetAfter / 2)
	second := poll()
	after := chunks()
	if len(before) != 1 || len(after) != 1 || before[0] == after[0] {
		t.Errorf("chunks were %v and are %v", before, after)
	}
	if first.Items[0].DateAdded != second.Items[0].DateAdded || len(second.Items) != len(first.Items) {
		t.Errorf("the index was %+v and is %+v", first, second)
	}
}
