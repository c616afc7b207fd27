package tahoe

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is the kind of an instance, its itype.
type Kind string

// The kinds of instances.
const (
	KindAttribute Kind = "attribute"
	KindObject    Kind = "object"
	KindEvent     Kind = "event"
	KindSession   Kind = "session"
	KindRaw       Kind = "raw"
)

// Instance is anything that has a TAHOE hash: *Attribute, *Object, *Event, *Session or *Raw.
type Instance interface {
	Hash() Hash
	Kind() Kind
	SubType() string
}

// Node is what an object, event or session can hold: *Attribute or *Object.
type Node interface {
	Instance
	node() *core
	value() Value
}

// core is what every instance has.
type core struct {
	hash      Hash
	kind      Kind
	subType   string
	canonical string
	depth     int // levels of the data
}

// Hash is the identity of the instance.
func (c *core) Hash() Hash { return c.hash }

// Kind tells the kind of the instance.
func (c *core) Kind() Kind { return c.kind }

// SubType names what the instance is, such as ipv4.
func (c *core) SubType() string { return c.subType }

// Canonical is the canonical text of the instance's data.
func (c *core) Canonical() string { return c.canonical }

func (c *core) node() *core { return c }

// seal gives the instance its hash. Between kind, sub_type and data an event has more.
func (c *core) seal(more ...string) {
	parts := append([]string{string(c.kind), c.subType}, more...)
	c.hash = sum(append(parts, c.canonical)...)
}

// Attribute is one typed fact: a sub_type and a scalar.
type Attribute struct {
	core
	data Value
}

// NewAttribute makes an attribute. The value must be a scalar. Of a string, white space at both ends is left out, as in its hash: so
// whoever is first to write an attribute, it has one spelling.
func NewAttribute(subType string, v Value) (*Attribute, error) {
	v = v.Stripped()
	if err := ValidSubType(subType); err != nil {
		return nil, err
	}
	text, err := attributeText(v)
	if err != nil {
		return nil, fmt.Errorf("attribute %s: %w", subType, err)
	}
	return &Attribute{core{sum(string(KindAttribute), subType, text), KindAttribute, subType, text, 0}, v}, nil
}

// AttributeHash is the hash that NewAttribute would give the attribute.
func AttributeHash(subType string, v Value) (Hash, error) {
	if err := ValidSubType(subType); err != nil {
		return Hash{}, err
	}
	text, err := attributeText(v)
	if err != nil {
		return Hash{}, fmt.Errorf("attribute %s: %w", subType, err)
	}
	return sum(string(KindAttribute), subType, text), nil
}

func attributeText(v Value) (string, error) {
	if !v.IsScalar() {
		return "", fmt.Errorf("%w: an attribute holds null, a bool, a number or a string, not an %s", ErrData, v.Type())
	}
	if v.typ == TypeFloat {
		if f, _ := v.Number(); f-f != 0 {
			return "", ErrNotFinite
		}
	}
	return scalar(v)
}

// Value is the attribute's fact, spelt as it came.
func (a *Attribute) Value() Value { return a.data }

func (a *Attribute) value() Value { return a.data }

// Object groups attributes and objects.
type Object struct {
	core
	family
}

// NewObject makes an object of at least one child. Children with the same hash count once.
func NewObject(subType string, children ...Node) (*Object, error) {
	o := &Object{}
	if err := o.core.gather(KindObject, subType, &o.family, children); err != nil {
		return nil, err
	}
	o.seal()
	return o, nil
}

func (o *Object) value() Value { return o.Data() }

// family is what an object, event or session holds.
type family struct {
	children []Node // direct, distinct, in the order of their hashes
	refs     []Node // all descendants, likewise
}

// Children are the direct children, distinct and in the order of their hashes.
func (f *family) Children() []Node { return slices.Clone(f.children) }

// Refs are all descendants, distinct and in the order of their hashes.
func (f *family) Refs() []Node { return slices.Clone(f.refs) }

// Data nests the data of the children in lists under their sub_types: {"file":[{"filename":["a.exe"]}],"url":["example.com"]}.
func (f *family) Data() Value {
	lists := map[string][]Value{}
	for _, c := range f.children {
		lists[c.SubType()] = append(lists[c.SubType()], c.value())
	}
	fields := make(map[string]Value, len(lists))
	for name, values := range lists {
		fields[name] = Array(values...)
	}
	return Map(fields)
}

// find looks a descendant up.
func (f *family) find(h Hash) bool {
	_, ok := slices.BinarySearchFunc(f.refs, h, func(n Node, h Hash) int { return n.Hash().Compare(h) })
	return ok
}

// gather fills in all of an instance that holds children but its hash.
func (c *core) gather(kind Kind, subType string, f *family, children []Node) error {
	if err := ValidSubType(subType); err != nil {
		return err
	}
	c.kind, c.subType = kind, subType
	if err := f.fill(children); err != nil {
		return fmt.Errorf("%s %s: %w", kind, subType, err)
	}
	for _, child := range f.children {
		c.depth = max(c.depth, child.node().depth+2)
	}
	if c.depth > MaxDepth {
		return fmt.Errorf("%s %s: data of more than %d levels: %w", kind, subType, MaxDepth, ErrTooDeep)
	}
	text, err := f.text()
	if err != nil {
		return fmt.Errorf("%s %s: %w", kind, subType, err)
	}
	c.canonical = text
	return nil
}

func (f *family) fill(children []Node) error {
	if len(children) == 0 {
		return fmt.Errorf("%w: data cannot be empty", ErrData)
	}
	all := make([]Node, 0, 4*len(children))
	for _, c := range children {
		switch n := c.(type) {
		case nil:
			return fmt.Errorf("%w: a child is nil", ErrData)
		case *Attribute:
			if n == nil {
				return fmt.Errorf("%w: a child is nil", ErrData)
			}
		case *Object:
			if n == nil {
				return fmt.Errorf("%w: a child is nil", ErrData)
			}
			all = append(all, n.refs...)
		}
	}
	var err error
	if f.children, err = distinct(slices.Clone(children)); err != nil {
		return err
	}
	f.refs, err = distinct(append(all, f.children...))
	return err
}

// distinct sorts nodes by hash and keeps the first of those with the same one.
func distinct(nodes []Node) ([]Node, error) {
	slices.SortStableFunc(nodes, func(a, b Node) int { return a.Hash().Compare(b.Hash()) })
	kept := nodes[:0]
	for _, n := range nodes {
		if len(kept) == 0 || kept[len(kept)-1].Hash() != n.Hash() {
			kept = append(kept, n)
			continue
		}
		a, b := kept[len(kept)-1].node(), n.node()
		if a.subType != b.subType || a.kind != b.kind {
			return nil, fmt.Errorf("%s %s and %s %s: %w", a.kind, a.subType, b.kind, b.subType, ErrCollision)
		}
	}
	clear(nodes[len(kept):])
	return kept, nil
}

// text is the canonical text of Data, made of those of the children.
func (f *family) text() (string, error) {
	byName := slices.Clone(f.children)
	slices.SortStableFunc(byName, func(a, b Node) int { return strings.Compare(a.SubType(), b.SubType()) })
	keys := make([]string, 0, len(byName))
	texts := make([]string, 0, len(byName))
	for start := 0; start < len(byName); {
		name := byName[start].SubType()
		var elements []string
		end := start
		for ; end < len(byName) && byName[end].SubType() == name; end++ {
			elements = append(elements, byName[end].node().canonical)
		}
		text, err := list(elements)
		if err != nil {
			return "", err
		}
		keys, texts = append(keys, name), append(texts, text)
		start = end
	}
	return dict(keys, texts)
}
