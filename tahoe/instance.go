package tahoe

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"iter"
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
	appendValue(buf []byte) []byte // as JSON
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

// imageRoom is what the images of most instances fit in.
const imageRoom = 1024

// seal gives the instance its hash and its canonical text. The image, which the hash is made of, is kind, sub_type and data, of an event with more before
// the data, which begin at begin.
func (c *core) seal(image []byte, begin int) {
	c.hash, c.canonical = sha256.Sum256(image), string(image[begin:])
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
	if err := validAttribute(subType, v); err != nil {
		return nil, err
	}
	return newAttribute(subType, v)
}

func newAttribute(subType string, v Value) (*Attribute, error) {
	var room [imageRoom]byte
	image, err := appendAttribute(room[:0], subType, v)
	if err != nil {
		return nil, err
	}
	a := &Attribute{core{kind: KindAttribute, subType: subType}, v}
	a.seal(image, len(KindAttribute)+len(subType))
	return a, nil
}

// AttributeHash is the hash that NewAttribute would give the attribute.
func AttributeHash(subType string, v Value) (Hash, error) {
	if err := validAttribute(subType, v); err != nil {
		return Hash{}, err
	}
	var room [imageRoom]byte
	image, err := appendAttribute(room[:0], subType, v)
	if err != nil {
		return Hash{}, err
	}
	return sha256.Sum256(image), nil
}

func validAttribute(subType string, v Value) error {
	if err := ValidSubType(subType); err != nil {
		return err
	}
	if !v.IsScalar() {
		return fmt.Errorf("attribute %s: %w: an attribute holds null, a bool, a number or a string, not an %s", subType, ErrData, v.Type())
	}
	if v.typ == TypeFloat {
		if f, _ := v.Number(); f-f != 0 {
			return fmt.Errorf("attribute %s: %w", subType, ErrNotFinite)
		}
	}
	return nil
}

// appendAttribute appends the image of an attribute.
func appendAttribute(buf []byte, subType string, v Value) ([]byte, error) {
	buf, err := appendScalar(append(append(buf, KindAttribute...), subType...), v)
	if err != nil {
		return nil, fmt.Errorf("attribute %s: %w", subType, err)
	}
	return buf, nil
}

// Value is the attribute's fact, spelt as it came.
func (a *Attribute) Value() Value { return a.data }

func (a *Attribute) value() Value { return a.data }

func (a *Attribute) appendValue(buf []byte) []byte { return a.data.AppendJSON(buf) }

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
	return o, nil
}

func (o *Object) value() Value { return o.Data() }

func (o *Object) appendValue(buf []byte) []byte { return o.AppendData(buf) }

// family is what an object, event or session holds.
type family struct {
	children []Node // direct, distinct, in the order of their hashes
	byName   []Node // the same in the order of their sub_types
	refs     []Node // all descendants, distinct, in the order of their hashes
}

// Children are the direct children, distinct and in the order of their hashes.
func (f *family) Children() []Node { return slices.Clone(f.children) }

// Refs are all descendants, distinct and in the order of their hashes.
func (f *family) Refs() []Node { return slices.Clone(f.refs) }

// EachChild yields Children.
func (f *family) EachChild() iter.Seq[Node] { return slices.Values(f.children) }

// EachRef yields Refs.
func (f *family) EachRef() iter.Seq[Node] { return slices.Values(f.refs) }

// Data nests the data of the children in lists under their sub_types: {"file":[{"filename":["a.exe"]}],"url":["example.com"]}.
func (f *family) Data() Value {
	c := &collection{}
	for name, nodes := range f.named() {
		list := &collection{values: make([]Value, len(nodes))}
		for i, n := range nodes {
			list.values[i] = n.value()
		}
		c.keys, c.values = append(c.keys, name), append(c.values, Value{typ: TypeArray, sub: list})
	}
	return Value{typ: TypeObject, sub: c}
}

// AppendData appends Data as JSON.
func (f *family) AppendData(buf []byte) []byte {
	buf = append(buf, '{')
	for name, nodes := range f.named() {
		if buf[len(buf)-1] != '{' {
			buf = append(buf, ',')
		}
		buf = appendQuoted(buf, name, false)
		buf = append(buf, ":["...)
		for i, n := range nodes {
			if i > 0 {
				buf = append(buf, ',')
			}
			buf = n.appendValue(buf)
		}
		buf = append(buf, ']')
	}
	return append(buf, '}')
}

// named yields the sub_types of the children in their order, and those that have each, in the order of their hashes.
func (f *family) named() iter.Seq2[string, []Node] {
	return func(yield func(string, []Node) bool) {
		for rest := f.byName; len(rest) > 0; {
			name, n := rest[0].SubType(), 1
			for n < len(rest) && rest[n].SubType() == name {
				n++
			}
			if !yield(name, rest[:n]) {
				return
			}
			rest = rest[n:]
		}
	}
}

// find looks a descendant up.
func (f *family) find(h Hash) bool {
	_, ok := slices.BinarySearchFunc(f.refs, h, func(n Node, h Hash) int { return n.Hash().Compare(h) })
	return ok
}

// gather fills in all of an instance that holds children. Of an event more comes between its sub_type and data.
func (c *core) gather(kind Kind, subType string, f *family, children []Node, more ...string) error {
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
	var room [imageRoom]byte
	image := append(append(room[:0], kind...), subType...)
	for _, m := range more {
		image = append(image, m...)
	}
	begin := len(image)
	image, err := f.appendText(image)
	if err != nil {
		return fmt.Errorf("%s %s: %w", kind, subType, err)
	}
	c.seal(image, begin)
	return nil
}

func (f *family) fill(children []Node) error {
	if len(children) == 0 {
		return fmt.Errorf("%w: data cannot be empty", ErrData)
	}
	all := 0
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
			all += len(n.refs)
		}
	}
	var err error
	if f.children, err = distinct(slices.Clone(children)); err != nil {
		return err
	}
	f.byName = slices.Clone(f.children)
	slices.SortStableFunc(f.byName, func(a, b Node) int { return strings.Compare(a.SubType(), b.SubType()) })
	if f.refs = f.children; all == 0 {
		return nil
	}
	refs := make([]Node, 0, all+len(f.children))
	for _, c := range f.children {
		if o, ok := c.(*Object); ok {
			refs = append(refs, o.refs...)
		}
	}
	f.refs, err = distinct(append(refs, f.children...))
	return err
}

// distinct sorts nodes by hash and keeps the first of those with the same one.
func distinct(nodes []Node) ([]Node, error) {
	slices.SortStableFunc(nodes, func(a, b Node) int { return bytes.Compare(a.node().hash[:], b.node().hash[:]) })
	kept := nodes[:0]
	for _, n := range nodes {
		if len(kept) == 0 || kept[len(kept)-1].node().hash != n.node().hash {
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

// appendText appends the canonical text of Data, made of those of the children.
func (f *family) appendText(buf []byte) (_ []byte, err error) {
	begin := len(buf)
	buf = append(buf, '{')
	var room [imageRoom]byte
	list := room[:0]
	texts := make([]string, 0, len(f.byName))
	for name, nodes := range f.named() {
		texts = texts[:0]
		for _, n := range nodes {
			texts = append(texts, n.node().canonical)
		}
		if list, err = appendList(list[:0], texts, strings.Compare); err != nil {
			return nil, err
		}
		if buf, err = appendField(buf, begin, name, list); err != nil {
			return nil, err
		}
	}
	return append(buf, '}'), nil
}
