package notebook

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cybexp/cybexp/tahoe"
)

// Bounds of what one user may save.
const (
	MaxQueries = 500
	maxName    = 100      // characters
	maxTDQL    = 64 << 10 // as TDQL itself
	maxParams  = 16 << 10 // bytes of JSON
)

// Query is a query that somebody saved.
type Query struct {
	ID      string                 `json:"id"`
	Name    string                 `json:"name"` // one of its owner's
	TDQL    string                 `json:"tdql"`
	Params  map[string]tahoe.Value `json:"params"`
	Watch   bool                   `json:"watch"` // it is to be started when its owner comes back
	Owner   tahoe.Hash             `json:"owner"`
	Org     tahoe.Hash             `json:"org,omitzero"` // whose readers may see it; zero keeps it to its owner
	Created time.Time              `json:"created"`
	Changed time.Time              `json:"changed"`
}

// A query lies under its ID. So that it is found, there is a mark of it with its owner and with its organisation. A mark may be left of
// what is gone, or shared no more: what lies under the ID counts.
const queryKeys = "saved."

func markKey(of tahoe.Hash, id string) string { return "of." + of.String() + "." + id }

func (q *Query) validate() error {
	if err := checkText("the name", q.Name, maxName, false); err != nil {
		return err
	}
	if len(q.TDQL) > maxTDQL {
		return fmt.Errorf("%w: the query has more than %d bytes", ErrInvalid, maxTDQL)
	}
	if q.Params == nil {
		q.Params = map[string]tahoe.Value{}
	}
	text, err := json.Marshal(q.Params)
	if err != nil || len(text) > maxParams {
		return fmt.Errorf("%w: the parameters have more than %d bytes", ErrInvalid, maxParams)
	}
	return nil
}

// Save keeps a new query of q.Owner, and gives it an ID and times.
func (s *Service) Save(ctx context.Context, q Query) (Query, error) {
	if err := q.validate(); err != nil {
		return Query{}, err
	}
	mine, err := s.queriesOf(ctx, q.Owner)
	if err != nil {
		return Query{}, err
	}
	if len(mine) >= MaxQueries {
		return Query{}, fmt.Errorf("%w: %d queries", ErrFull, len(mine))
	}
	q.ID = newID()
	if err := nameIsFree(mine, q); err != nil {
		return Query{}, err
	}
	q.Created = s.Now().UTC()
	q.Changed = q.Created
	return q, s.put(ctx, q, 0)
}

func nameIsFree(mine []Query, q Query) error {
	if slices.ContainsFunc(mine, func(o Query) bool { return o.ID != q.ID && o.Owner == q.Owner && o.Name == q.Name }) {
		return fmt.Errorf("%w: %q", ErrExists, q.Name)
	}
	return nil
}

// put writes the marks first: a mark of nothing does no harm.
func (s *Service) put(ctx context.Context, q Query, revision uint64) error {
	for _, of := range []tahoe.Hash{q.Owner, q.Org} {
		if of.IsZero() {
			continue
		}
		if err := s.mark(ctx, markKey(of, q.ID), q.ID); err != nil {
			return fmt.Errorf("save query: %w", err)
		}
	}
	if err := s.save(ctx, queryKeys+q.ID, q, revision); err != nil {
		return fmt.Errorf("save query: %w", err)
	}
	return nil
}

// Queries lists the reader's queries, and those that are shared with an organisation which they read, by name.
func (s *Service) Queries(ctx context.Context, r Reader) ([]Query, error) {
	all := map[string]Query{}
	for _, of := range append([]tahoe.Hash{r.User}, r.Orgs...) {
		list, err := s.queriesOf(ctx, of)
		if err != nil {
			return nil, err
		}
		for _, q := range list {
			all[q.ID] = q
		}
	}
	list := make([]Query, 0, len(all))
	for _, q := range all {
		list = append(list, q)
	}
	slices.SortFunc(list, func(a, b Query) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	return list, nil
}

// queriesOf reads what is marked as an owner's or an organisation's, and still is.
func (s *Service) queriesOf(ctx context.Context, of tahoe.Hash) ([]Query, error) {
	marks, err := s.Store.List(ctx, "of."+of.String()+".")
	if err != nil {
		return nil, fmt.Errorf("list queries: %w", err)
	}
	var list []Query
	for _, text := range marks {
		var id string
		if err := json.Unmarshal(text, &id); err != nil {
			return nil, fmt.Errorf("list queries: %w", err)
		}
		q, _, err := load[Query](ctx, s, queryKeys+id)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list queries: %w", err)
		}
		if q.Owner == of || q.Org == of {
			list = append(list, q)
		}
	}
	return list, nil
}

// Query finds a query that the reader may see; ErrNotFound if there is none.
func (s *Service) Query(ctx context.Context, r Reader, id string) (Query, error) {
	q, _, err := s.find(ctx, r, id)
	return q, err
}

func (s *Service) find(ctx context.Context, r Reader, id string) (Query, uint64, error) {
	if !isID(id) {
		return Query{}, 0, ErrNotFound
	}
	q, revision, err := load[Query](ctx, s, queryKeys+id)
	if err != nil {
		return Query{}, 0, fmt.Errorf("find query: %w", err)
	}
	if q.Owner != r.User && !r.reads(q.Org) {
		return Query{}, 0, ErrNotFound
	}
	return q, revision, nil
}

// Change gives a query of the reader's another name, text, parameters, organisation and watch.
func (s *Service) Change(ctx context.Context, r Reader, q Query) (Query, error) {
	if err := q.validate(); err != nil {
		return Query{}, err
	}
	for {
		old, revision, err := s.find(ctx, r, q.ID)
		if err != nil {
			return Query{}, err
		}
		if old.Owner != r.User {
			return Query{}, ErrNotYours
		}
		mine, err := s.queriesOf(ctx, r.User)
		if err != nil {
			return Query{}, err
		}
		q.Owner, q.Created, q.Changed = old.Owner, old.Created, s.Now().UTC()
		if err := nameIsFree(mine, q); err != nil {
			return Query{}, err
		}
		if err := s.put(ctx, q, revision); !errors.Is(err, ErrConflict) {
			if err == nil && !old.Org.IsZero() && old.Org != q.Org {
				err = s.forget(ctx, markKey(old.Org, q.ID))
			}
			return q, err
		}
	}
}

// Remove forgets a query of the reader's.
func (s *Service) Remove(ctx context.Context, r Reader, id string) error {
	q, err := s.Query(ctx, r, id)
	if err != nil {
		return err
	}
	if q.Owner != r.User {
		return ErrNotYours
	}
	if err := s.forget(ctx, queryKeys+id); err != nil {
		return fmt.Errorf("remove query: %w", err)
	}
	for _, of := range []tahoe.Hash{q.Owner, q.Org} {
		if err := s.forget(ctx, markKey(of, id)); err != nil {
			return fmt.Errorf("remove query: %w", err)
		}
	}
	return nil
}
