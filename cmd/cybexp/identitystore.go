package main

import (
	"context"
	"errors"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/identity"
)

// identityStore keeps identities in a bucket of the bus.
type identityStore struct{ kv *bus.KV }

// Get reads a key.
func (s identityStore) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	e, err := s.kv.Get(ctx, key)
	if errors.Is(err, bus.ErrNotFound) {
		return nil, 0, errors.Join(identity.ErrNotFound, err)
	}
	return e.Value, e.Revision, err
}

// Set writes a key that is at revision, 0 being one that is not there.
func (s identityStore) Set(ctx context.Context, key string, value []byte, revision uint64) error {
	var err error
	if revision == 0 {
		_, err = s.kv.Create(ctx, key, value)
	} else {
		_, err = s.kv.Update(ctx, key, value, revision)
	}
	if errors.Is(err, bus.ErrExists) || errors.Is(err, bus.ErrConflict) {
		return errors.Join(identity.ErrConflict, err)
	}
	return err
}

// List reads the values of all keys that begin with prefix.
func (s identityStore) List(ctx context.Context, prefix string) ([][]byte, error) {
	entries, err := s.kv.List(ctx, prefix+">")
	if err != nil {
		return nil, err
	}
	values := make([][]byte, len(entries))
	for i, e := range entries {
		values[i] = e.Value
	}
	return values, nil
}
