package source

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/cybexp/cybexp/tahoe"
)

// Store keeps small values under keys such as source.5e88…, each with a revision that changes with every write.
type Store interface {
	// Get reads a key, or returns an error that wraps ErrNotFound.
	Get(ctx context.Context, key string) (value []byte, revision uint64, err error)
	// Set writes a key that is at the given revision still, 0 being a key that is not there, or returns an error that wraps
	// ErrConflict. A nil value removes the key.
	Set(ctx context.Context, key string, value []byte, revision uint64) (uint64, error)
	// List reads the values of all keys that begin with prefix, which ends in a dot.
	List(ctx context.Context, prefix string) ([][]byte, error)
}

// Keys of the store: what people said, and what became of it.
const (
	sourceKeys = "source."
	stateKeys  = "state."
)

// stored is a source as it is kept, with its secret, which only those can open who have the private key.
type stored struct {
	Source

	Sealed []byte `json:"sealed,omitempty"`
}

// Add keeps a new source and starts it, unless it says otherwise. Whether User may do so is the caller's to check. The secret, which may
// be empty, is sealed and never told again.
func (s *Service) Add(ctx context.Context, src Source, secret string) (Source, error) {
	if err := src.complete(secret, s.MinPeriod); err != nil {
		return Source{}, err
	}
	src.ID, src.Added = ID(src.Org, src.Name), s.Now().UTC()
	src.Started = src.Added
	kept := stored{Source: src}
	if secret != "" {
		var err error
		if kept.Sealed, err = s.Keys.Seal([]byte(secret)); err != nil {
			return Source{}, fmt.Errorf("seal secret: %w", err)
		}
	}
	_, err := save(ctx, s.Store, sourceKeys+src.ID, kept, 0)
	if errors.Is(err, ErrConflict) {
		return Source{}, fmt.Errorf("%w: %s", ErrExists, src.Name)
	}
	if err != nil {
		return Source{}, fmt.Errorf("keep source: %w", err)
	}
	return src, nil
}

// Enable starts a source, at once even if it waits after an error, or stops it. It returns before that has happened.
func (s *Service) Enable(ctx context.Context, id string, on bool) (Source, error) {
	for {
		kept, revision, err := s.find(ctx, id)
		if err != nil {
			return Source{}, err
		}
		kept.Enabled = on
		if on {
			kept.Started = s.Now().UTC()
		}
		switch _, err := save(ctx, s.Store, sourceKeys+id, kept, revision); {
		case err == nil:
			return kept.Source, nil
		case !errors.Is(err, ErrConflict):
			return Source{}, fmt.Errorf("change source: %w", err)
		}
	}
}

// Remove stops a source and forgets it and its position. What it brought stays.
func (s *Service) Remove(ctx context.Context, id string) error {
	if _, _, err := s.find(ctx, id); err != nil {
		return err
	}
	for _, prefix := range []string{sourceKeys, stateKeys} {
		if err := s.forget(ctx, prefix+id); err != nil {
			return fmt.Errorf("remove source: %w", err)
		}
	}
	return nil
}

// forget removes a key, whoever else writes it; one that is not there is no error.
func (s *Service) forget(ctx context.Context, key string) error {
	for {
		_, revision, err := s.Store.Get(ctx, key)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err = s.Store.Set(ctx, key, nil, revision); !errors.Is(err, ErrConflict) {
			return err
		}
	}
}

// Source finds a source; ErrNotFound if there is none.
func (s *Service) Source(ctx context.Context, id string) (Source, error) {
	kept, _, err := s.find(ctx, id)
	return kept.Source, err
}

func (s *Service) find(ctx context.Context, id string) (kept stored, revision uint64, err error) {
	err = ErrNotFound
	if isID(id) {
		kept, revision, err = load[stored](ctx, s.Store, sourceKeys+id)
	}
	if err != nil {
		return stored{}, 0, fmt.Errorf("source %.40q: %w", id, err)
	}
	return kept, revision, nil
}

// Sources lists the sources of the organisations, by organisation and name.
func (s *Service) Sources(ctx context.Context, orgs ...tahoe.Hash) ([]Source, error) {
	all, err := all(ctx, s.Store)
	if err != nil {
		return nil, err
	}
	sources := []Source{}
	for _, kept := range all {
		if slices.Contains(orgs, kept.Org) {
			sources = append(sources, kept.Source)
		}
	}
	slices.SortFunc(sources, func(a, b Source) int {
		return cmp.Or(cmp.Compare(a.Org.String(), b.Org.String()), cmp.Compare(a.Name, b.Name))
	})
	return sources, nil
}

// Listeners lists the sources that a store has of kind syslog, without those that are stopped.
func Listeners(ctx context.Context, from Store) ([]Source, error) {
	all, err := all(ctx, from)
	var sources []Source
	for _, kept := range all {
		if kept.Kind == Syslog && kept.Enabled {
			sources = append(sources, kept.Source)
		}
	}
	return sources, err
}

// Address is where a source of kind syslog listens on a host: tcp, also for TLS, or udp, and HOST:PORT.
func (s *Source) Address(host string) (network, address string) {
	network, port, _ := strings.Cut(s.Listen, ":")
	if network == "tls" {
		network = "tcp"
	}
	return network, net.JoinHostPort(host, port)
}

func all(ctx context.Context, from Store) ([]stored, error) {
	texts, err := from.List(ctx, sourceKeys)
	if err != nil {
		return nil, fmt.Errorf("list sources: %w", err)
	}
	all := make([]stored, len(texts))
	for i, text := range texts {
		if err := json.Unmarshal(text, &all[i]); err != nil {
			return nil, fmt.Errorf("read stored source: %w", err)
		}
	}
	return all, nil
}

func load[T any](ctx context.Context, from Store, key string) (value T, revision uint64, err error) {
	text, revision, err := from.Get(ctx, key)
	if err != nil {
		return value, 0, err
	}
	if err := json.Unmarshal(text, &value); err != nil {
		return value, 0, fmt.Errorf("read stored %s: %w", key, err)
	}
	return value, revision, nil
}

func save(ctx context.Context, to Store, key string, value any, revision uint64) (uint64, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	return to.Set(ctx, key, text, revision)
}

// storeLimit is how long the store may take.
const storeLimit = 10 * time.Second
