package filter

import (
	"fmt"

	"github.com/cybexp/cybexp/tahoe"
)

// applyRaw takes the document of a raw, as an export writes it: with its "state" and "tlp", in "events" and "sessions" the documents of what came of it. The raw is
// that one, and not the document, so that what is taken in again is the same. Each hash must be that of what the document holds: one that was hurt on
// the way is not taken. Only the organisation is that of the upload, and with another one events have other hashes.
func applyRaw(in Input, r *record) (Result, error) {
	data, _ := r.get("data")
	raw, err := tahoe.NewRaw(r.text("sub_type"), data, in.OrgID, r.text("timezone"))
	if err != nil {
		return Result{}, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if err := r.isHashed(raw.Hash()); err != nil {
		return Result{}, err
	}
	result := Result{Raw: raw, State: tahoe.RawState(r.text("state"))}
	if result.Marking, err = r.marking(); err != nil {
		return Result{}, err
	}
	events := map[string]*tahoe.Event{}
	list, _ := r.get("events")
	for _, doc := range list.Elements() {
		one := record{fields: doc}
		e, err := one.hashedEvent(in)
		if err != nil {
			return Result{}, err
		}
		r.problems = append(r.problems, one.problems...)
		if e == nil {
			continue
		}
		result.Events, events[one.text("_hash")] = append(result.Events, e), e
	}
	result.Sessions = r.documentSessions(events)
	switch {
	case len(result.Events)+len(result.Sessions) > 0:
		result.State = tahoe.Mapped
	case result.State == tahoe.NotSupported, result.State == tahoe.Invalid:
	default:
		result.State = tahoe.Kept
	}
	result.Problems = r.problems
	return result, nil
}

// hashedEvent makes an event whose document must have the hash of what it holds, for the organisation that it names.
func (r *record) hashedEvent(in Input) (*tahoe.Event, error) {
	v, _ := r.get("timestamp")
	stamp, ok := v.Number()
	if !ok {
		return nil, fmt.Errorf("%w: an event without a timestamp", ErrFormat)
	}
	e := r.documentEvent(in, stamp)
	if e == nil {
		return nil, nil
	}
	own, err := tahoe.NewEvent(e.SubType(), r.text("orgid"), stamp, e.Children()...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return e, r.isHashed(own.Hash())
}

// isHashed compares the hash in the document.
func (r *record) isHashed(h tahoe.Hash) error {
	if said := r.text("_hash"); said != h.String() {
		return fmt.Errorf("%w: the %s says that its hash is %.64q, but what it holds has %v", ErrFormat, r.text("itype"), said, h)
	}
	return nil
}

// marking is how the document is marked.
func (r *record) marking() (tahoe.Marking, error) {
	text := r.text("tlp")
	if text == "" {
		return tahoe.Unmarked, nil
	}
	m, err := tahoe.ParseMarking(text)
	if err != nil {
		return m, fmt.Errorf("%w: tlp: %w", ErrFormat, err)
	}
	return m, nil
}
