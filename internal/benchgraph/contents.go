package benchgraph

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/cybexp/cybexp/tahoe"
)

// sampled is how many vertices Verify reads whole: those of the smallest hashes, which are any.
const sampled = 200

// Contents is what records make of a graph, found without the code that writes it.
type Contents struct {
	vertices map[tahoe.Hash]*content
	contexts map[[2]tahoe.Hash]bool // of what has one in an event: it keeps the first
}

// content is a vertex with its edges.
type content struct {
	kind    tahoe.Kind
	subType string
	data    string // of an event its brief text and category
	edges   map[edge]bool
}

type edge struct {
	predicate string
	to        tahoe.Hash
}

// Add adds records to what is in the graph.
func (c *Contents) Add(records ...tahoe.Record) {
	if c.vertices == nil {
		c.vertices, c.contexts = map[tahoe.Hash]*content{}, map[[2]tahoe.Hash]bool{}
	}
	for _, r := range records {
		var of []tahoe.Hash
		for _, e := range r.Events {
			c.event(e)
			of = append(of, e.Hash())
		}
		for _, s := range r.Sessions {
			v, fresh := c.vertex(s, string(s.Data().AppendJSON(nil)))
			if fresh {
				c.hold(v, "sattr", s.Refs())
			}
			for _, e := range s.Events() {
				c.event(e)
				v.edges[edge{"sref", e.Hash()}] = true
			}
			of = append(of, s.Hash())
		}
		if r.Raw == nil {
			continue
		}
		v, _ := c.vertex(r.Raw, string(r.Raw.Data().AppendJSON(nil)))
		for _, h := range of {
			v.edges[edge{"rref", h}] = true
		}
	}
}

func (c *Contents) vertex(i tahoe.Instance, data string) (v *content, fresh bool) {
	v = c.vertices[i.Hash()]
	if v != nil {
		return v, false
	}
	v = &content{i.Kind(), i.SubType(), data, map[edge]bool{}}
	c.vertices[i.Hash()] = v
	return v, true
}

func (c *Contents) event(e *tahoe.Event) {
	v, fresh := c.vertex(e, e.Brief()+" "+string(e.Category()))
	if fresh {
		c.hold(v, "ref", e.Refs())
		for _, n := range e.Children() {
			v.edges[edge{"cref", n.Hash()}] = true
		}
	}
	for predicate, list := range map[string][]tahoe.Hash{"mal_ref": e.Malicious(), "ben_ref": e.Benign()} {
		for _, h := range list {
			if key := [2]tahoe.Hash{e.Hash(), h}; !c.contexts[key] {
				c.contexts[key], v.edges[edge{predicate, h}] = true, true
			}
		}
	}
}

// hold adds what a new vertex holds, at any depth.
func (c *Contents) hold(v *content, predicate string, refs []tahoe.Node) {
	for _, n := range refs {
		v.edges[edge{predicate, n.Hash()}] = true
		switch n := n.(type) {
		case *tahoe.Attribute:
			c.vertex(n, string(n.Value().AppendJSON(nil)))
		case *tahoe.Object:
			if o, fresh := c.vertex(n, string(n.Data().AppendJSON(nil))); fresh {
				for _, child := range n.Children() {
					o.edges[edge{"ocref", child.Hash()}] = true
				}
			}
		}
	}
}

// Vertices is how many there are.
func (c *Contents) Vertices() int { return len(c.vertices) }

// Hashes are those of the sample, in order.
func (c *Contents) Hashes() []tahoe.Hash {
	all := slices.SortedFunc(maps.Keys(c.vertices), tahoe.Hash.Compare)
	return all[:min(len(all), sampled)]
}

// SubTypes counts the vertices of a kind by sub-type.
func (c *Contents) SubTypes(kind tahoe.Kind) map[string]int {
	counts := map[string]int{}
	for _, v := range c.vertices {
		if v.kind == kind {
			counts[v.subType]++
		}
	}
	return counts
}

// predicates are the edges of a graph.
var predicates = []string{"cref", "ref", "mal_ref", "ben_ref", "ocref", "sref", "sattr", "rref"}

// kinds are the kinds of vertices, and their types.
var kinds = map[tahoe.Kind]string{
	tahoe.KindAttribute: "Attribute", tahoe.KindObject: "Object", tahoe.KindEvent: "Event", tahoe.KindSession: "Session", tahoe.KindRaw: "Raw",
}

// Verify holds the graph at an alpha's HTTP address to the contents: the numbers of vertices by kind and sub-type, those of edges by predicate,
// and a sample of the vertices, found by hash, with all of their data and edges. The first difference is an error.
func (c *Contents) Verify(base string) error {
	for _, verify := range []func(string) error{c.verifySubTypes, c.verifyEdges, c.verifySample} {
		if err := verify(base); err != nil {
			return fmt.Errorf("verify graph: %w", err)
		}
	}
	return nil
}

func (c *Contents) verifySubTypes(base string) error {
	for kind, name := range kinds {
		var answer struct {
			Q []struct {
				Groups []struct {
					SubType string `json:"sub_type"`
					Count   int
				} `json:"@groupby"`
			}
		}
		if err := dql(base, "{ q(func: type("+name+")) @groupby(sub_type) { count(uid) } }", &answer); err != nil {
			return err
		}
		got := map[string]int{}
		for _, q := range answer.Q {
			for _, g := range q.Groups {
				got[g.SubType] = g.Count
			}
		}
		if want := c.SubTypes(kind); !maps.Equal(got, want) {
			return fmt.Errorf("%ss by sub-type are %v, want %v", kind, got, want)
		}
	}
	return nil
}

func (c *Contents) verifyEdges(base string) error {
	want := map[string]int{}
	for _, v := range c.vertices {
		for e := range v.edges {
			want[e.predicate]++
		}
	}
	for _, p := range predicates {
		var answer struct{ Q []struct{ N float64 } }
		if err := dql(base, "{ var(func: has("+p+")) { n as count("+p+") } q() { n: sum(val(n)) } }", &answer); err != nil {
			return err
		}
		got := 0
		for _, q := range answer.Q {
			got += int(q.N)
		}
		if got != want[p] {
			return fmt.Errorf("there are %d edges %s, want %d", got, p, want[p])
		}
	}
	return nil
}

func (c *Contents) verifySample(base string) error {
	hashes := c.Hashes()
	if len(hashes) == 0 {
		return nil
	}
	texts := make([]string, len(hashes))
	for i, h := range hashes {
		texts[i] = `"` + h.String() + `"`
	}
	fields := "hash itype sub_type data brief category"
	for _, p := range predicates {
		fields += " " + p + " { hash }"
	}
	var answer struct{ Q []map[string]any }
	if err := dql(base, "{ q(func: eq(hash, ["+strings.Join(texts, ",")+"])) { "+fields+" } }", &answer); err != nil {
		return err
	}
	got := map[string]string{}
	for _, v := range answer.Q {
		got[word(v["hash"])] += spelt(v) // twice, if there are two vertices
	}
	for _, h := range hashes {
		if want := c.vertices[h].String(); got[h.String()] != want {
			return fmt.Errorf("%v is\n%s\nwant\n%s", h, got[h.String()], want)
		}
	}
	return nil
}

// String is the vertex as spelt spells it.
func (v *content) String() string {
	var edges []string
	for e := range v.edges {
		edges = append(edges, e.predicate+" "+e.to.String())
	}
	slices.Sort(edges)
	return strings.Join(append([]string{string(v.kind), v.subType, v.data}, edges...), "\n")
}

// spelt spells a vertex of an answer.
func spelt(v map[string]any) string {
	data := word(v["data"])
	if brief := word(v["brief"]); brief != "" {
		data = brief + " " + word(v["category"])
	}
	var edges []string
	for _, p := range predicates {
		to, _ := v[p].([]any)
		for _, n := range to {
			if n, ok := n.(map[string]any); ok {
				edges = append(edges, p+" "+word(n["hash"]))
			}
		}
	}
	slices.Sort(edges)
	return strings.Join(append([]string{word(v["itype"]), word(v["sub_type"]), data}, edges...), "\n")
}

// word is a text of an answer, "" for none.
func word(v any) string {
	s, _ := v.(string)
	return s
}

// dql asks Dgraph directly.
func dql(base, query string, answer any) error {
	res, err := http.Post(base+"/query?ro=true", "application/dql", strings.NewReader(query))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var whole struct {
		Data   json.RawMessage
		Errors []any
	}
	if err := json.NewDecoder(res.Body).Decode(&whole); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if len(whole.Errors) > 0 {
		return fmt.Errorf("%.300s: %v", query, whole.Errors)
	}
	return json.Unmarshal(whole.Data, answer)
}
