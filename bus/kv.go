package bus

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// KVConfig describes a bucket of keys.
type KVConfig struct {
	Bucket   string // letters, digits, - and _
	Storage  Storage
	TTL      time.Duration // a value goes this long after it was written; 0 keeps it
	History  int           // versions kept of a key, 1 to 64; 0 is 1
	MaxBytes int64         // 0 is no limit
}

// KV is a bucket of keys. Keys are words of letters, digits and -_=/ joined by dots; a filter may have * for a word and > for
// the rest.
type KV struct {
	bus *Bus
	kv  jetstream.KeyValue
}

// Entry is the value of a key at a revision. Revisions grow with every write to the bucket.
type Entry struct {
	Key      string
	Value    []byte
	Revision uint64
	Time     time.Time
	Deleted  bool // only from Watch
}

// streamOf is the stream in which a bucket lies, as NATS lays it down (its ADR-8). The client would make it itself, but with AllowDirect.
func streamOf(c KVConfig) jetstream.StreamConfig {
	sc := jetstream.StreamConfig{
		Name:              "KV_" + c.Bucket,
		Subjects:          []string{"$KV." + c.Bucket + ".>"},
		Storage:           c.Storage.kind(),
		MaxAge:            c.TTL,
		MaxMsgsPerSubject: int64(min(max(c.History, 1), 64)),
		MaxBytes:          -1,
		Discard:           jetstream.DiscardNew,
		AllowRollup:       true,
		DenyDelete:        true,
		MaxConsumers:      maxReaders, // each Watch is one
	}
	if c.MaxBytes > 0 {
		sc.MaxBytes = c.MaxBytes
	}
	if c.TTL > 0 {
		sc.Duplicates = min(c.TTL, 2*time.Minute)
	}
	return sc
}

// KV creates the bucket, or brings an existing one to c.
func (b *Bus) KV(ctx context.Context, c KVConfig) (*KV, error) {
	if _, err := b.keptStream(ctx, streamOf(c)); err != nil {
		return nil, fmt.Errorf("make bucket %s: %w", c.Bucket, fault(err))
	}
	// Of several servers, one that answers may not know yet what another made.
	return b.openKV(ctx, c.Bucket, func(err error) bool { return passing(err) || errors.Is(err, jetstream.ErrBucketNotFound) })
}

// FindKV opens a bucket that is there, whatever it is like; ErrNotFound if it is not.
func (b *Bus) FindKV(ctx context.Context, bucket string) (*KV, error) {
	return b.openKV(ctx, bucket, passing)
}

// openKV opens a bucket, again and again while the errors are worth it.
func (b *Bus) openKV(ctx context.Context, bucket string, worth func(error) bool) (*KV, error) {
	kv, err := retry(ctx, worth, func(ctx context.Context) (jetstream.KeyValue, error) { return b.js.KeyValue(ctx, bucket) })
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", bucket, fault(err))
	}
	return &KV{bus: b, kv: kv}, nil
}

// wrap says what went wrong with which key. stale is the error for a write that expected another revision.
func (k *KV) wrap(what, key string, err, stale error) error {
	var api *jetstream.APIError
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		err = ErrNotFound
	case errors.As(err, &api) && outdated(api):
		err = stale
	default:
		err = fault(err)
	}
	return fmt.Errorf("%s %s/%s: %w", what, k.kv.Bucket(), key, err)
}

// Get reads a key; ErrNotFound if there is none.
func (k *KV) Get(ctx context.Context, key string) (Entry, error) {
	e, err := again(ctx, func(ctx context.Context) (jetstream.KeyValueEntry, error) {
		e, err := k.kv.Get(ctx, key)
		if unheard(err) {
			_, _ = k.kv.Status(ctx) // who is to be asked may have changed with the number of replicas: the client looks again
		}
		return e, err
	})
	if err != nil {
		return Entry{}, k.wrap("get", key, err, ErrConflict)
	}
	return entry(e), nil
}

// Put writes a key whatever it was.
func (k *KV) Put(ctx context.Context, key string, value []byte) (revision uint64, err error) {
	revision, err = k.write(ctx, func(ctx context.Context) (uint64, error) { return k.kv.Put(ctx, key, value) })
	if err != nil {
		return 0, k.wrap("put", key, err, ErrConflict)
	}
	return revision, nil
}

// Create writes a key that is not there; ErrExists if it is.
func (k *KV) Create(ctx context.Context, key string, value []byte) (revision uint64, err error) {
	revision, err = k.write(ctx, func(ctx context.Context) (uint64, error) { return k.kv.Create(ctx, key, value) })
	if err != nil {
		return 0, k.wrap("create", key, err, ErrExists)
	}
	return revision, nil
}

// Update writes a key that is still at the given revision; ErrConflict if it is not.
func (k *KV) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	revision, err := k.write(ctx, func(ctx context.Context) (uint64, error) { return k.kv.Update(ctx, key, value, revision) })
	if err != nil {
		return 0, k.wrap("update", key, err, ErrConflict)
	}
	return revision, nil
}

// write tries again only what nobody got: of what broke off, nobody knows whether it was done.
func (k *KV) write(ctx context.Context, try func(context.Context) (uint64, error)) (uint64, error) {
	return retry(ctx, unheard, func(context.Context) (uint64, error) { return try(ctx) })
}

// Size is the number of bytes that the bucket holds.
func (k *KV) Size(ctx context.Context) (uint64, error) {
	st, err := again(ctx, k.kv.Status)
	if err != nil {
		return 0, fmt.Errorf("look at bucket %s: %w", k.kv.Bucket(), fault(err))
	}
	return st.Bytes(), nil
}

// Delete removes a key; one that is not there is no error.
func (k *KV) Delete(ctx context.Context, key string) error {
	if _, err := k.write(ctx, func(ctx context.Context) (uint64, error) { return 0, k.kv.Purge(ctx, key) }); err != nil {
		return k.wrap("delete", key, err, ErrConflict)
	}
	return nil
}

// Keys lists the keys that filter fits, sorted.
func (k *KV) Keys(ctx context.Context, filter string) ([]string, error) {
	entries, err := k.list(ctx, filter, jetstream.MetaOnly())
	if err != nil {
		return nil, err
	}
	keys := make([]string, len(entries))
	for i, e := range entries {
		keys[i] = e.Key
	}
	slices.Sort(keys)
	return keys, nil
}

// List reads all keys that filter fits, in the order in which they were last written.
func (k *KV) List(ctx context.Context, filter string) ([]Entry, error) {
	return k.list(ctx, filter)
}

func (k *KV) list(ctx context.Context, filter string, opts ...jetstream.WatchOpt) ([]Entry, error) {
	w, err := k.watch(ctx, filter, append(opts, jetstream.IgnoreDeletes())...)
	if err != nil {
		return nil, k.wrap("list", filter, err, ErrConflict)
	}
	defer stopWatch(w)
	var out []Entry
	for {
		select {
		case e, ok := <-w.Updates():
			switch {
			case !ok:
				return nil, k.wrap("list", filter, ErrClosed, ErrConflict)
			case e == nil:
				return out, nil
			}
			out = append(out, entry(e))
		case <-ctx.Done():
			return nil, k.wrap("list", filter, ctx.Err(), ErrConflict)
		}
	}
}

// Watch yields the current value of every key that filter fits, then every change, until ctx ends or the caller breaks off. A key
// that changes faster than it is read may skip values, never the last. An error is yielded last.
func (k *KV) Watch(ctx context.Context, filter string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		w, err := k.watch(ctx, filter)
		if err != nil {
			if ctx.Err() == nil {
				yield(Entry{}, k.wrap("watch", filter, err, ErrConflict))
			}
			return
		}
		defer stopWatch(w)
		for {
			select {
			case e, ok := <-w.Updates():
				if !ok {
					if ctx.Err() == nil {
						yield(Entry{}, k.wrap("watch", filter, ErrClosed, ErrConflict))
					}
					return
				}
				if e != nil && !yield(entry(e), nil) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

// watch begins a watcher, which ends with ctx.
func (k *KV) watch(ctx context.Context, filter string, opts ...jetstream.WatchOpt) (jetstream.KeyWatcher, error) {
	return again(ctx, func(context.Context) (jetstream.KeyWatcher, error) { return k.kv.Watch(ctx, filter, opts...) })
}

// stopWatch empties the channel too: the client blocks on it while it holds the lock that stopping needs.
func stopWatch(w jetstream.KeyWatcher) {
	_ = w.Stop()
	for range w.Updates() {
	}
}

func entry(e jetstream.KeyValueEntry) Entry {
	return Entry{
		Key:      e.Key(),
		Value:    e.Value(),
		Revision: e.Revision(),
		Time:     e.Created().UTC(),
		Deleted:  e.Operation() != jetstream.KeyValuePut,
	}
}
