package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/ingest/source"
)

// sourceBucket has what people said of sources, and how far each has come.
const sourceBucket = "sources"

// Sources makes the service of continuous sources: kept on the bus, with secrets sealed by the keys of the lake, and handing what they
// bring to Accept, unless c says otherwise.
func (s *Service) Sources(ctx context.Context, c source.Config) (*source.Service, error) {
	if c.LeaseTTL == 0 {
		c.LeaseTTL = source.DefaultConfig().LeaseTTL
	}
	kept, err := s.Bus.KV(ctx, bus.KVConfig{Bucket: sourceBucket})
	if err != nil {
		return nil, fmt.Errorf("open sources: %w", err)
	}
	leases, err := s.Bus.KV(ctx, bus.KVConfig{Bucket: "source-leases", Storage: bus.Memory, TTL: c.LeaseTTL})
	if err != nil {
		return nil, fmt.Errorf("open leases of sources: %w", err)
	}
	c.Keys = s.Keys
	if c.Store == nil {
		c.Store = sourceStore{kept}
	}
	if c.Leases == nil {
		c.Leases = sourceStore{leases}
	}
	if c.Intake == nil {
		c.Intake = sourceIntake{s}
	}
	return source.New(c)
}

// SourceListeners lists the sources of a bus that listen for syslog, also if nothing runs.
func SourceListeners(ctx context.Context, b *bus.Bus) ([]source.Source, error) {
	kept, err := b.FindKV(ctx, sourceBucket)
	if errors.Is(err, bus.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open sources: %w", err)
	}
	return source.Listeners(ctx, sourceStore{kept})
}

// sourceIntake takes in what sources bring, as uploads are.
type sourceIntake struct{ *Service }

// Accept takes body in.
func (i sourceIntake) Accept(ctx context.Context, u source.Upload, body io.Reader) (source.Receipt, error) {
	got, err := i.Service.Accept(ctx, Upload{Name: u.Name, Typetag: u.Typetag, Timezone: u.Timezone, Org: u.Org, User: u.User, Marking: u.Marking}, body)
	return source.Receipt{Records: got.Records, Rejected: got.Rejected, Bytes: got.Bytes}, err
}

// sourceStore keeps values in a bucket of the bus. One that is empty is being removed, and as good as not there.
type sourceStore struct{ kv *bus.KV }

// Get reads a key.
func (s sourceStore) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	e, err := s.kv.Get(ctx, key)
	if errors.Is(err, bus.ErrNotFound) || err == nil && len(e.Value) == 0 {
		return nil, 0, fmt.Errorf("%s: %w", key, source.ErrNotFound)
	}
	return e.Value, e.Revision, err
}

// Set writes a key that is at revision, 0 being one that is not there; nil removes it.
func (s sourceStore) Set(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	revision, err := s.write(ctx, key, value, revision)
	switch {
	case errors.Is(err, bus.ErrExists) || errors.Is(err, bus.ErrConflict):
		return 0, fmt.Errorf("%s: %w", key, source.ErrConflict)
	case err == nil && value == nil:
		err = s.kv.Delete(ctx, key)
	}
	return revision, err
}

func (s sourceStore) write(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	if revision != 0 {
		return s.kv.Update(ctx, key, value, revision)
	}
	revision, err := s.kv.Create(ctx, key, value)
	if !errors.Is(err, bus.ErrExists) {
		return revision, err
	}
	e, gone := s.kv.Get(ctx, key)
	if gone != nil || len(e.Value) > 0 {
		return 0, err
	}
	return s.kv.Update(ctx, key, value, e.Revision)
}

// List reads the values of all keys that begin with prefix.
func (s sourceStore) List(ctx context.Context, prefix string) ([][]byte, error) {
	entries, err := s.kv.List(ctx, prefix+">")
	if err != nil {
		return nil, err
	}
	var values [][]byte
	for _, e := range entries {
		if len(e.Value) > 0 {
			values = append(values, e.Value)
		}
	}
	return values, nil
}
