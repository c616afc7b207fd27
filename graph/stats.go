package graph

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/dgraph-io/dgo/v230/protos/api"
)

// Stats counts the vertices of each kind.
type Stats struct {
	Attributes, Objects, Events, Sessions, Raws int
}

// Stats counts what is in the graph now.
func (s *Store) Stats(ctx context.Context) (Stats, error) {
	body, _, err := s.read(ctx, &api.Request{ReadOnly: true, Query: `{
		attributes(func: type(Attribute)) { n: count(uid) }
		objects(func: type(Object)) { n: count(uid) }
		events(func: type(Event)) { n: count(uid) }
		sessions(func: type(Session)) { n: count(uid) }
		raws(func: type(Raw)) { n: count(uid) } }`})
	if err != nil {
		return Stats{}, err
	}
	var counts map[string][]struct{ N int }
	if err := json.Unmarshal(body, &counts); err != nil {
		return Stats{}, fmt.Errorf("count vertices: %w", err)
	}
	count := func(name string) int {
		if len(counts[name]) == 0 {
			return 0
		}
		return counts[name][0].N
	}
	return Stats{
		Attributes: count("attributes"), Objects: count("objects"), Events: count("events"), Sessions: count("sessions"), Raws: count("raws"),
	}, nil
}
