package source_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cybexp/cybexp/ingest/source"
)

func httpSource(url string) source.Source {
	return source.Source{Kind: source.HTTP, Settings: source.Settings{URL: url}}
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// TestFeedIsFetchedWhenItChanges talks to the validation of net/http, by ETag and by date.
func TestFeedIsFetchedWhenItChanges(t *testing.T) {
	for _, by := range []string{"etag", "date"} {
		t.Run(by, func(t *testing.T) {
			r := newRig(t)
			var version, unchanged, sent atomic.Int64
			s := r.service()
			src := r.add(s, httpSource(serve(t, func(w http.ResponseWriter, req *http.Request) {
				v := version.Load()
				changed := time.Time{}
				if by == "etag" {
					w.Header().Set("ETag", fmt.Sprintf(`"v%d"`, v))
				} else {
					changed = time.Unix(1_700_000_000+v, 0)
				}
				if req.Header.Get("If-None-Match") != "" || req.Header.Get("If-Modified-Since") != "" {
					unchanged.Add(1)
				}
				if v == 0 && unchanged.Load() == 0 {
					sent.Add(1)
				}
				http.ServeContent(w, req, "feed.txt", changed, strings.NewReader(fmt.Sprintf("http://a.example/%d\n", v)))
			})), "")
			stop := r.start(s.Run)
			r.await("http://a.example/0")
			eventually(t, "two looks that find nothing", func() bool { return unchanged.Load() >= 2 })
			stop()
			if got := r.status(s, src); got.Records != 1 || sent.Load() != 1 {
				t.Errorf("took %d records in %d answers, want 1 in 1", got.Records, sent.Load())
			}
			version.Add(1)
			r.start(r.service().Run) // knows what the other had, and the change is seen
			r.await("http://a.example/0", "http://a.example/1")
			eventually(t, "two records in all", func() bool { return r.status(s, src).Records == 2 })
		})
	}
}

// TestFeedWithoutValidatorsIsTakenWhenItChanges has a server that says nothing of its feed: what came last time is not taken again, also
// by another process.
func TestFeedWithoutValidatorsIsTakenWhenItChanges(t *testing.T) {
	for name, chunked := range map[string]bool{"of known length": false, "of unknown length": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			var asked atomic.Int64
			var feed atomic.Value
			feed.Store("a.example\nb.example\n")
			s := r.service()
			src := r.add(s, httpSource(serve(t, func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				if chunked {
					w.(http.Flusher).Flush()
				}
				_, _ = fmt.Fprint(w, feed.Load())
			})), "")
			looks := func(n int64) {
				t.Helper()
				from := asked.Load()
				eventually(t, "looks", func() bool { return asked.Load() >= from+n })
			}
			stop := r.start(s.Run)
			r.await("a.example", "b.example")
			looks(3)
			stop()
			r.took(s, src, 2)
			r.start(r.service().Run)
			looks(2)
			r.took(s, src, 2)
			feed.Store("a.example\nc.example\n") // as long as before
			r.await("a.example", "b.example", "c.example")
			looks(2)
			r.took(s, src, 4)
			feed.Store("a.example\nc.example\nd.example\n") // begins like before
			r.await("a.example", "b.example", "c.example", "d.example")
			looks(2)
			r.took(s, src, 7)
		})
	}
}

func TestFeedThatBreaksOffIsFetchedAgain(t *testing.T) {
	whole := zip(t, `{"a":1}`+"\n"+`{"a":2}`+"\n")
	for name, broken := range map[string][]byte{
		"plain": []byte(`{"a":1}` + "\n" + `{"a":`),
		"gzip":  whole[:len(whole)-5],
		"empty": {},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			var asked atomic.Int64
			s := r.service()
			src := r.add(s, httpSource(serve(t, func(w http.ResponseWriter, req *http.Request) {
				w.Header().Set("ETag", `"same"`)
				if req.Header.Get("If-None-Match") == `"same"` {
					w.WriteHeader(http.StatusNotModified)
					return
				}
				if asked.Add(1) > 2 {
					_, _ = w.Write(whole)
					return
				}
				w.Header().Set("Content-Length", "1000")
				_, _ = w.Write(broken)
			})), "")
			r.start(s.Run)
			r.await(`{"a":1}`, `{"a":2}`)
			eventually(t, "success", func() bool { st := r.status(s, src); return st.Error == "" && st.Records >= 2 })
		})
	}
}

func zip(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_ = must(z.Write([]byte(text)))(t)
	check(t, z.Close())
	return b.Bytes()
}

func TestFeedMayBeCompressed(t *testing.T) {
	bz := must(base64.StdEncoding.DecodeString(bz2Text))(t)
	for name, body := range map[string][]byte{
		"not": []byte("evil.example\n"), "gzip": zip(t, "evil.example\n"), "twice": zip(t, string(zip(t, "evil.example\n"))), "bzip2": bz,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			s := r.service()
			r.add(s, httpSource(serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })), "")
			r.start(s.Run)
			r.await("evil.example")
		})
	}
}

// TestFeedSurvivesItsServer takes the server away and brings it back at the same place.
func TestFeedSurvivesItsServer(t *testing.T) {
	r := newRig(t)
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	up := func(l net.Listener, text string) *httptest.Server {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, text) }))
		check(t, server.Listener.Close())
		server.Listener = l
		server.Start()
		return server
	}
	server := up(l, "one")
	s := r.service()
	src := r.add(s, httpSource(server.URL), "")
	r.start(s.Run)
	r.await("one")
	server.Close()
	eventually(t, "failures are told", func() bool {
		st := r.status(s, src)
		return st.State == "failing" && st.Failures > 1 && strings.Contains(st.Error, "refused")
	})
	server = up(must(net.Listen("tcp", l.Addr().String()))(t), "two")
	defer server.Close()
	r.await("one", "two")
	eventually(t, "success", func() bool { st := r.status(s, src); return st.Failures == 0 && st.Error == "" && st.Lag >= 0 })
}

func TestStallingServerIsGivenUp(t *testing.T) {
	r := newRig(t)
	release := make(chan struct{})
	defer close(release)
	s := r.service(func(c *source.Config) { c.Stall = 50 * time.Millisecond })
	src := r.add(s, httpSource(serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "one")
		_ = http.NewResponseController(w).Flush()
		<-release
	})), "")
	r.start(s.Run)
	eventually(t, "the reason", func() bool { return strings.Contains(r.status(s, src).Error, "stopped sending") })
}

// TestSecretsStayHere signs in in every way and looks for the secret where it must not be.
func TestSecretsStayHere(t *testing.T) {
	const secret = "s3cr3t-of-mine"
	for name, c := range map[string]struct {
		set  source.Settings
		path string
		want func(*http.Request) bool
	}{
		"bearer": {want: func(q *http.Request) bool { return q.Header.Get("Authorization") == "Bearer "+secret }},
		"basic": {set: source.Settings{Login: "ada"}, want: func(q *http.Request) bool {
			user, password, _ := q.BasicAuth()
			return user == "ada" && password == secret
		}},
		"header": {set: source.Settings{Header: "X-API-Key"}, want: func(q *http.Request) bool { return q.Header.Get("X-Api-Key") == secret }},
		"url":    {path: "/data/{secret}/list", want: func(q *http.Request) bool { return q.URL.Path == "/data/"+secret+"/list" }},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			var open atomic.Bool
			url := serve(t, func(w http.ResponseWriter, q *http.Request) {
				switch {
				case !c.want(q):
					w.WriteHeader(http.StatusUnauthorized)
				case !open.Load(): // an error whose text has the address
					hijacked, _, err := w.(http.Hijacker).Hijack()
					if err == nil {
						_ = hijacked.Close()
					}
				default:
					fmt.Fprintln(w, "one")
				}
			})
			s := r.service()
			c.set.URL = url + c.path
			src := r.add(s, source.Source{Kind: source.HTTP, Settings: c.set}, secret)
			r.start(s.Run)
			eventually(t, "an error", func() bool { return r.status(s, src).Failures > 0 })
			failing := r.status(s, src)
			open.Store(true)
			r.await("one")
			stored, _, err := s.Store.Get(t.Context(), "source."+src.ID)
			check(t, err)
			for what, text := range map[string]string{"log": r.log.String(), "status": fmt.Sprintf("%+v", failing), "store": string(stored)} {
				if strings.Contains(text, secret) {
					t.Errorf("the %s tells the secret: %s", what, text)
				}
			}
		})
	}
}

const bz2Text = "QlpoOTFBWSZTWZ4tItsAAAJRgAAQAAEiJkFAIAAiBoHqEAMFZCo04G8XckU4UJCeLSLb" // evil.example
