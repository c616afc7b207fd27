package retention_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/retention"
)

func TestParseAge(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"365d": 365 * 24 * time.Hour, "52w": 52 * 7 * 24 * time.Hour, "1Y": 365 * 24 * time.Hour, "36h": 36 * time.Hour, "90m": 90 * time.Minute,
		"": 0, "d": 0, "0d": 0, "-3d": 0, "7": 0, "7x": 0, "1d2h": 0, "99999999Y": 0, "١d": 0,
	} {
		got, err := retention.ParseAge(text)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %v %v, want %v", text, got, err, want)
		}
	}
}

func FuzzParseAge(f *testing.F) {
	f.Add("365d")
	f.Fuzz(func(t *testing.T, text string) {
		if age, err := retention.ParseAge(text); err == nil && age <= 0 {
			t.Errorf("%q is %v", text, age)
		}
	})
}

// rig counts what services remove.
type rig struct {
	mu sync.Mutex

	bus     *bus.Bus
	now     time.Time
	removed []string
	running int
	failure error
	did     chan struct{}
}

func newRig(t *testing.T) *rig {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return &rig{bus: b, now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), did: make(chan struct{}, 100)}
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) remove(_ context.Context, before time.Time, org string, told func(int)) error {
	r.mu.Lock()
	r.running++
	if r.running > 1 {
		r.removed = append(r.removed, "two at once")
	}
	r.removed = append(r.removed, before.Format(time.DateOnly)+" "+org)
	failure := r.failure
	r.failure = nil
	r.mu.Unlock()
	told(10)
	r.mu.Lock()
	r.running--
	r.mu.Unlock()
	if failure == nil {
		r.did <- struct{}{}
	}
	return failure
}

func (r *rig) clean(context.Context) error {
	r.mu.Lock()
	r.removed = append(r.removed, "cleaned")
	r.mu.Unlock()
	r.did <- struct{}{}
	return nil
}

// run runs so many services until the test ends.
func (r *rig) run(t *testing.T, n int) (one *retention.Service) {
	t.Helper()
	var wait sync.WaitGroup
	t.Cleanup(wait.Wait)
	for range n {
		s, err := retention.New(t.Context(), retention.Config{
			Bus: r.bus, Now: r.clock, Every: time.Hour, Silence: 20 * time.Millisecond, Remove: r.remove, Clean: r.clean,
			Rules: func(context.Context) ([]retention.Rule, error) {
				return []retention.Rule{{Keep: 28 * 24 * time.Hour}, {Org: "acme", Keep: 24 * time.Hour}}, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		one = s
		wait.Go(func() {
			if err := s.Run(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	return one
}

// TestOneOfManyLooks runs several processes, of which one removes, rule by rule.
func TestOneOfManyLooks(t *testing.T) {
	r := newRig(t)
	s := r.run(t, 3)
	for range 3 {
		<-r.did
	}
	for {
		state, err := s.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if state.Ended.IsZero() {
			continue
		}
		if state.Vertices != 20 || state.Holder != "" {
			t.Errorf("state is %+v", state)
		}
		break
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if diff := cmp.Diff([]string{"2026-02-01 ", "2026-02-28 acme", "cleaned"}, r.removed); diff != "" {
		t.Error(diff)
	}
}

// TestWhatFailedIsTriedAgain has the first look fail, and a process that died in another.
func TestWhatFailedIsTriedAgain(t *testing.T) {
	r := newRig(t)
	kv, err := r.bus.KV(t.Context(), bus.KVConfig{Bucket: retention.Bucket})
	if err != nil {
		t.Fatal(err)
	}
	dead := `{"holder":"dead","beat":"2026-02-28T23:00:00Z","begun":"2026-02-28T22:00:00Z"}`
	if _, err := kv.Create(t.Context(), "state", []byte(dead)); err != nil {
		t.Fatal(err)
	}
	r.failure = errors.New("database is away")
	r.run(t, 1)
	for range 3 {
		<-r.did
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if diff := cmp.Diff([]string{"2026-02-01 ", "2026-02-01 ", "2026-02-28 acme", "cleaned"}, r.removed); diff != "" {
		t.Error(diff)
	}
}

// TestOtherRulesCountAtOnce has a look half an hour ago, by one rule less.
func TestOtherRulesCountAtOnce(t *testing.T) {
	r := newRig(t)
	kv, err := r.bus.KV(t.Context(), bus.KVConfig{Bucket: retention.Bucket})
	if err != nil {
		t.Fatal(err)
	}
	last := `{"begun":"2026-02-28T23:30:00Z","ended":"2026-02-28T23:31:00Z","rules":[{"org":"","keep":2419200000000000}]}`
	if _, err := kv.Create(t.Context(), "state", []byte(last)); err != nil {
		t.Fatal(err)
	}
	r.run(t, 2)
	for range 3 {
		<-r.did
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if diff := cmp.Diff([]string{"2026-02-01 ", "2026-02-28 acme", "cleaned"}, r.removed); diff != "" {
		t.Error(diff)
	}
}
