package tahoe

import (
	"fmt"
	"unicode/utf8"
)

// Raw is a record as it came. Its hash leaves the organisation out, so the identity of an upload is hash and organisation together.
type Raw struct {
	core
	data            Value
	orgid, timezone string
}

// NewRaw makes a raw of any JSON data. The sub_type is the format, such as cowrie; the timezone is for stamps in it that name none.
func NewRaw(subType string, data Value, orgid, timezone string) (*Raw, error) {
	if err := ValidSubType(subType); err != nil {
		return nil, err
	}
	if !utf8.ValidString(orgid) || !utf8.ValidString(timezone) {
		return nil, fmt.Errorf("raw %s: %w: orgid or timezone is not UTF-8", subType, ErrData)
	}
	c := newCanon()
	defer c.free()
	c.buf = append(append(c.buf, KindRaw...), subType...)
	begin := len(c.buf)
	if err := c.text(data, 0); err != nil {
		return nil, fmt.Errorf("raw %s: %w", subType, err)
	}
	r := &Raw{core: core{kind: KindRaw, subType: subType}, data: data, orgid: orgid, timezone: timezone}
	r.seal(c.buf, begin)
	return r, nil
}

// Data is the record.
func (r *Raw) Data() Value { return r.data }

// OrgID is the hash of the organisation that uploaded the record.
func (r *Raw) OrgID() string { return r.orgid }

// Timezone names the zone of stamps in the record that name none.
func (r *Raw) Timezone() string { return r.timezone }

// RawState says what analytics made of a raw.
type RawState string

// The states of a raw.
const (
	Mapped       RawState = "mapped"        // gave rise to instances
	Kept         RawState = "kept"          // valid, with nothing to map
	NotSupported RawState = "not_supported" // no filter for its format yet
	Invalid      RawState = "invalid"       // not of the format it claims
)

// Record is one raw and what came of it: the unit in which ingest writes the graph.
type Record struct {
	Raw      *Raw
	State    RawState
	Events   []*Event
	Sessions []*Session
	Received float64 // when the raw came, in unix seconds; 0 if nobody knows
	Marking  Marking // of the upload; its events have theirs
}

// Strictest is the most restrictive marking of the record and what came of it: that of the raw, which tells all of it.
func (r Record) Strictest() Marking {
	m := r.Marking
	for _, e := range r.Events {
		m = m.Stricter(e.Marking())
	}
	for _, s := range r.Sessions {
		for _, e := range s.Events() {
			m = m.Stricter(e.Marking())
		}
	}
	return m
}

// RawQuery asks for raws that are stored, a page at a time.
type RawQuery struct {
	Hash      Hash       // this one alone, whatever the rest says; zero for those that the rest fits
	SubType   string     // the format
	States    []RawState // any of them; none is all
	After, At uint64     // the page's place and the snapshot, from the page before; 0 to begin
}

// RawPage is a page of raws that are stored.
type RawPage struct {
	Raws     []StoredRaw
	Next, At uint64 // for the next page; Next is 0 after the last
	Total    int    // of all pages; told with the first alone
}

// StoredRaw is a raw as the graph has it: one for all the organisations that uploaded it.
type StoredRaw struct {
	Hash     Hash
	SubType  string
	Data     Value
	Timezone string
	State    RawState
	Received float64 // when it first came, in unix seconds; 0 if nobody knows

	Audiences []string    // who may see it, see Marking.Audience: one of each organisation that uploaded it
	Uploads   []RawUpload // of each, where they are several
}

// Of is what the raw is for one of the organisations that uploaded it.
func (r StoredRaw) Of(org string) StoredRaw {
	for _, u := range r.Uploads {
		if u.Org == org {
			r.State, r.Timezone = u.State, u.Timezone
		}
	}
	return r
}
