package filter

import (
	"fmt"
	"strings"

	"github.com/cybexp/cybexp/indicator"
	"github.com/cybexp/cybexp/spelling"
	"github.com/cybexp/cybexp/tahoe"
)

// record reads the fields of a raw record and makes nodes of them, and collects what goes wrong on the way. A nil Node is one that
// could not be made; it may be handed on.
type record struct {
	fields   tahoe.Value
	problems []Problem
}

// maxProblems is how many problems of a record are told.
const maxProblems = 1000

func (r *record) problem(field, format string, args ...any) {
	if len(r.problems) == maxProblems {
		return
	}
	r.problems = append(r.problems, Problem{field, fmt.Sprintf(format, args...)})
	if len(r.problems) == maxProblems-1 {
		r.problems = append(r.problems, Problem{field, "there is more that could not be used"})
	}
}

// get finds a field by its name, or by the way to it: alert.signature is the signature of alert.
func (r *record) get(field string) (tahoe.Value, bool) {
	v, ok := r.fields.Get(field)
	if ok {
		return v, true
	}
	v = r.fields
	for key := range strings.SplitSeq(field, ".") {
		if v, ok = v.Get(key); !ok {
			return tahoe.Null(), false
		}
	}
	return v, true
}

// scalar is a field that is there, not null, and no list or object.
func (r *record) scalar(field string) (tahoe.Value, bool) {
	v, _ := r.get(field)
	if !v.IsScalar() {
		r.problem(field, "is an %s", v.Type())
		return tahoe.Null(), false
	}
	return v, !v.IsNull()
}

// need is scalar for a field that ought to be there.
func (r *record) need(field string) (tahoe.Value, bool) {
	before := len(r.problems)
	v, ok := r.scalar(field)
	if !ok && len(r.problems) == before {
		r.problem(field, "is missing")
	}
	return v, ok
}

// text is a field as text, empty where it is missing.
func (r *record) text(field string) string {
	v, ok := r.scalar(field)
	if !ok {
		return ""
	}
	return v.Text()
}

// list is a field that is a list of words, or one string of words with commas between.
func (r *record) list(field string) []string {
	v, ok := r.get(field)
	if !ok || v.IsNull() {
		return nil
	}
	if s, ok := v.Str(); ok {
		return strings.Split(s, ",")
	}
	if v.Type() != tahoe.TypeArray {
		r.problem(field, "is no list but of type %s", v.Type())
	}
	var words []string
	for _, e := range v.Elements() {
		if !e.IsScalar() {
			r.problem(field, "holds an %s", e.Type())
			continue
		}
		words = append(words, e.Text())
	}
	return words
}

// attribute makes an attribute of a field that ought to be there.
func (r *record) attribute(subType, field string) tahoe.Node {
	v, ok := r.need(field)
	if !ok {
		return nil
	}
	return r.make(subType, field, v)
}

// optional makes an attribute of a field that may be missing or empty.
func (r *record) optional(subType, field string) tahoe.Node {
	v, ok := r.scalar(field)
	if !ok || v.Text() == "" {
		return nil
	}
	return r.make(subType, field, v)
}

// make makes an attribute in its normal spelling; field is where the value comes from.
func (r *record) make(subType, field string, v tahoe.Value) tahoe.Node {
	a, err := tahoe.NewAttribute(subType, spelling.Value(subType, v))
	if err != nil {
		r.problem(field, "%v", err)
		return nil
	}
	return a
}

// object groups the nodes that could be made; nil if there are none.
func (r *record) object(subType string, children ...tahoe.Node) tahoe.Node {
	children = present(children)
	if len(children) == 0 {
		return nil
	}
	o, err := tahoe.NewObject(subType, children...)
	if err != nil {
		r.problem(subType, "%v", err)
		return nil
	}
	return o
}

// address makes ipv4, ipv6, domain or url of a field, whichever it holds.
func (r *record) address(field string) tahoe.Node {
	v, ok := r.need(field)
	if !ok {
		return nil
	}
	text := strings.TrimSpace(v.Text())
	if text == "" {
		r.problem(field, "is empty")
		return nil
	}
	subType, text := indicator.Address(text)
	return r.make(subType, field, tahoe.String(text))
}

// present leaves out the nodes that could not be made.
func present(nodes []tahoe.Node) []tahoe.Node {
	var kept []tahoe.Node
	for _, n := range nodes {
		if n != nil {
			kept = append(kept, n)
		}
	}
	return kept
}
