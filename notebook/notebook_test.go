package notebook_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/cybexp/cybexp/notebook"
	"github.com/cybexp/cybexp/tahoe"
)

// memory is a store that forgets when the test ends.
type memory struct {
	mu sync.Mutex

	values    map[string][]byte
	revisions map[string]uint64
}

func (m *memory) Get(_ context.Context, key string) ([]byte, uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.values[key] == nil {
		return nil, 0, notebook.ErrNotFound
	}
	return m.values[key], m.revisions[key], nil
}

func (m *memory) Set(_ context.Context, key string, value []byte, revision uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.values[key] == nil && revision != 0 || m.values[key] != nil && m.revisions[key] != revision {
		return notebook.ErrConflict
	}
	m.values[key] = value
	m.revisions[key]++
	return nil
}

func (m *memory) List(_ context.Context, prefix string) (list [][]byte, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, value := range m.values {
		if value != nil && strings.HasPrefix(key, prefix) {
			list = append(list, value)
		}
	}
	return list, nil
}

func newNotebook(t *testing.T) (*notebook.Service, *memory) {
	t.Helper()
	m := &memory{values: map[string][]byte{}, revisions: map[string]uint64{}}
	s, err := notebook.New(notebook.Config{Store: m})
	if err != nil {
		t.Fatal(err)
	}
	return s, m
}

func TestLimits(t *testing.T) {
	s, _ := newNotebook(t)
	owner, org := tahoe.UserHash("a@example.org", false), tahoe.OrgHash("acme")
	for i := range notebook.MaxQueries {
		if _, err := s.Save(t.Context(), notebook.Query{Name: fmt.Sprint(i), TDQL: "events", Owner: owner}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Save(t.Context(), notebook.Query{Name: "more", TDQL: "events", Owner: owner}); !errors.Is(err, notebook.ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
	for range notebook.MaxComments {
		if _, err := s.Comment(t.Context(), notebook.Comment{Org: org, Author: owner, Text: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Comment(t.Context(), notebook.Comment{Org: org, Author: owner, Text: "x"}); !errors.Is(err, notebook.ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
}

// TestNothingIsLeft looks at what the store has when all was removed.
func TestNothingIsLeft(t *testing.T) {
	s, m := newNotebook(t)
	owner, org := tahoe.UserHash("a@example.org", false), tahoe.OrgHash("acme")
	r := notebook.Reader{User: owner, Orgs: []tahoe.Hash{org}}
	q, err := s.Save(t.Context(), notebook.Query{Name: "a", TDQL: "events", Owner: owner, Org: org})
	if err != nil {
		t.Fatal(err)
	}
	q.Org = tahoe.Hash{}
	if q, err = s.Change(t.Context(), r, q); err != nil {
		t.Fatal(err)
	}
	c, err := s.Comment(t.Context(), notebook.Comment{Org: org, Author: owner, Text: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Remove(t.Context(), r, q.ID), s.RemoveComment(t.Context(), r, c.ID)); err != nil {
		t.Fatal(err)
	}
	for key, value := range m.values {
		if value != nil {
			t.Errorf("%s is left", key)
		}
	}
}
