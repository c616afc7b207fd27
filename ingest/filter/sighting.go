package filter

import (
	"fmt"

	"github.com/cybexp/cybexp/tahoe"
)

// applySighting maps a flat record of what was seen: {"timestamp": 1588032005, "ipv4": "192.0.2.1", "url": …}. Each field but the time is
// an event of its own, with the name of the field as sub-type.
func applySighting(in Input) (Result, error) {
	r := record{fields: openDocument(in.Data)}
	if r.fields.Type() != tahoe.TypeObject {
		return Result{}, fmt.Errorf("%w: it is no object but of type %s", ErrFormat, r.fields.Type())
	}
	stamp, err := r.sightingStamp(in)
	if err != nil {
		return Result{}, err
	}
	var result Result
	for _, field := range r.fields.Keys() {
		if field == "timestamp" {
			continue
		}
		if e := r.sighting(in, stamp, field); e != nil {
			result.Events = append(result.Events, e)
		}
	}
	if len(result.Events)+len(r.problems) == 0 {
		return Result{}, fmt.Errorf("%w: it names nothing that was seen", ErrFormat)
	}
	result.Problems = r.problems
	return result, nil
}

// sightingStamp is the timestamp, which may be missing: then the sighting is of when it arrived.
func (r *record) sightingStamp(in Input) (float64, error) {
	if v, ok := r.fields.Get("timestamp"); (!ok || v.IsNull()) && !in.Received.IsZero() {
		return unixSeconds(in.Received), nil
	}
	return r.stamp("timestamp", in)
}

func (r *record) sighting(in Input, stamp float64, field string) *tahoe.Event {
	v, _ := r.fields.Get(field)
	var nodes []tahoe.Node
	switch err := tahoe.ValidSubType(field); {
	case err != nil:
		r.problem(field, "%v", err)
	case v.IsScalar():
		nodes = present([]tahoe.Node{r.fact(field, field, v)}) // even null and empty text, as the original has it
	default:
		nodes = r.generic(field, field, v)
	}
	return r.happen(in, field, happening{subType: "sighting", stamp: stamp, children: nodes, category: tahoe.Unknown})
}
