package source

import (
	"context"
	"errors"
	"net/http"
)

// validators are what a server said of the feed that the lake has, so that it need not send it again.
type validators struct {
	ETag     string `json:"etag,omitempty"`
	Modified string `json:"modified,omitempty"`
}

func (v validators) header() http.Header {
	h := http.Header{"Accept-Encoding": {"gzip"}}
	if v.ETag != "" {
		h.Set("If-None-Match", v.ETag)
	}
	if v.Modified != "" {
		h.Set("If-Modified-Since", v.Modified)
	}
	return h
}

func validatorsOf(h http.Header) validators { return validators{h.Get("ETag"), h.Get("Last-Modified")} }

// fetchFeed takes a feed in whole, if it has changed. A feed that breaks off is fetched again from its beginning: what of it came before
// comes twice.
func (o *outlet) fetchFeed(ctx context.Context) error {
	var had validators
	if err := o.position(&had); err != nil {
		return err
	}
	resp, err := o.ask(ctx, request{method: http.MethodGet, url: o.address(), header: had.header(), scheme: "Bearer "},
		http.StatusOK, http.StatusNotModified)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotModified {
		if had == (validators{}) {
			return errors.New("the server says that nothing changed since never")
		}
		return nil
	}
	body, err := decompress(resp.Body)
	if err != nil {
		return err
	}
	if err := o.send(ctx, body); err != nil {
		return err
	}
	return o.commit(ctx, validatorsOf(resp.Header))
}
