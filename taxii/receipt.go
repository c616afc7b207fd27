package taxii

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cybexp/cybexp/tahoe"
)

// ErrEnvelope says that what a client sent is no envelope of objects; the text around it says why.
var ErrEnvelope = errors.New("no envelope of STIX objects")

// maxDetails is how many objects of one request are remembered by name.
const maxDetails = 1000

// Receipt is what is kept of objects that a client sent, beside the upload that they became, which has the same id.
type Receipt struct {
	ID      string     `json:"id"` // a UUID of version 4
	Org     tahoe.Hash `json:"org"`
	Begun   time.Time  `json:"begun"`
	Total   int        `json:"total"`
	Objects []Detail   `json:"objects"` // the first of them
}

// NewID is a UUID of version 4.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return uuid4(b)
}

// Receive reads an envelope that was sent to an organisation, and gives the bundle that its objects make. The receipt is kept: what became of
// the bundle is to be uploaded under its id.
func (s *Service) Receive(ctx context.Context, org tahoe.Hash, body []byte) (Receipt, []byte, error) {
	e, details, err := open(body)
	if err != nil {
		return Receipt{}, nil, err
	}
	r := Receipt{ID: NewID(), Org: org, Begun: s.Now().UTC(), Total: len(details), Objects: details[:min(len(details), maxDetails)]}
	bundle, err := json.Marshal(map[string]any{"type": "bundle", "id": "bundle--" + r.ID, "objects": e.Objects})
	if err != nil {
		return Receipt{}, nil, fmt.Errorf("write bundle: %w", err)
	}
	text, err := json.Marshal(r)
	if err == nil {
		err = s.Store.Set(ctx, "status."+r.ID, text, 0)
	}
	if err != nil {
		return Receipt{}, nil, fmt.Errorf("keep receipt: %w", err)
	}
	return r, bundle, nil
}

// open reads an envelope and what its objects are called.
func open(body []byte) (e Envelope, details []Detail, err error) {
	if err := json.Unmarshal(body, &e); err != nil {
		return e, nil, fmt.Errorf("%w: %w", ErrEnvelope, err)
	}
	if len(e.Objects) == 0 {
		return e, nil, fmt.Errorf("%w: it has no 'objects'", ErrEnvelope)
	}
	for i, text := range e.Objects {
		d, err := detail(text)
		if err != nil {
			return e, nil, fmt.Errorf("%w: objects[%d] %w", ErrEnvelope, i, err)
		}
		details = append(details, d)
	}
	return e, details, nil
}

// detail is what is remembered of an object that was sent.
func detail(text json.RawMessage) (Detail, error) {
	var o struct{ Type, ID, Modified, Created string }
	if err := json.Unmarshal(text, &o); err != nil {
		return Detail{}, fmt.Errorf("is no object of STIX: %w", err)
	}
	if o.Type == "" || !IsID(o.ID) {
		return Detail{}, errors.New("has no type, or no id such as indicator--…")
	}
	version := o.Modified
	if version == "" {
		version = o.Created
	}
	return Detail{ID: o.ID, Version: version}, nil
}

// Receipt finds what was received under an id.
func (s *Service) Receipt(ctx context.Context, id string) (r Receipt, err error) {
	if !isUUID(id) {
		return r, ErrNotFound
	}
	text, _, err := s.Store.Get(ctx, "status."+id)
	if err != nil {
		return r, fmt.Errorf("find receipt: %w", err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("read receipt: %w", err)
	}
	return r, nil
}

// Waiting is the status of what is not all worked on yet.
func (r Receipt) Waiting() Status {
	return Status{ID: r.ID, Status: Pending, Requested: Stamp(r.Begun), Total: r.Total, Pending: r.Total}
}

// Taken is the status of what is in the graph.
func (r Receipt) Taken() Status {
	return Status{ID: r.ID, Status: Complete, Requested: Stamp(r.Begun), Total: r.Total, Success: r.Total}
}

// Refused is the status of what could not be used, all of it for one reason.
func (r Receipt) Refused(why string) Status {
	st := Status{ID: r.ID, Status: Complete, Requested: Stamp(r.Begun), Total: r.Total, Failure: r.Total}
	for _, d := range r.Objects {
		d.Message = why
		st.Failures = append(st.Failures, d)
	}
	return st
}
