package stix

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/cybexp/cybexp/tahoe"
)

const (
	specVersion = "2.1"
	extensionID = "extension-definition--c1d7e538-6745-4bea-8708-ddcda178bf96"
	productID   = "identity--24938fc5-4f99-4de9-a1d0-5d7e4b0e5219"
	since       = "2026-01-01T00:00:00.000Z" // when what does not change was made

	// remembered is how many objects a bundle remembers, so as not to write them twice.
	remembered = 50_000
)

// ErrRows says that rows are not instances: counts, groups, or fields without what makes them instances.
var ErrRows = errors.New("rows are no instances")

// Bundle writes one bundle. What it holds in memory does not grow with it.
type Bundle struct {
	w       io.Writer
	name    string
	written int
	seen    map[string]bool
}

// NewBundle makes a bundle whose id comes from a name, such as that of a report.
func NewBundle(w io.Writer, name string) *Bundle {
	return &Bundle{w: w, name: name, seen: map[string]bool{}}
}

// Fit returns ErrRows unless rows with these fields can be written.
func Fit(fields []string) error {
	for _, name := range []string{"hash", "sub_type", "data"} {
		if !slices.Contains(fields, name) {
			return ErrRows
		}
	}
	if !slices.Contains(fields, "itype") && !slices.Equal(fields, []string{"sub_type", "data", "count", "hash"}) {
		return ErrRows
	}
	return nil
}

// Begin writes what stands before the rows: who made the bundle, and what its extensions mean.
func (b *Bundle) Begin() error {
	head := fmt.Sprintf(`{"type":"bundle","id":%q,"objects":[`, identifier("bundle", others, b.name))
	if _, err := io.WriteString(b.w, head); err != nil {
		return err
	}
	return b.add(preamble()...)
}

// preamble is what every bundle begins with.
func preamble() []object {
	product := object{
		"type": "identity", "spec_version": specVersion, "id": productID, "created": since, "modified": since, "name": "Cybex-P", "identity_class": "system",
	}
	extension := object{
		"type": "extension-definition", "spec_version": specVersion, "id": extensionID, "created": since, "modified": since,
		"created_by_ref": productID, "name": "TAHOE", "description": "The TAHOE instance that an object was made of.",
		"schema": "https://github.com/cybexp/cybexp/blob/main/docs/stix.md", "version": "1.0.0", "extension_types": []string{"new-sco", "property-extension"},
	}
	return []object{product, extension}
}

// End writes what stands after the rows.
func (b *Bundle) End() error {
	_, err := io.WriteString(b.w, "]}\n")
	return err
}

// row is a row of instances.
type row struct {
	Hash      string          `json:"hash"`
	IType     string          `json:"itype"` // "" is an attribute
	SubType   string          `json:"sub_type"`
	Data      json.RawMessage `json:"data"`
	Timestamp string          `json:"timestamp"`
	Category  string          `json:"category"`
	Org       string          `json:"org"`
	OrgName   string          `json:"org_name"`
	TLP       string          `json:"tlp"`
	StartTime string          `json:"start_time"`
	EndTime   string          `json:"end_time"`
}

// Row writes the objects of one row of the report.
func (b *Bundle) Row(text json.RawMessage) error {
	_, objects, err := made(text)
	if err != nil {
		return err
	}
	return b.add(objects...)
}

// made are the objects that are made of a row, some of which may be nil.
func made(text json.RawMessage) (row, []object, error) {
	var r row
	if err := json.Unmarshal(text, &r); err != nil {
		return r, nil, fmt.Errorf("read row: %w", err)
	}
	data := tahoe.Null()
	if len(r.Data) > 0 {
		var err error
		if data, err = tahoe.ParseValue(r.Data); err != nil {
			return r, nil, fmt.Errorf("read row %s: %w", r.Hash, err)
		}
	}
	objects, err := r.objects(data)
	if err != nil {
		return r, nil, fmt.Errorf("row %s: %w", r.Hash, err)
	}
	return r, objects, nil
}

func (r row) objects(data tahoe.Value) ([]object, error) {
	switch r.IType {
	case "", string(tahoe.KindAttribute):
		f, err := observable(r.SubType, data)
		return []object{f.object}, err
	case string(tahoe.KindEvent):
		return observation(r, data, r.Timestamp, r.Timestamp)
	case string(tahoe.KindSession):
		return observation(r, data, r.StartTime, r.EndTime)
	case string(tahoe.KindObject):
		return group(r, data)
	}
	return []object{instance(r.Hash, r.IType, r.SubType, data)}, nil
}

// parts are the observables in an event, session or object.
type parts struct {
	facts    []fact
	markings []tahoe.Marking
}

// collect finds the attributes in the nested data of an instance.
func (p *parts) collect(data tahoe.Value) error {
	for _, subType := range data.Keys() {
		list, _ := data.Get(subType)
		for _, v := range list.Elements() {
			if v.Type() == tahoe.TypeObject {
				if err := p.collect(v); err != nil {
					return err
				}
				continue
			}
			f, err := observable(subType, v)
			if err != nil {
				return err
			}
			p.facts = append(p.facts, f)
			if subType == "tag" {
				p.tag(v.Text())
			}
		}
	}
	return nil
}

func (p *parts) refs() []string {
	var ids []string
	for _, f := range p.facts {
		if id := f.object.id(); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (p *parts) objects() []object {
	list := make([]object, len(p.facts))
	for i, f := range p.facts {
		list[i] = f.object
	}
	return list
}

// group is an object, after what it has.
func group(r row, data tahoe.Value) ([]object, error) {
	var p parts
	if err := p.collect(data); err != nil {
		return nil, err
	}
	o := instance(r.Hash, r.IType, r.SubType, data)
	if refs := p.refs(); len(refs) > 0 {
		o["object_refs"] = refs
	}
	return append(p.objects(), o), nil
}

// observation is an event or a session: what was observed, by whom and when, and for a malicious event what to look for.
func observation(r row, data tahoe.Value, from, to string) ([]object, error) {
	first, err := time.Parse(time.RFC3339Nano, from)
	last, lastErr := time.Parse(time.RFC3339Nano, to)
	if err != nil || lastErr != nil {
		return group(r, data) // a session without times
	}
	var p parts
	if err := p.collect(data); err != nil {
		return nil, err
	}
	p.mark(r.TLP)
	if len(p.facts) == 0 {
		p.facts = []fact{{object: instance(r.Hash, r.IType, r.SubType, data)}}
	}
	by := r.identity()
	observed := domain("observed-data", r, by, first, p.markings)
	observed["first_observed"], observed["last_observed"] = stamp(first), stamp(last)
	observed["number_observed"], observed["object_refs"] = 1, p.refs()
	observed["extensions"] = extended(object{"extension_type": "property-extension", "hash": r.Hash, "itype": r.IType, "sub_type": r.SubType})
	objects := append(append(definitions(p.markings), p.objects()...), by, observed)
	if r.Category == string(tahoe.Malicious) {
		objects = append(objects, alarm(r, by, observed, &p, first)...)
	}
	return objects, nil
}

// alarm is the indicator of a malicious event, and where it was seen; nothing if the event has nothing to look for.
func alarm(r row, by, observed object, p *parts, at time.Time) []object {
	var patterns []string
	for _, f := range p.facts {
		if f.pattern != "" && !slices.Contains(patterns, f.pattern) {
			patterns = append(patterns, f.pattern)
		}
	}
	if len(patterns) == 0 {
		return nil
	}
	indicator := domain("indicator", r, by, at, p.markings)
	indicator["name"] = r.SubType
	indicator["description"] = "What was seen together in an event that is held to be malicious."
	indicator["indicator_types"] = []string{"malicious-activity"}
	indicator["pattern"], indicator["pattern_type"] = "["+strings.Join(patterns, " OR ")+"]", "stix"
	indicator["valid_from"] = stamp(at)
	sighting := domain("sighting", r, by, at, p.markings)
	sighting["sighting_of_ref"], sighting["count"] = indicator.id(), 1
	sighting["observed_data_refs"] = []string{observed.id()}
	sighting["first_seen"], sighting["last_seen"] = stamp(at), stamp(at)
	if by != nil {
		sighting["where_sighted_refs"] = []string{by.id()}
	}
	return []object{indicator, sighting}
}

// identity is the organisation that recorded an event; nil when the row does not tell.
func (r row) identity() object {
	if r.Org == "" {
		return nil
	}
	name := r.OrgName
	if name == "" {
		name = r.Org
	}
	return object{
		"type": "identity", "spec_version": specVersion, "id": identifier("identity", others, "org "+r.Org), "created": since, "modified": since,
		"name": name, "identity_class": "organization",
	}
}

// domain begins an object that was made of a row.
func domain(kind string, r row, by object, at time.Time, markings []tahoe.Marking) object {
	o := object{
		"type": kind, "spec_version": specVersion, "id": identifier(kind, others, kind+" "+r.Hash), "created": milli(at), "modified": milli(at),
		"created_by_ref": productID,
	}
	if by != nil {
		o["created_by_ref"] = by.id()
	}
	if len(markings) > 0 {
		refs := make([]string, len(markings))
		for i, m := range markings {
			refs[i] = markingIDs[m]
		}
		o["object_marking_refs"] = refs
	}
	return o
}

func (o object) id() string {
	id, _ := o["id"].(string)
	return id
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }
func milli(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// add writes objects that were not written lately; nil ones are none.
func (b *Bundle) add(objects ...object) error {
	var out bytes.Buffer
	for _, o := range objects {
		if o == nil || b.seen[o.id()] {
			continue
		}
		if len(b.seen) == remembered {
			clear(b.seen)
		}
		b.seen[o.id()] = true
		if b.written++; b.written > 1 {
			out.WriteByte(',')
		}
		text, err := plain(o)
		if err != nil {
			return err
		}
		out.Write(append(text, '\n'))
	}
	_, err := b.w.Write(out.Bytes())
	return err
}
