package source

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
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

// feedMark is the position in a feed: what the server called what the lake has, and what that was, as it came.
type feedMark struct {
	validators

	SHA256 string `json:"sha256,omitempty"`
	Bytes  int64  `json:"bytes,omitempty"`
}

// fetchFeed takes a feed in whole, if it has changed: as the server says, or, where it says nothing, if it is not what came last. A feed
// that breaks off is fetched again from its beginning: what of it came before comes twice.
func (o *outlet) fetchFeed(ctx context.Context) error {
	var had feedMark
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
		if had.validators == (validators{}) {
			return errors.New("the server says that nothing changed since never")
		}
		return nil
	}
	spool := &feedSpool{had: had}
	defer spool.close()
	body, same, err := spool.compare(resp)
	if err != nil {
		return err
	}
	if !same {
		if err := o.sendFeed(ctx, body); err != nil {
			return err
		}
	}
	had = feedMark{validatorsOf(resp.Header), body.sum(), body.bytes}
	return o.commit(ctx, had)
}

// sendFeed sends a feed as it came, perhaps compressed, and reads it to its end.
func (o *outlet) sendFeed(ctx context.Context, body io.Reader) error {
	plain, err := decompress(body)
	if err != nil {
		return err
	}
	if err := o.send(ctx, plain); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, body) // what stands behind the end of an archive counts for its hash
	return err
}

// hashed is a reader that knows what it gave.
type hashed struct {
	r     io.Reader
	hash  hash.Hash
	bytes int64
}

func newHashed(r io.Reader) *hashed { return &hashed{r: r, hash: sha256.New()} }

func (h *hashed) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	_, _ = h.hash.Write(p[:n]) // never fails
	h.bytes += int64(n)
	return n, err
}

func (h *hashed) sum() string { return hex.EncodeToString(h.hash.Sum(nil)) }

// feedSpool holds as much of a feed as the last one had, to see whether it is the same. It is a file without a name, so that it goes with
// the process in any case.
type feedSpool struct {
	had  feedMark
	file *os.File
}

// compare tells whether a feed is the one that came last, and gives it to be read; if it is the same it has been read.
func (s *feedSpool) compare(resp *http.Response) (body *hashed, same bool, err error) {
	size := resp.ContentLength
	if s.had.SHA256 == "" || size >= 0 && size != s.had.Bytes {
		return newHashed(resp.Body), false, nil
	}
	if s.file, err = os.CreateTemp("", "cybexp-feed-*"); err != nil {
		return nil, false, fmt.Errorf("spool feed: %w", err)
	}
	if err := os.Remove(s.file.Name()); err != nil {
		return nil, false, fmt.Errorf("spool feed: %w", err)
	}
	begin := newHashed(io.LimitReader(resp.Body, s.had.Bytes))
	if _, err := io.Copy(s.file, begin); err != nil {
		return nil, false, fmt.Errorf("spool feed: %w", err)
	}
	more := make([]byte, 1)
	n, err := io.ReadFull(resp.Body, more)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, fmt.Errorf("read feed: %w", err)
	}
	if n == 0 && begin.sum() == s.had.SHA256 {
		return begin, true, nil
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return nil, false, fmt.Errorf("spool feed: %w", err)
	}
	return newHashed(io.MultiReader(s.file, bytes.NewReader(more[:n]), resp.Body)), false, nil
}

func (s *feedSpool) close() {
	if s.file != nil {
		_ = s.file.Close() // it has no name and nobody needs it any more
	}
}
