// Package filter turns raw records into TAHOE instances, one filter a format, one file a filter. Filters are pure: they read no clock,
// no network and no store, and the same record always gives the same instances. What becomes of the instances is not their business.
//
//	f, ok := filter.For("cowrie")
//	result, err := f.Apply(filter.Input{Data: raw.Data(), OrgID: raw.OrgID(), Timezone: raw.Timezone(), Received: received})
//
// What each filter makes of which record is written down in docs/filters.md.
package filter

import (
	"errors"
	"slices"
	"time"

	"github.com/cybexp/cybexp/tahoe"
)

// ErrFormat is a record that is not of the filter's format at all.
var ErrFormat = errors.New("record is not of this format")

// Input is a raw record and what is known about it.
type Input struct {
	Data     tahoe.Value
	OrgID    string    // hash of the organisation, which owns the events
	Timezone string    // zone of stamps that name none
	Received time.Time // when the record arrived, for records without a usable stamp

	spent *int // bytes of the canonical texts of the events that the record gave so far
}

// Result is what a record gave.
type Result struct {
	Events   []*tahoe.Event
	Sessions []*tahoe.Session
	Problems []Problem

	// Of a record that stands for another, which is kept in its stead: the raw as it was, what became of it and how it was marked.
	Raw     *tahoe.Raw
	State   tahoe.RawState
	Marking tahoe.Marking
}

// Problem is a part of a record that could not be used. The rest of the record counts.
type Problem struct {
	Field   string
	Message string
}

// String is the problem in a line.
func (p Problem) String() string { return p.Field + ": " + p.Message }

// Filter makes instances of the records of one format.
type Filter struct {
	ID      string // names the filter for good, whatever it is called
	Typetag string // the format, as uploads name it
	Version int    // grows when the filter makes more of records than before, so that those it could not use are taken up again

	apply func(Input) (Result, error)
}

// Apply makes instances of a record. An error, which wraps ErrFormat, says that the record as a whole is not of the format; what is
// wrong with parts of it is in the result.
func (f Filter) Apply(in Input) (Result, error) {
	in.spent = new(int)
	result, err := f.apply(in)
	result.mark()
	return result, err
}

func filters() []Filter {
	return []Filter{
		{ID: "d2076b75-715e-4e4d-ae0a-a291cc6d90b7", Typetag: "cowrie", apply: applyCowrie},
		{ID: "d184c4d8-cc0e-4ee0-b2dc-95188e267862", Typetag: "suricata", Version: 1, apply: applySuricata},
		{ID: "8f89228d-a636-4ddf-8a22-bb2265fdfd60", Typetag: "zeek", Version: 1, apply: applyZeek},
		{ID: "c4cd1ecf-1149-46e0-9daa-e2477016d8dc", Typetag: "openphish_feed", apply: applyOpenPhish},
		{ID: "e8f53cdc-1a9a-478d-ac4f-ab6a2f7e2341", Typetag: "phishtank_feed", apply: applyPhishTank},
		{ID: "08598f3b-a908-4d02-bfed-c8bc6c48e382", Typetag: "csv", apply: applyIndicators},
		{ID: "ae566e9c-65dc-4a9e-9df1-6271d653be15", Typetag: "indicators", apply: applyIndicators},
		{ID: "6e52bc6a-af7f-41ea-8684-e39c42d4aa3f", Typetag: "email", apply: applyEmail},
		{ID: "05e66bff-c3e1-49a0-bd2e-ad203a1f94fc", Typetag: "sighting", apply: applySighting},
		{ID: "f2d1b00a-24fc-4faa-95aa-2932b3b400e5", Typetag: "misp_event", apply: applyMISP},
		{ID: "116a7a75-99b4-4b3d-94fb-f0cd1efdaa39", Typetag: "stix", apply: applySTIX},
		{ID: "5b0d8f52-6a0e-4c0b-9f0a-3a6b6c1f7d94", Typetag: "tahoe", apply: applyTAHOE},
	}
}

// For finds the filter of a format.
func For(typetag string) (Filter, bool) {
	all := filters()
	i := slices.IndexFunc(all, func(f Filter) bool { return f.Typetag == typetag })
	if i < 0 {
		return Filter{}, false
	}
	return all[i], true
}

// Typetags lists the formats that have a filter, sorted.
func Typetags() []string {
	var tags []string
	for _, f := range filters() {
		tags = append(tags, f.Typetag)
	}
	slices.Sort(tags)
	return tags
}
