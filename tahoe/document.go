package tahoe

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// MarshalInstance gives the TAHOE document of an instance, with its fields always in the same order.
func MarshalInstance(i Instance) ([]byte, error) {
	d := document{Hash: i.Hash(), Kind: i.Kind(), SubType: i.SubType()}
	switch i := i.(type) {
	case *Attribute:
		d.Data = i.data
	case *Object:
		d.hold(&i.family)
	case *Event:
		d.hold(&i.family)
		d.OrgID, d.Category = &i.orgid, i.category
		stamp := float(i.timestamp)
		d.Timestamp = &stamp
		d.Marking = i.marking
		d.Benign, d.Malicious = listOf(i.benign), listOf(i.malicious)
	case *Session:
		d.hold(&i.family)
		for _, e := range i.events {
			*d.Refs = with(*d.Refs, e.Hash())
		}
		d.StartTime, d.EndTime, d.Duration = i.StartTime, i.EndTime, i.Duration
	case *Raw:
		d.Data = i.data
		d.OrgID, d.Timezone = &i.orgid, &i.timezone
	default:
		return nil, fmt.Errorf("%w: document of a %T", ErrData, i)
	}
	return marshalDocument(d)
}

// marshalDocument is JSON in one line that leaves <, > and & as they are.
func marshalDocument(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("document: %w", err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// document is the stored form of any instance; fields that its kind does not have are nil.
type document struct {
	Hash      Hash     `json:"_hash"`
	Kind      Kind     `json:"itype"`
	SubType   string   `json:"sub_type"`
	Data      Value    `json:"data"`
	Children  *[]Hash  `json:"_cref,omitempty"`
	Refs      *[]Hash  `json:"_ref,omitempty"`
	OrgID     *string  `json:"orgid,omitempty"`
	Timestamp *Value   `json:"timestamp,omitempty"`
	Timezone  *string  `json:"timezone,omitempty"`
	Category  Category `json:"category,omitempty"`
	Marking   Marking  `json:"tlp,omitempty"`
	Benign    *[]Hash  `json:"_ben_ref,omitempty"`
	Malicious *[]Hash  `json:"_mal_ref,omitempty"`
	StartTime *float64 `json:"start_time,omitempty"`
	EndTime   *float64 `json:"end_time,omitempty"`
	Duration  *float64 `json:"duration,omitempty"`
}

func (d *document) hold(f *family) {
	d.Data = f.Data()
	d.Children, d.Refs = ptr(hashes(f.children)), ptr(hashes(f.refs))
}

func hashes(nodes []Node) []Hash {
	out := make([]Hash, len(nodes))
	for i, n := range nodes {
		out[i] = n.Hash()
	}
	return out
}

func listOf(hashes []Hash) *[]Hash { return ptr(append([]Hash{}, hashes...)) }

func ptr[T any](v T) *T { return &v }
