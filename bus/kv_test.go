package bus_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cybexp/cybexp/bus"
)

func TestKVWritesKeepTheirPromises(t *testing.T) {
	for name, storage := range map[string]bus.Storage{"file": bus.File, "memory": bus.Memory} {
		t.Run(name, func(t *testing.T) {
			ctx, k := t.Context(), bucket(t, open(t, t.TempDir()), bus.KVConfig{Bucket: "k", Storage: storage})
			if _, err := k.Get(ctx, "a"); !errors.Is(err, bus.ErrNotFound) {
				t.Errorf("get nothing: got %v, want ErrNotFound", err)
			}
			one, err := k.Create(ctx, "a", []byte("1"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := k.Create(ctx, "a", []byte("x")); !errors.Is(err, bus.ErrExists) {
				t.Errorf("create twice: got %v, want ErrExists", err)
			}
			two, err := k.Update(ctx, "a", []byte("2"), one)
			if err != nil || two <= one {
				t.Errorf("update: got %d, %v", two, err)
			}
			if _, err := k.Update(ctx, "a", []byte("x"), one); !errors.Is(err, bus.ErrConflict) {
				t.Errorf("update the past: got %v, want ErrConflict", err)
			}
			if e, err := k.Get(ctx, "a"); err != nil || string(e.Value) != "2" || e.Revision != two || e.Time.IsZero() {
				t.Errorf("got %+v, %v", e, err)
			}
			if err := errors.Join(k.Delete(ctx, "a"), k.Delete(ctx, "never")); err != nil {
				t.Error(err)
			}
			if _, err := k.Get(ctx, "a"); !errors.Is(err, bus.ErrNotFound) {
				t.Errorf("get deleted: got %v, want ErrNotFound", err)
			}
			if _, err := k.Create(ctx, "a", []byte("3")); err != nil {
				t.Errorf("create again: %v", err)
			}
		})
	}
}

func TestKVListsByFilter(t *testing.T) {
	ctx, k := t.Context(), bucket(t, open(t, t.TempDir()), bus.KVConfig{Bucket: "k"})
	for _, key := range []string{"org.b", "org.a", "user.a", "org.gone"} {
		if _, err := k.Put(ctx, key, []byte(key)); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.Delete(ctx, "org.gone"); err != nil {
		t.Fatal(err)
	}
	for filter, want := range map[string][]string{
		"org.*": {"org.a", "org.b"}, "*.a": {"org.a", "user.a"}, ">": {"org.a", "org.b", "user.a"}, "none.*": {}, "user.a": {"user.a"},
	} {
		got, err := k.Keys(ctx, filter)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("keys %s: got %v, %v, want %v", filter, got, err, want)
		}
		entries, err := k.List(ctx, filter)
		if err != nil || len(entries) != len(want) {
			t.Errorf("list %s: got %v, %v, want %v", filter, entries, err, want)
		}
		for _, e := range entries {
			if string(e.Value) != e.Key {
				t.Errorf("got %+v", e)
			}
		}
	}
}

func TestWatchShowsWhatIsThenWhatChanges(t *testing.T) {
	ctx, k := t.Context(), bucket(t, open(t, t.TempDir()), bus.KVConfig{Bucket: "k", Storage: bus.Memory})
	put := func(key, value string) {
		if _, err := k.Put(ctx, key, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	put("a", "1")
	put("other", "1")
	step := 0
	for e, err := range k.Watch(ctx, "a") {
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(e.Key, "=", string(e.Value), " ", e.Deleted)
		want := []string{"a=1 false", "a=2 false", "a= true"}[step]
		if got != want {
			t.Errorf("step %d: got %q, want %q", step, got, want)
		}
		switch step++; step {
		case 1:
			put("other", "2")
			put("a", "2")
		case 2:
			if err := k.Delete(ctx, "a"); err != nil {
				t.Fatal(err)
			}
		}
		if step == 3 {
			break
		}
	}
}

// TestWatchLeftWhileFlooded leaves a watch that is far behind; this must neither hang nor leak.
func TestWatchLeftWhileFlooded(t *testing.T) {
	ctx, k := t.Context(), bucket(t, open(t, t.TempDir()), bus.KVConfig{Bucket: "k", Storage: bus.Memory})
	for i := range 1000 {
		if _, err := k.Put(ctx, fmt.Sprint("k", i), nil); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		for _, err := range k.Watch(ctx, ">") {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
	}
}

func TestFindKVMakesNone(t *testing.T) {
	b := open(t, t.TempDir())
	if _, err := b.FindKV(t.Context(), "users"); !errors.Is(err, bus.ErrNotFound) {
		t.Errorf("a bucket that is not there: %v", err)
	}
	if stored, err := b.Stored(t.Context()); err != nil || len(stored) > 0 {
		t.Errorf("a look leaves %v, %v", stored, err)
	}
	made, err := b.KV(t.Context(), bus.KVConfig{Bucket: "users", History: 5})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := made.Put(t.Context(), "a", []byte("1")); err != nil {
		t.Fatal(err)
	}
	found, err := b.FindKV(t.Context(), "users")
	if err != nil {
		t.Fatal(err)
	}
	if e, err := found.Get(t.Context(), "a"); err != nil || string(e.Value) != "1" {
		t.Errorf("found %s, %v", e.Value, err)
	}
}
