package main

import (
	"context"
	"errors"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/notebook"
	"github.com/cybexp/cybexp/taxii"
)

// kvStore is a bucket of the bus as packages see it that keep small values. Its errors wrap those that such a package knows.
type kvStore struct {
	kv                 *bus.KV
	notFound, conflict error
}

func identityStore(kv *bus.KV) kvStore {
	return kvStore{kv, identity.ErrNotFound, identity.ErrConflict}
}
func taxiiStore(kv *bus.KV) kvStore {
	return kvStore{kv, taxii.ErrNotFound, taxii.ErrConflict}
}
func notebookStore(kv *bus.KV) kvStore {
	return kvStore{kv, notebook.ErrNotFound, notebook.ErrConflict}
}

// Get reads a key. An empty value is one that is being removed.
func (s kvStore) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	e, err := s.kv.Get(ctx, key)
	if errors.Is(err, bus.ErrNotFound) || err == nil && len(e.Value) == 0 {
		return nil, 0, errors.Join(s.notFound, err)
	}
	return e.Value, e.Revision, err
}

// Set writes a key that is at revision, 0 being one that is not there. Nil removes it.
func (s kvStore) Set(ctx context.Context, key string, value []byte, revision uint64) error {
	var err error
	if revision == 0 {
		_, err = s.kv.Create(ctx, key, value)
	} else {
		_, err = s.kv.Update(ctx, key, value, revision)
	}
	switch {
	case errors.Is(err, bus.ErrExists) || errors.Is(err, bus.ErrConflict):
		return errors.Join(s.conflict, err)
	case err == nil && value == nil:
		err = s.kv.Delete(ctx, key)
	}
	return err
}

// List reads the values of all keys that begin with prefix.
func (s kvStore) List(ctx context.Context, prefix string) ([][]byte, error) {
	entries, err := s.kv.List(ctx, prefix+">")
	if err != nil {
		return nil, err
	}
	values := make([][]byte, 0, len(entries))
	for _, e := range entries {
		if len(e.Value) > 0 {
			values = append(values, e.Value)
		}
	}
	return values, nil
}
