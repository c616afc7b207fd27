package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"

	"github.com/cybexp/cybexp/tahoe"
)

// Checked is what was found in a sample of the graph.
type Checked struct {
	Events   int      // that were made anew from what the graph has
	Wrong    []string // of them, whose hash is not that of what they hold, and of times of sessions, which who must not may see, each with why
	Dangling int      // edges of them, and of as many spans, to vertices that are empty
	Orphans  int      // among as many attributes and objects, those that nothing holds
}

// Check takes a sample of at most n events from somewhere in the graph, makes each anew from what it holds, and compares hashes. It looks for edges that
// lead nowhere, and for attributes and objects that nothing holds.
func (s *Store) Check(ctx context.Context, n int) (c Checked, err error) {
	var found struct{ Total []struct{ N int } }
	if err := s.readInto(ctx, `{ total(func: type(Event)) { n: count(uid) } }`, nil, &found); err != nil {
		return c, fmt.Errorf("check graph: %w", err)
	}
	offset := 0
	if total := found.Total[0].N; total > n {
		offset = rand.IntN(min(total-n, maxOffset))
	}
	var sample struct {
		E []struct {
			Hash                           tahoe.Hash
			Ref, Cref, Mal, Ben, Rref, Srf []link
		}
		A, O []link
		S    []sampledSpan
	}
	const empty = `@filter(NOT has(hash)) { uid }`
	q := fmt.Sprintf(`{
		e(func: type(Event), first: %[1]d, offset: %[2]d) { hash ref %[3]s cref %[3]s mal: mal_ref %[3]s ben: ben_ref %[3]s rref: ~rref %[3]s srf: ~sref %[3]s }
		a(func: type(Attribute), first: %[1]d, offset: %[2]d) @filter(NOT has(~ref) AND NOT has(~sattr)) { uid }
		o(func: type(Object), first: %[1]d, offset: %[2]d) @filter(NOT has(~ref) AND NOT has(~sattr)) { uid }
		s(func: type(Span), first: %[1]d, offset: %[2]d) { uid span_audience empty: span_of %[3]s span_raw { uid hash audiences } } }`, n, offset, empty)
	if err := s.readInto(ctx, q, nil, &sample); err != nil {
		return c, fmt.Errorf("check graph: %w", err)
	}
	c.Orphans = len(sample.A) + len(sample.O)
	for _, s := range sample.S {
		s.check(&c)
	}
	for _, e := range sample.E {
		c.Dangling += len(e.Ref) + len(e.Cref) + len(e.Mal) + len(e.Ben) + len(e.Rref) + len(e.Srf)
		_, err := s.Event(ctx, e.Hash)
		switch {
		case errors.Is(err, ErrNotFound): // removed meanwhile
		case errors.Is(err, ErrUnavailable) || ctx.Err() != nil:
			return c, fmt.Errorf("check graph: %w", err)
		case err != nil:
			c.Wrong = append(c.Wrong, err.Error())
		}
		c.Events++
	}
	return c, nil
}

// sampledSpan is what is checked of a span.
type sampledSpan struct {
	UID      string
	Audience string `json:"span_audience"`
	Empty    *link  // its session, when that is no vertex
	Raws     []struct {
		Hash      string
		Audiences []string
	} `json:"span_raw"`
}

// check holds a span to its session and raws.
func (s sampledSpan) check(c *Checked) {
	if s.Empty != nil {
		c.Dangling++
	}
	org, m := tahoe.ParseAudience(s.Audience)
	for _, r := range s.Raws {
		if r.Hash == "" {
			c.Dangling++
		}
		for _, a := range r.Audiences {
			if of, is := tahoe.ParseAudience(a); of == org && is.Stricter(m) != m {
				c.Wrong = append(c.Wrong, fmt.Sprintf("%s tells of the times of a session to more people than the raw %s is for", s.UID, r.Hash))
			}
		}
	}
}

// maxOffset bounds how far a sample goes in: Dgraph walks there.
const maxOffset = 1_000_000

// ServerVersion tells the version of Dgraph.
func (s *Store) ServerVersion(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/health", nil)
	if err != nil {
		return "", err
	}
	res, err := s.client.Do(req)
	if err != nil {
		return "", fmt.Errorf("ask dgraph: %w", err)
	}
	defer res.Body.Close()
	var health []struct{ Version string }
	if err := json.NewDecoder(res.Body).Decode(&health); err != nil || len(health) == 0 {
		return "", fmt.Errorf("ask dgraph: %w", errors.Join(err, ErrUnavailable))
	}
	return health[0].Version, nil
}
