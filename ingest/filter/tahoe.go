package filter

import (
	"fmt"

	"github.com/cybexp/cybexp/tahoe"
)

// applyTAHOE takes an event that is made already, as its TAHOE document: {"itype":"event","sub_type":…,"timestamp":…,"data":{…}}, perhaps with
// "category", "tlp", "_mal_ref", "_ben_ref", and in "sessions" the documents of those it belongs to. Values stay as they are spelt; hashes
// and organisation are those of the upload. A document of a raw is taken as what it is of, see applyRaw.
func applyTAHOE(in Input) (Result, error) {
	r := record{fields: openDocument(in.Data)}
	kind, _ := r.get("itype")
	if kind.Text() == string(tahoe.KindRaw) {
		return applyRaw(in, &r)
	}
	if kind.Text() != string(tahoe.KindEvent) {
		return Result{}, fmt.Errorf("%w: it is no document of a TAHOE event or raw", ErrFormat)
	}
	stamp, err := r.stamp("timestamp", in)
	if err != nil {
		return Result{}, err
	}
	e := r.documentEvent(in, stamp)
	if e == nil {
		return Result{Problems: r.problems}, nil
	}
	result := Result{Events: []*tahoe.Event{e}, Sessions: r.documentSessions(map[string]*tahoe.Event{"": e})}
	result.Problems = r.problems
	return result, nil
}

// documentEvent makes the event of a document.
func (r *record) documentEvent(in Input, stamp float64) *tahoe.Event {
	data, _ := r.get("data")
	children := r.documentNodes("data", data)
	if len(children) == 0 && len(r.problems) == 0 {
		r.problem("data", "is empty")
	}
	e := r.happen(in, "data", happening{subType: r.text("sub_type"), stamp: stamp, children: children})
	if e != nil {
		r.documentJudgements(e)
	}
	return e
}

// documentNodes makes the nodes of a document's data: lists by sub-type, of values and of objects' data.
func (r *record) documentNodes(field string, data tahoe.Value) []tahoe.Node {
	if data.Type() != tahoe.TypeObject {
		r.problem(field, "is no object but of type %s", data.Type())
		return nil
	}
	var nodes []tahoe.Node
	for _, subType := range data.Keys() {
		list, _ := data.Get(subType)
		for _, v := range list.Elements() {
			if v.Type() == tahoe.TypeObject {
				nodes = append(nodes, r.object(subType, r.documentNodes(field+"."+subType, v)...))
				continue
			}
			a, err := tahoe.NewAttribute(subType, v)
			if err != nil {
				r.problem(field+"."+subType, "%v", err)
				continue
			}
			nodes = append(nodes, a)
		}
	}
	return present(nodes)
}

// documentJudgements sets what the document says of the event and of what is in it.
func (r *record) documentJudgements(e *tahoe.Event) {
	if text := r.text("category"); text != "" {
		category, err := tahoe.ParseCategory(text)
		if err == nil {
			err = e.SetCategory(category)
		}
		if err != nil {
			r.problem("category", "%v", err)
		}
	}
	if text := r.text("tlp"); text != "" {
		marking, err := tahoe.ParseMarking(text)
		if err != nil {
			r.problem("tlp", "%v", err)
		}
		e.Mark(marking)
	}
	for field, category := range map[string]tahoe.Category{"_mal_ref": tahoe.Malicious, "_ben_ref": tahoe.Benign} {
		wanted := map[string]bool{}
		list, _ := r.get(field)
		for _, h := range list.Elements() {
			wanted[h.Text()] = true
		}
		for _, n := range e.Refs() {
			if !wanted[n.Hash().String()] {
				continue
			}
			if err := e.SetContext(category, n); err != nil {
				r.problem(field, "%v", err)
			}
		}
	}
}

// documentSessions are those in "sessions", with their events: of these, by the hashes that their documents have. One with the hash "" is in all of them.
func (r *record) documentSessions(events map[string]*tahoe.Event) []*tahoe.Session {
	list, _ := r.get("sessions")
	var sessions []*tahoe.Session
	for _, doc := range list.Elements() {
		one := record{fields: doc}
		data, _ := one.get("data")
		children := one.documentNodes("sessions", data)
		if len(children) == 0 {
			r.problem("sessions", "there is one without data")
			continue
		}
		s, err := tahoe.NewSession(one.text("sub_type"), children...)
		if err != nil {
			r.problem("sessions", "%v", err)
			continue
		}
		if said := one.text("_hash"); said != "" && said != s.Hash().String() {
			r.problem("sessions", "one says that its hash is %.64q, but what it holds has %v", said, s.Hash())
			continue
		}
		s.StartTime, s.EndTime, s.Duration = one.float("start_time"), one.float("end_time"), one.float("duration")
		if e := events[""]; e != nil {
			s.AddEvent(e)
		}
		refs, _ := one.get("_ref")
		for _, h := range refs.Elements() {
			if e := events[h.Text()]; e != nil {
				s.AddEvent(e)
			}
		}
		sessions = append(sessions, s)
		r.problems = append(r.problems, one.problems...)
	}
	return sessions
}

// float is a field that is a number; nil where it is none.
func (r *record) float(field string) *float64 {
	v, _ := r.get(field)
	if f, ok := v.Number(); ok {
		return &f
	}
	return nil
}
