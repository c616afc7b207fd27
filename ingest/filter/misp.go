package filter

import (
	"fmt"

	"github.com/cybexp/cybexp/tahoe"
)

// applyMISP maps MISP events: {"Event": …} as feeds and the API have one, {"response": […]} as a search answers, or a bare event. An
// event becomes a session, which holds a TAHOE event for what MISP knows of the event itself and one for each of its attributes, objects,
// references and sightings: so that a list of a hundred thousand addresses does not tie each to each.
func applyMISP(in Input) (Result, error) {
	var result Result
	docs := mispEvents(openDocument(in.Data))
	if len(docs) == 0 {
		return Result{}, fmt.Errorf("%w: it holds no MISP event", ErrFormat)
	}
	for _, d := range docs {
		e := &mispEvent{record: record{fields: d.fields}, in: in, byUUID: map[string][]tahoe.Node{}}
		e.build(d.found)
		result.Events = append(result.Events, e.events...)
		if e.session != nil {
			result.Sessions = append(result.Sessions, e.session)
		}
		for _, p := range e.problems {
			result.Problems = append(result.Problems, Problem{d.place + p.Field, p.Message})
		}
	}
	return result, nil
}

// mispDoc is a MISP event and where it stands in the record.
type mispDoc struct {
	place  string
	fields tahoe.Value
	found  bool // by a search for attributes, which tells little of the event
}

// mispEvents finds the events of a record.
func mispEvents(data tahoe.Value) []mispDoc {
	if e, ok := data.Get("Event"); ok && e.Type() == tahoe.TypeObject {
		return []mispDoc{{place: "Event.", fields: e}}
	}
	list, place := data, ""
	if response, ok := data.Get("response"); ok {
		list, place = response, "response"
		if attributes, ok := response.Get("Attribute"); ok {
			return mispFound(attributes)
		}
		if _, ok := response.Get("Event"); ok {
			list = tahoe.Array(response)
		}
	}
	if _, ok := data.Get("info"); ok {
		return []mispDoc{{fields: data}}
	}
	var docs []mispDoc
	for i, element := range list.Elements() {
		e, ok := element.Get("Event")
		if !ok {
			e = element
		}
		docs = append(docs, mispDoc{place: fmt.Sprintf("%s[%d].", place, i), fields: e})
	}
	return docs
}

// mispFound makes events of the answer to a search for attributes, each of which tells its event.
func mispFound(attributes tahoe.Value) []mispDoc {
	var docs []mispDoc
	for i, a := range attributes.Elements() {
		fields := map[string]tahoe.Value{}
		fields["timestamp"], _ = a.Get("timestamp")
		if e, ok := a.Get("Event"); ok {
			for _, key := range e.Keys() {
				fields[key], _ = e.Get(key)
			}
		}
		fields["Attribute"] = tahoe.Array(a)
		docs = append(docs, mispDoc{fmt.Sprintf("response.Attribute[%d].Event.", i), tahoe.Map(fields), true})
	}
	return docs
}

// mispEvent is a MISP event on its way.
type mispEvent struct {
	record
	in      Input
	at      float64
	session *tahoe.Session
	events  []*tahoe.Event
	byUUID  map[string][]tahoe.Node // what the attributes and objects became
	later   []func()                // what needs byUUID to be complete
}

func (e *mispEvent) build(found bool) {
	if e.fields.Type() != tahoe.TypeObject {
		e.problem("Event", "is no object but of type %s", e.fields.Type())
		return
	}
	if !e.when() {
		return
	}
	e.open()
	if !found {
		e.about()
	}
	each(&e.record, "Attribute", e.addAttribute)
	each(&e.record, "Object", e.addObject)
	each(&e.record, "Sighting", e.addStraySighting)
	each(&e.record, "RelatedEvent", e.addRelated)
	each(&e.record, "EventReport", e.addReport)
	each(&e.record, "ShadowAttribute", func(p *record) {
		p.problem("value", "is a proposal and is in the raw only")
	})
	for _, f := range e.later {
		f()
	}
	marking := tagged(labels(&record{fields: e.fields})) // of all that is in the event
	for _, made := range e.events {
		made.Mark(marking)
	}
	if e.session != nil {
		e.session.AddEvent(e.events...)
	}
	if len(e.events) == 0 && len(e.problems) == 0 {
		e.problem("Event", "holds nothing")
	}
}

// when finds the time of the event, which stands in for the times that its parts lack.
func (e *mispEvent) when() bool {
	for _, field := range []string{"timestamp", "date"} {
		if stamp, ok := e.moment(field, e.in); ok {
			e.at = stamp
			return true
		}
	}
	stamp, err := e.arrival("timestamp", e.in)
	if err != nil {
		e.problem("timestamp", "%v", err)
	}
	e.at = stamp
	return err == nil
}

// open makes the session, whose identity is the UUID of the event: all else may be edited.
func (e *mispEvent) open() {
	id := e.optional("uuid", "uuid")
	if id == nil {
		if id = e.optional("x_misp_event_id", "id"); id == nil {
			e.problem("uuid", "is missing or empty, the parts of the event are in no session")
			return
		}
	}
	s, err := tahoe.NewSession("misp_event", id)
	if err != nil {
		e.problem("uuid", "%v", err)
		return
	}
	s.StartTime = &e.at
	e.session = s
}

// each goes through a list of objects, and takes over the problems with them. One object may stand for a list of one.
func each(r *record, field string, use func(part *record)) {
	v, _ := r.fields.Get(field)
	elements := v.Elements()
	switch v.Type() {
	case tahoe.TypeArray, tahoe.TypeNull:
	case tahoe.TypeObject:
		elements = []tahoe.Value{v}
	default:
		r.problem(field, "is no list but of type %s", v.Type())
	}
	for i, element := range elements {
		place, part := fmt.Sprintf("%s[%d]", field, i), record{fields: element}
		if element.Type() == tahoe.TypeObject {
			use(&part)
		} else {
			part.problem("", "is no object but of type %s", element.Type())
		}
		r.absorb(place, part)
	}
}

// about is what MISP knows of the event itself.
func (e *mispEvent) about() {
	children := []tahoe.Node{
		e.optional("id", "id"),
		e.optional("uuid", "uuid"),
		e.optional("info", "info"),
		e.optional("date", "date"),
		e.optional("x_misp_threat_level_id", "threat_level_id"),
		e.optional("x_misp_analysis", "analysis"),
		e.optional("x_misp_distribution", "distribution"),
		e.optional("x_misp_extends_uuid", "extends_uuid"),
		e.optional("x_misp_event_creator_email", "event_creator_email"),
		e.organisation("x_misp_org", "Org"),
		e.organisation("x_misp_orgc", "Orgc"),
	}
	children = append(children, labels(&e.record)...)
	e.add(&e.record, happening{subType: "misp", stamp: e.at, children: children})
}

func (r *record) organisation(subType, field string) tahoe.Node {
	v, _ := r.fields.Get(field)
	if v.Type() != tahoe.TypeObject {
		return nil
	}
	o := record{fields: v}
	made := o.object(subType, o.optional("id", "id"), o.optional("name", "name"), o.optional("uuid", "uuid"))
	r.absorb(field, o)
	return made
}

// add makes an event that belongs to the session.
func (e *mispEvent) add(r *record, h happening) {
	if made := r.happen(e.in, h.subType, h); made != nil {
		e.events = append(e.events, made)
	}
}

// addRelated ties the event to another.
func (e *mispEvent) addRelated(p *record) {
	source := e.object("source", e.optional("uuid", "uuid"))
	if v, _ := p.fields.Get("Event"); v.Type() == tahoe.TypeObject {
		p.fields = v
	}
	target := p.object("target", p.optional("uuid", "uuid"), p.optional("info", "info"))
	if source == nil || target == nil {
		p.problem("uuid", "is missing")
		return
	}
	kind := p.make("relationship_type", "RelatedEvent", tahoe.String("related-to"))
	e.add(p, happening{subType: "relationship", stamp: e.at, children: []tahoe.Node{kind, source, target}})
}

// addReport adds a text that goes with the event.
func (e *mispEvent) addReport(p *record) {
	if deleted(p) {
		return
	}
	report := p.object("report", p.optional("name", "name"), p.optional("data", "content"))
	stamp, ok := p.moment("timestamp", e.in)
	if !ok {
		stamp = e.at
	}
	e.add(p, happening{subType: "misp_report", stamp: stamp, children: []tahoe.Node{report, p.optional("uuid", "uuid")}})
}

// deleted tells of what MISP only keeps so that others hear that it is gone.
func deleted(p *record) bool {
	v, _ := p.fields.Get("deleted")
	gone, _ := v.Bool()
	if gone || v.Text() == "1" {
		p.problem("deleted", "is set, it is in the raw only")
		return true
	}
	return false
}
