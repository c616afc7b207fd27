package source

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// address is the URL of the source, with the secret where it says so.
func (o *outlet) address() string { return o.withSecret(o.src.URL) }

// withSecret puts the secret into an address of the source, where that says so.
func (o *outlet) withSecret(address string) string {
	return strings.ReplaceAll(address, secretMark, url.PathEscape(o.secret))
}

// signIn gives headers what the source's server wants to see: a login, a header of its own, or what scheme says, such as "Bearer ".
func (o *outlet) signIn(header http.Header, scheme string) {
	header.Set("User-Agent", o.svc.Agent)
	switch {
	case !o.src.Secret || strings.Contains(o.src.URL, secretMark):
	case o.src.Login != "":
		header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(o.src.Login+":"+o.secret)))
	case o.src.Header != "":
		header.Set(o.src.Header, o.secret)
	default:
		header.Set("Authorization", scheme+o.secret)
	}
}

// request is what is asked of a server.
type request struct {
	method, url string
	header      http.Header
	scheme      string // before a secret that stands in Authorization
	body        []byte
}

// ask sends a request and returns the answer if its status is one of ok. The caller closes the body, which ends with an error when the
// server sends nothing for too long.
func (o *outlet) ask(ctx context.Context, r request, ok ...int) (*http.Response, error) {
	if o.src.Secret && !strings.Contains(o.src.URL, secretMark) {
		ctx = context.WithValue(ctx, withSecret{}, true)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, bytes.NewReader(r.body))
	if err != nil {
		cancel(nil)
		return nil, fmt.Errorf("make request: %w", err)
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	o.signIn(req.Header, r.scheme)
	resp, err := o.svc.client.Do(req)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	for _, code := range ok {
		if resp.StatusCode == code {
			resp.Body = newStalled(ctx, resp.Body, o.svc.Stall, cancel)
			return resp, nil
		}
	}
	_ = resp.Body.Close()
	cancel(nil)
	return nil, &statusError{Code: resp.StatusCode, After: retryAfter(resp.Header.Get("Retry-After"), o.svc.Now())}
}

// retryAfter reads the header of that name, in seconds or as a date.
func retryAfter(text string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// errStalled is a server that sends nothing more.
var errStalled = errors.New("the server has stopped sending")

// stalled is the body of an answer whose request is cancelled when nothing comes for long.
type stalled struct {
	io.ReadCloser

	limit  time.Duration
	timer  *time.Timer
	cancel context.CancelCauseFunc
	cause  func() error
}

func newStalled(ctx context.Context, body io.ReadCloser, limit time.Duration, cancel context.CancelCauseFunc) *stalled {
	return &stalled{
		ReadCloser: body, limit: limit, cancel: cancel,
		timer: time.AfterFunc(limit, func() { cancel(errStalled) }),
		cause: func() error { return context.Cause(ctx) },
	}
}

func (s *stalled) Read(p []byte) (int, error) {
	s.timer.Reset(s.limit)
	n, err := s.ReadCloser.Read(p)
	s.timer.Stop() // what the reader does with it is no fault of the server
	if err != nil && !errors.Is(err, io.EOF) && errors.Is(s.cause(), errStalled) {
		err = errStalled
	}
	return n, err
}

func (s *stalled) Close() error {
	s.timer.Stop()
	s.cancel(nil)
	return s.ReadCloser.Close()
}

// maxFetch is how much of one answer is taken, decompressed, in bytes.
const maxFetch = 4 << 30

// decompress opens gzip and bzip2, which are known by how they begin, since servers name them in many ways or not at all. What it
// returns ends with an error if it is cut off or is too long.
func decompress(r io.Reader) (io.Reader, error) {
	for range 3 { // a compressed file may be compressed again on its way
		b := bufio.NewReaderSize(r, 64<<10)
		head, err := b.Peek(10)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		switch {
		case bytes.HasPrefix(head, []byte{0x1f, 0x8b, 8}):
			if r, err = gzip.NewReader(b); err != nil {
				return nil, fmt.Errorf("open gzip: %w", err)
			}
		case bytes.HasPrefix(head, []byte("BZh")) && len(head) == 10 && string(head[4:]) == "1AY&SY":
			r = bzip2.NewReader(b)
		default:
			return &bounded{r: b, left: maxFetch}, nil
		}
	}
	return nil, errors.New("the answer is compressed again and again")
}

// bounded is a reader that fails, rather than ends, when it has given all it may.
type bounded struct {
	r    io.Reader
	left int64
}

var errTooLong = errors.New("the answer is too long")

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
