package tahoe

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
)

// Spec is what HashSpec finds out about an instance.
type Spec struct {
	Kind      string `json:"kind"`
	Canonical string `json:"canonical"`        // canonical text of the data
	Unique    string `json:"unique,omitempty"` // what is hashed; empty for kind canonical, which hashes Canonical
	Hash      Hash   `json:"hash"`
	QueryHash string `json:"qhash,omitempty"`         // tdql: hash of the query's canonical text
	Timestamp string `json:"timestamp_str,omitempty"` // event: the timestamp as it is hashed
	Children  []Hash `json:"cref,omitempty"`
	Refs      []Hash `json:"ref,omitempty"`
}

// HashSpec computes hash, canonical text and pre-image of the instance that a line of JSON describes:
//
//	{"kind":"attribute","input":{"sub_type":"port","data":22}}
//	{"kind":"object","input":{"sub_type":"file","children":[{"kind":"attribute","sub_type":"filename","data":"a.exe"}]}}
//	{"kind":"raw","input":{"sub_type":"cowrie","json_text":"{\"a\":1}"}}
//
// The kinds are attribute, object, event, session, raw, canonical, report, tdql, user, superuser, org and input_config. An attribute
// may give its type (null, bool, int, float, str) and text, which say more than its data where JSON cannot; an event likewise its
// timestamp_type and timestamp_text. Unlike the constructors HashSpec takes NaN and the infinities, so that it can tell the hash of
// anything that was ever stored. The canonical text of an org depends on its users' documents, which a line does not hold: it is
// left empty here, and known to Specs that have met the users.
func HashSpec(line []byte) (Spec, error) { return new(Specs).Hash(line) }

// specParts reads the kind and the input of a spec.
func specParts(line []byte) (kind string, in Value, err error) {
	v, err := parse(line, true)
	if err != nil {
		return "", Value{}, err
	}
	if kind, err = field(v, "kind"); err != nil {
		return "", Value{}, err
	}
	if in, _ = v.Get("input"); in.Type() != TypeObject {
		return "", Value{}, fmt.Errorf("spec: %w: input is no object", ErrData)
	}
	return kind, in, nil
}

func hashSpec(kind string, in Value) (Spec, error) {
	switch kind {
	case "attribute", "object":
		return nodeSpec(kind, in)
	case "event":
		return eventSpec(in)
	case "session":
		return sessionSpec(in)
	case "raw", "canonical":
		return textSpec(kind, in)
	case "report":
		return reportSpec(in)
	case "tdql":
		return querySpec(in)
	case "input_config":
		return configSpec(in)
	}
	return Spec{}, fmt.Errorf("%w: unknown kind %q", ErrData, kind)
}

// field is a field of v that is a string.
func field(v Value, key string) (string, error) {
	f, ok := v.Get(key)
	if !ok {
		return "", fmt.Errorf("%w: no %s", ErrData, key)
	}
	s, ok := f.Str()
	if !ok {
		return "", fmt.Errorf("%w: %s is no string", ErrData, key)
	}
	return s, nil
}

func nodeSpec(kind string, in Value) (Spec, error) {
	n, err := specNode(kind, in)
	if err != nil {
		return Spec{}, err
	}
	s := imageSpec(kind, n.SubType(), n.node().canonical)
	if o, ok := n.(*Object); ok {
		s.Children, s.Refs = hashes(o.children), hashes(o.refs)
	}
	return s, nil
}

// imageSpec is the Spec of an instance whose identity is kind, sub_type and data.
func imageSpec(kind, subType, canonical string) Spec {
	unique := kind + subType + canonical
	return Spec{Canonical: canonical, Unique: unique, Hash: sum(unique)}
}

// specNode makes the attribute or object that a spec describes.
func specNode(kind string, in Value) (Node, error) {
	subType, err := field(in, "sub_type")
	if err != nil {
		return nil, err
	}
	if kind == "object" {
		children, err := specChildren(in)
		if err != nil {
			return nil, err
		}
		return NewObject(subType, children...)
	}
	if kind != "attribute" {
		return nil, fmt.Errorf("%w: a child is of kind %q", ErrData, kind)
	}
	v, err := specData(in, "data", "type", "text")
	if err != nil {
		return nil, err
	}
	return specAttribute(subType, v)
}

// specAttribute is NewAttribute that also takes numbers that are not finite.
func specAttribute(subType string, v Value) (Node, error) {
	if f, ok := v.Number(); !ok || f-f == 0 {
		return NewAttribute(subType, v)
	}
	if err := ValidSubType(subType); err != nil {
		return nil, err
	}
	return newAttribute(subType, v)
}

func specChildren(in Value) ([]Node, error) {
	list, _ := in.Get("children")
	if list.Type() != TypeArray {
		return nil, fmt.Errorf("%w: children is no list", ErrData)
	}
	var children []Node
	for _, c := range list.Elements() {
		kind, err := field(c, "kind")
		if err != nil {
			return nil, err
		}
		n, err := specNode(kind, c)
		if err != nil {
			return nil, err
		}
		children = append(children, n)
	}
	return children, nil
}

// specData is a scalar that may be given twice: as JSON, and exactly, by the name of its Python type and its text.
func specData(in Value, dataKey, typeKey, textKey string) (Value, error) {
	data, given := in.Get(dataKey)
	typ, _ := in.Get(typeKey)
	text, _ := in.Get(textKey)
	exact := text.text
	switch name, _ := typ.Str(); {
	case name == "str" && text.typ == TypeString:
		return text, nil
	case name == "int" && exact != "":
		if strings.Trim(strings.TrimPrefix(exact, "-"), "0123456789") != "" {
			return Value{}, fmt.Errorf("%w: %q is no int", ErrData, exact)
		}
		return ParseValue([]byte(exact))
	case name == "float" && exact != "":
		f, err := strconv.ParseFloat(exact, 64)
		if err != nil {
			return Value{}, fmt.Errorf("%w: %q is no float", ErrData, exact)
		}
		return float(f), nil
	case !given:
		return Value{}, fmt.Errorf("%w: no %s", ErrData, dataKey)
	}
	return data, nil
}

func eventSpec(in Value) (Spec, error) {
	subType, err := field(in, "sub_type")
	if err != nil {
		return Spec{}, err
	}
	orgid, err := field(in, "orgid")
	if err != nil {
		return Spec{}, err
	}
	stamp, err := specData(in, "timestamp", "timestamp_type", "timestamp_text")
	if err != nil {
		return Spec{}, err
	}
	seconds, ok := stamp.Number()
	if stamp.typ == TypeBool {
		seconds, ok = float64(stamp.bits), true
	}
	if !ok {
		return Spec{}, fmt.Errorf("%w: timestamp is no number", ErrData)
	}
	children, err := specChildren(in)
	if err != nil {
		return Spec{}, err
	}
	e, err := NewEvent(subType, orgid, seconds, children...)
	if err != nil {
		return Spec{}, err
	}
	text := e.core.canonical
	return Spec{
		Canonical: text, Unique: "event" + subType + orgid + floatText(seconds) + text, Hash: e.Hash(),
		Timestamp: floatText(seconds), Children: hashes(e.children), Refs: hashes(e.refs),
	}, nil
}

func sessionSpec(in Value) (Spec, error) {
	subType, err := field(in, "sub_type")
	if err != nil {
		return Spec{}, err
	}
	children, err := specChildren(in)
	if err != nil {
		return Spec{}, err
	}
	session, err := NewSession(subType, children...)
	if err != nil {
		return Spec{}, err
	}
	s := imageSpec("session", subType, session.core.canonical)
	s.Children, s.Refs = hashes(session.children), hashes(session.refs)
	return s, nil
}

// textSpec is of a raw, or of bare data, that is given as JSON text.
func textSpec(kind string, in Value) (Spec, error) {
	text, _ := in.Get("json_text")
	if text.typ != TypeString {
		return Spec{}, fmt.Errorf("%w: json_text is no string", ErrData)
	}
	v, err := parse([]byte(text.text), true)
	if err != nil {
		return Spec{}, err
	}
	canonical, err := Canonical(v)
	if err != nil {
		return Spec{}, err
	}
	if kind == "canonical" {
		return Spec{Canonical: canonical, Hash: sum(canonical)}, nil
	}
	subType, err := field(in, "sub_type")
	if err != nil {
		return Spec{}, err
	}
	return imageSpec(kind, subType, canonical), ValidSubType(subType)
}

func reportSpec(in Value) (Spec, error) {
	subType, err := field(in, "sub_type")
	if err != nil {
		return Spec{}, err
	}
	data, _ := in.Get("data")
	canonical, err := Canonical(data)
	return imageSpec("report", subType, canonical), err
}

func querySpec(in Value) (Spec, error) {
	qtype, err := field(in, "qtype")
	if err != nil {
		return Spec{}, err
	}
	userid, err := field(in, "userid")
	if err != nil {
		return Spec{}, err
	}
	stamp, err := specData(in, "timestamp", "timestamp_type", "timestamp_text")
	if err != nil {
		return Spec{}, err
	}
	seconds, ok := stamp.Number()
	if !ok {
		return Spec{}, fmt.Errorf("%w: timestamp is no number", ErrData)
	}
	qdata, _ := in.Get("qdata")
	canonical, err := Canonical(qdata)
	if err != nil {
		return Spec{}, err
	}
	qhash := Hash(sha256.Sum256([]byte(canonical))).String()
	unique := queryImage(qtype, qhash, userid, seconds)
	return Spec{Canonical: canonical, Unique: unique, Hash: sum(unique), QueryHash: qhash}, nil
}

// configSpec is of the configuration of an input.
func configSpec(in Value) (Spec, error) {
	fields := map[string]Value{}
	for _, key := range in.Keys() {
		fields[key], _ = in.Get(key)
	}
	extra := fields["extra"]
	delete(fields, "extra")
	for _, key := range extra.Keys() {
		fields[key], _ = extra.Get(key)
	}
	return fieldsSpec("cybexp_input_config", fields)
}

// fieldsSpec is of an object that holds an attribute for each field.
func fieldsSpec(subType string, fields map[string]Value) (Spec, error) {
	o, err := fieldsObject(subType, fields)
	if err != nil {
		return Spec{}, err
	}
	s := imageSpec("object", subType, o.canonical)
	s.Children, s.Refs = hashes(o.children), hashes(o.refs)
	return s, nil
}

func fieldsObject(subType string, fields map[string]Value) (*Object, error) {
	children, err := fieldNodes(fields)
	if err != nil {
		return nil, err
	}
	return NewObject(subType, children...)
}

// fieldNodes are an attribute for each field.
func fieldNodes(fields map[string]Value) ([]Node, error) {
	nodes := make([]Node, 0, len(fields))
	for key, v := range fields {
		a, err := NewAttribute(key, v)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, a)
	}
	return nodes, nil
}
