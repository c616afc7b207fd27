package graph

import (
	"context"
	"fmt"
	"slices"

	"github.com/cybexp/cybexp/tahoe"
)

// treeNode is an attribute or object as the graph has it.
type treeNode struct {
	UID     number `json:"uid"`
	Hash    tahoe.Hash
	Itype   string
	SubType string `json:"sub_type"`
	Data    string
	Ocref   []link
}

// tree makes instances of vertices, as they are or as an edit makes them.
type tree struct {
	edit  *Edit // nil: as they are
	nodes map[uint64]*treeNode
	made  map[uint64]tahoe.Node
}

func (a *attempt) loadNodes(ctx context.Context, uids []uint64) (map[uint64]*treeNode, error) {
	return loadNodes(uids, func(q string, answer any) error { return ask(ctx, a.txn, "{ "+q+" }", answer) })
}

// loadNodes reads attributes and objects with what asks a query.
func loadNodes(uids []uint64, ask func(q string, answer any) error) (map[uint64]*treeNode, error) {
	var answer struct{ Q []*treeNode }
	if err := ask(`q(func: uid(`+uidList(uids)+`)) { uid hash itype sub_type data ocref { uid } }`, &answer); err != nil {
		return nil, fmt.Errorf("read attributes and objects: %w", err)
	}
	nodes := make(map[uint64]*treeNode, len(answer.Q))
	for _, n := range answer.Q {
		nodes[uint64(n.UID)] = n
	}
	return nodes, nil
}

// node makes an attribute or object.
func (t *tree) node(uid uint64) (tahoe.Node, error) {
	if n := t.made[uid]; n != nil {
		return n, nil
	}
	v := t.nodes[uid]
	if v == nil {
		return nil, fmt.Errorf("vertex %s is not where the event has it", hex(uid))
	}
	var n tahoe.Node
	var err error
	if v.Itype == string(tahoe.KindAttribute) {
		var value tahoe.Value
		if value, err = tahoe.ParseValue([]byte(v.Data)); err == nil {
			n, err = tahoe.NewAttribute(v.SubType, value)
		}
	} else {
		var children []tahoe.Node
		if children, err = t.children(v.Hash, v.Ocref); err == nil {
			n, err = tahoe.NewObject(v.SubType, children...)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%v: %w", v.Hash, err)
	}
	if t.edit == nil && n.Hash() != v.Hash {
		return nil, fmt.Errorf("%v has the data of %v", v.Hash, n.Hash())
	}
	t.made[uid] = n
	return n, nil
}

// children makes what the instance with a hash holds.
func (t *tree) children(of tahoe.Hash, links []link) ([]tahoe.Node, error) {
	edited := t.edit != nil && t.edit.Of == of
	var list []tahoe.Node
	removed := 0
	for _, l := range links {
		n, err := t.node(uint64(l.UID))
		if err != nil {
			return nil, err
		}
		if edited && slices.Contains(t.edit.Remove, n.Hash()) {
			removed++
			continue
		}
		if edited && slices.ContainsFunc(t.edit.Add, func(a tahoe.Node) bool { return a.Hash() == n.Hash() }) {
			return nil, fmt.Errorf("%w: %v holds %v already", tahoe.ErrData, of, n.Hash())
		}
		list = append(list, n)
	}
	if !edited {
		return list, nil
	}
	if removed != len(t.edit.Remove) {
		return nil, fmt.Errorf("%w: %v does not hold all that is to be removed", tahoe.ErrData, of)
	}
	return append(list, t.edit.Add...), nil
}

// treeEvent is an event as the graph has it.
type treeEvent struct {
	goingEvent
	Hash  tahoe.Hash
	Brief string
	Cref  []link
}

// event makes an event, with its category and contexts.
func (t *tree) event(v *treeEvent) (*tahoe.Event, error) {
	brief, err := tahoe.ParseValue([]byte(v.Brief))
	if err != nil {
		return nil, fmt.Errorf("event %v: %w", v.Hash, err)
	}
	children, err := t.children(v.Hash, v.Cref)
	if err != nil {
		return nil, err
	}
	stamp, _ := brief.Get("timestamp")
	at, _ := stamp.Number()
	e, err := tahoe.NewEvent(v.SubType, v.OrgID(), at, children...)
	if err != nil {
		return nil, err
	}
	e.Mark(v.Marking)
	if t.edit == nil && e.Hash() != v.Hash {
		return nil, fmt.Errorf("event %v has the data of %v", v.Hash, e.Hash())
	}
	if err := e.SetCategory(tahoe.Category(v.Category)); err != nil {
		return nil, err
	}
	for uid, c := range v.contexts() {
		n, err := t.node(uint64(uid))
		if err != nil {
			return nil, err
		}
		if _, err := e.Context(n); err == nil { // else it is what was removed
			if err := e.SetContext(c, n); err != nil {
				return nil, err
			}
		}
	}
	return e, nil
}

// Event reads an event with its category, its contexts and its marking; ErrNotFound if there is none. Whether the caller may see it is the
// caller's to ask.
func (s *Store) Event(ctx context.Context, hash tahoe.Hash) (*tahoe.Event, error) {
	a := &attempt{txn: s.transaction()}
	defer discard(a.txn)
	var answer struct{ Q []*treeEvent }
	q := `{ q(func: ` + hashFunction([]tahoe.Hash{hash}) + `) @filter(type(Event)) { hash brief cref { uid } ` + eventFields + ` } }`
	if err := ask(ctx, a.txn, q, &answer); err != nil {
		return nil, fmt.Errorf("read event: %w", err)
	}
	if len(answer.Q) != 1 {
		return nil, fmt.Errorf("read event: %w: %v", ErrNotFound, hash)
	}
	v := answer.Q[0]
	nodes, err := a.loadNodes(ctx, uidsOf(v.Ref))
	if err != nil {
		return nil, err
	}
	return (&tree{nodes: nodes, made: map[uint64]tahoe.Node{}}).event(v)
}

// treeSession is a session as the graph has it.
type treeSession struct {
	UID     number `json:"uid"`
	Hash    tahoe.Hash
	SubType string `json:"sub_type"`
	Data    string
	Sattr   []link
	Sref    []struct {
		link
		Audience string
	}
	Raws []struct {
		sharedRaw
		Rref []link
	} `json:"~rref"`
	Spans []span `json:"~span_of"`
}

// session makes a session without its events and times. The graph knows all that it holds, at any depth: its children are those of its data.
func (t *tree) session(v *treeSession) (*tahoe.Session, error) {
	data, err := tahoe.ParseValue([]byte(v.Data))
	if err != nil {
		return nil, fmt.Errorf("session %v: %w", v.Hash, err)
	}
	var direct []link
	for _, l := range v.Sattr {
		n := t.nodes[uint64(l.UID)]
		if n == nil {
			continue
		}
		list, _ := data.Get(n.SubType)
		if slices.ContainsFunc(list.Elements(), func(e tahoe.Value) bool { return string(e.AppendJSON(nil)) == n.Data }) {
			direct = append(direct, l)
		}
	}
	children, err := t.children(v.Hash, direct)
	if err != nil {
		return nil, err
	}
	if len(children) == 0 {
		return nil, fmt.Errorf("session %v: %w: data cannot be empty", v.Hash, tahoe.ErrData)
	}
	s, err := tahoe.NewSession(v.SubType, children...)
	if err != nil {
		return nil, err
	}
	if t.edit == nil && s.Hash() != v.Hash {
		return nil, fmt.Errorf("session %v has the data of %v", v.Hash, s.Hash())
	}
	return s, nil
}
