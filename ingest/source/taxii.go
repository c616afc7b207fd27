package source

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// taxiiType is the media type of TAXII 2.1.
const taxiiType = "application/taxii+json"

// Bounds of what is asked for and of what is taken, in objects and bytes.
const (
	taxiiLimit  = 500
	maxEnvelope = 256 << 20
	bundleBytes = 8 << 20 // a record of the lake may have twice that
)

// taxiiMark is the position in a collection: everything that was added up to After, and some pages of what was added since.
type taxiiMark struct {
	After string `json:"after,omitempty"` // added_after of the request
	Next  string `json:"next,omitempty"`  // of the page that comes next
	Last  string `json:"last,omitempty"`  // when the latest object that was taken had been added
}

// fetchTAXII takes what was added to a collection, page by page, in the order in which it was added (TAXII 2.1, 3.5 and 5.4).
func (o *outlet) fetchTAXII(ctx context.Context) error {
	var mark taxiiMark
	if !o.src.Since.IsZero() {
		mark.After = o.src.Since.UTC().Format("2006-01-02T15:04:05.000000Z")
	}
	if err := o.position(&mark); err != nil {
		return err
	}
	for {
		page, err := o.taxiiPage(ctx, mark)
		if mark.Next != "" && isRefused(err) { // the server has forgotten where we were: again from what is sure
			mark.Next, mark.Last = "", ""
			page, err = o.taxiiPage(ctx, mark)
		}
		if err != nil {
			return err
		}
		for _, bundle := range bundles(page.Objects) {
			if err := o.send(ctx, bytes.NewReader(bundle)); err != nil {
				return err
			}
		}
		more, err := mark.advance(page)
		if err != nil {
			return err
		}
		if err := o.commit(ctx, mark); err != nil || !more {
			return err
		}
	}
}

// isRefused tells an answer that blames the request.
func isRefused(err error) bool {
	var status *statusError
	return errors.As(err, &status) && (status.Code == http.StatusBadRequest || status.Code == http.StatusNotFound || status.Code == http.StatusGone)
}

// taxiiEnvelope is an answer to a request for objects, with the header that says when the last of them was added.
type taxiiEnvelope struct {
	More    bool              `json:"more"`
	Next    string            `json:"next"`
	Objects []json.RawMessage `json:"objects"`

	last string
}

// errNoProgress is a server that would be asked the same for ever.
var errNoProgress = errors.New("the server says that there is more and not where")

// advance moves on behind a page and tells whether there is another.
func (m *taxiiMark) advance(page taxiiEnvelope) (more bool, err error) {
	if page.last != "" {
		m.Last = page.last
	}
	switch {
	case page.More && page.Next != "":
		if page.Next == m.Next {
			return false, errNoProgress
		}
		m.Next = page.Next
		return true, nil
	case page.More: // a server that knows no next is asked by time
		if page.last == "" || page.last == m.After {
			return false, errNoProgress
		}
		*m = taxiiMark{After: page.last}
		return true, nil
	}
	if m.Last != "" {
		m.After = m.Last
	}
	m.Next, m.Last = "", ""
	return false, nil
}

func (o *outlet) taxiiPage(ctx context.Context, mark taxiiMark) (taxiiEnvelope, error) {
	query := url.Values{"limit": {strconv.Itoa(taxiiLimit)}}
	for name, values := range o.src.Filter {
		query.Set("match["+name+"]", strings.Join(values, ","))
	}
	if mark.After != "" {
		query.Set("added_after", mark.After)
	}
	if mark.Next != "" {
		query.Set("next", mark.Next)
	}
	address := strings.TrimSuffix(strings.TrimRight(o.src.URL, "/"), "/objects") + "/objects/"
	resp, err := o.ask(ctx, request{method: http.MethodGet, url: o.withSecret(address) + "?" + query.Encode(), scheme: "Bearer ", header: http.Header{
		"Accept": {taxiiType + ";version=2.1"}, "Accept-Encoding": {"gzip"},
	}}, http.StatusOK)
	if err != nil {
		return taxiiEnvelope{}, err
	}
	defer resp.Body.Close()
	kind, params, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || kind != taxiiType || params["version"] != "" && params["version"] != "2.1" {
		return taxiiEnvelope{}, fmt.Errorf("the answer is %.60q, not TAXII 2.1", resp.Header.Get("Content-Type"))
	}
	text, err := readAll(resp.Body, maxEnvelope)
	if err != nil {
		return taxiiEnvelope{}, fmt.Errorf("read envelope: %w", err)
	}
	return readEnvelope(text, resp.Header.Get("X-TAXII-Date-Added-Last"))
}

// readEnvelope reads an answer; last is the header that goes with it, which counts only if it is a time.
func readEnvelope(text []byte, last string) (taxiiEnvelope, error) {
	var page taxiiEnvelope
	if len(bytes.TrimSpace(text)) > 0 { // some servers say nothing of nothing
		if err := json.Unmarshal(text, &page); err != nil {
			return taxiiEnvelope{}, fmt.Errorf("read envelope: %w", err)
		}
	}
	if _, err := time.Parse(time.RFC3339Nano, last); err == nil {
		page.last = last
	}
	return page, nil
}

// bundles makes STIX bundles of the objects of a page, so that they are mapped in each other's sight: one, unless it would be too long for
// a record. Its name is made of what it holds, so that the same page is the same bundle.
func bundles(objects []json.RawMessage) [][]byte {
	var made [][]byte
	for len(objects) > 0 {
		size, n := 0, 0
		for n < len(objects) && (n == 0 || size+len(objects[n]) < bundleBytes) {
			size += len(objects[n]) + 1
			n++
		}
		made = append(made, bundle(objects[:n]))
		objects = objects[n:]
	}
	return made
}

func bundle(objects []json.RawMessage) []byte {
	var list bytes.Buffer
	for i, object := range objects {
		if i > 0 {
			list.WriteByte(',')
		}
		list.Write(oneJSON(object))
	}
	sum := sha256.Sum256(list.Bytes())
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80 // a UUID of version 8
	text := fmt.Appendf(nil, `{"type":"bundle","id":"bundle--%x-%x-%x-%x-%x","objects":[`, sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
	return append(append(text, list.Bytes()...), `]}`...)
}
