package tdql

import "github.com/cybexp/cybexp/tahoe"

// Expand is the query with other values in the places where it names attributes: for each value of a sub-type those that f gives.
// Parameters stand in it as the values they have. What is named in another way, as after any and where, stays.
func (q *Query) Expand(params map[string]tahoe.Value, f func(subType string, v tahoe.Value) ([]tahoe.Value, error)) (*Query, error) {
	fresh, err := Parse(q.text)
	if err != nil {
		return nil, err
	}
	for _, a := range fresh.attributes() {
		if a.Values == nil {
			continue
		}
		var list []*value
		for _, v := range a.Values.List {
			was, bound := params[v.name()]
			if !bound {
				if v.kind == tokParam {
					list = append(list, v) // which has no value: Check will say so
					continue
				}
				if was, err = v.literal(); err != nil {
					return nil, err
				}
			}
			more, err := f(a.SubType.Text, was)
			if err != nil {
				return nil, err
			}
			for _, one := range more {
				list = append(list, literalOf(one))
			}
		}
		a.Values.List = list
	}
	return Parse(fresh.String())
}

// name is that of a parameter, without its sign.
func (v *value) name() string {
	if v.kind != tokParam {
		return ""
	}
	return v.Text[1:]
}

// literalOf is a value as it stands in a query.
func literalOf(v tahoe.Value) *value {
	text := literalText(v)
	kind := tokWord
	if text[0] == '"' {
		kind = tokQuoted
	}
	return &value{leaf: leaf{Text: text}, kind: kind}
}

// Any says whether the query names instances by values of any sub-type.
func (q *Query) Any() bool {
	found := false
	q.anchors(func(s *source) { found = found || s.Any != nil })
	return found
}

// attributes are the places where the query names attributes.
func (q *Query) attributes() []*attrref {
	var list []*attrref
	q.anchors(func(s *source) {
		if s.Attr != nil {
			list = append(list, s.Attr)
		}
	})
	return list
}

// anchors visits every place where something starts or leads to.
func (q *Query) anchors(visit func(*source)) {
	switch r := q.Report; {
	case r == nil:
		q.Source.anchors(visit)
	case r.Path != nil:
		r.Path.From.anchors(visit)
		r.Path.To.Target.anchors(visit)
	default:
		r.Source.anchors(visit)
	}
	anchorsOf(q.Stages, visit)
}

func (a *anchor) anchors(visit func(*source)) {
	if a != nil {
		a.source().anchors(visit)
	}
}

func (s *source) anchors(visit func(*source)) {
	if s == nil {
		return
	}
	visit(s)
	if s.Group != nil {
		s.Group.Source.anchors(visit)
		anchorsOf(s.Group.Stages, visit)
	}
}

func anchorsOf(stages []*stage, visit func(*source)) {
	for _, s := range stages {
		if s.Route != nil {
			s.Route.Target.anchors(visit)
		}
	}
}
