package identity_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/identity"
)

// nats is the bus of all tests; each has a bucket of its own.
var (
	nats    *bus.Bus
	buckets atomic.Int64
)

func TestMain(m *testing.M) { os.Exit(withBus(m)) }

func withBus(m *testing.M) int {
	dir, err := os.MkdirTemp("", "identity")
	if err == nil {
		defer os.RemoveAll(dir)
		nats, err = bus.Open(context.Background(), bus.Config{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := nats.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// store is a bucket. With down set it answers nothing.
type store struct {
	kv     *bus.KV
	bucket string
	down   error
}

func newStore(tb testing.TB) *store {
	tb.Helper()
	bucket := fmt.Sprintf("identity%d", buckets.Add(1))
	kv, err := nats.KV(tb.Context(), bus.KVConfig{Bucket: bucket, Storage: bus.Memory})
	if err != nil {
		tb.Fatal(err)
	}
	return &store{kv: kv, bucket: bucket}
}

func (s *store) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	if s.down != nil {
		return nil, 0, s.down
	}
	e, err := s.kv.Get(ctx, key)
	if errors.Is(err, bus.ErrNotFound) {
		err = errors.Join(identity.ErrNotFound, err)
	}
	return e.Value, e.Revision, err
}

func (s *store) Set(ctx context.Context, key string, value []byte, revision uint64) (err error) {
	if revision == 0 {
		_, err = s.kv.Create(ctx, key, value)
	} else {
		_, err = s.kv.Update(ctx, key, value, revision)
	}
	if errors.Is(err, bus.ErrExists) || errors.Is(err, bus.ErrConflict) {
		err = errors.Join(identity.ErrConflict, err)
	}
	return err
}

func (s *store) List(ctx context.Context, prefix string) ([][]byte, error) {
	entries, err := s.kv.List(ctx, prefix+">")
	values := make([][]byte, len(entries))
	for i, e := range entries {
		values[i] = e.Value
	}
	return values, err
}

type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

var testKey = []byte(strings.Repeat("k", 32))

func service(tb testing.TB) (*identity.Service, *store, *clock) {
	tb.Helper()
	m, c := newStore(tb), &clock{time.Unix(1_700_000_000, 0)}
	keys, err := identity.NewKeys(testKey)
	if err != nil {
		tb.Fatal(err)
	}
	s, err := identity.New(identity.Config{Store: m, Keys: keys, Now: c.now})
	if err != nil {
		tb.Fatal(err)
	}
	return s, m, c
}
