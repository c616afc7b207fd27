package source_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cybexp/cybexp/ingest/source"
)

// taxiiServer is a collection that gives two objects a page.
type taxiiServer struct {
	t *testing.T

	mu      sync.Mutex
	added   []time.Time
	noNext  bool // pages by time alone
	restart int  // its cursors are of this run, and unknown to the next
	failAt  int  // object at which it fails; -1 never
	kind    string
}

const collection = "/api1/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/"

func (s *taxiiServer) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func object(n int) string { return fmt.Sprintf(`{"type":"indicator","id":"indicator--%d"}`, n) }

func (s *taxiiServer) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	user, password, _ := q.BasicAuth()
	query := q.URL.Query()
	switch {
	case user != "ada" || password != "pass":
		w.WriteHeader(http.StatusUnauthorized)
		return
	case q.URL.Path != collection+"objects/":
		w.WriteHeader(http.StatusNotFound)
		return
	case q.Header.Get("Accept") != "application/taxii+json;version=2.1":
		w.WriteHeader(http.StatusNotAcceptable)
		return
	case query.Get("match[type]") != "indicator,malware":
		s.t.Errorf("asked for %q", q.URL.RawQuery)
	}
	from := 0
	if after := query.Get("added_after"); after != "" {
		at := must(time.Parse(time.RFC3339Nano, after))(s.t)
		for from < len(s.added) && !s.added[from].After(at) {
			from++
		}
	}
	if next := query.Get("next"); next != "" {
		run, n, _ := strings.Cut(next, "-")
		if run != strconv.Itoa(s.restart) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		from = must(strconv.Atoi(n))(s.t)
	}
	s.page(w, from)
}

func (s *taxiiServer) page(w http.ResponseWriter, from int) {
	end := min(from+2, len(s.added))
	if s.failAt >= from && s.failAt < end {
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	w.Header().Set("Content-Type", s.kind)
	envelope := map[string]any{}
	if from < end {
		const layout = "2006-01-02T15:04:05.000000Z"
		w.Header().Set("X-TAXII-Date-Added-First", s.added[from].Format(layout))
		w.Header().Set("X-TAXII-Date-Added-Last", s.added[end-1].Format(layout))
		var objects []json.RawMessage
		for n := from; n < end; n++ {
			objects = append(objects, json.RawMessage(object(n)))
		}
		envelope["objects"] = objects
	}
	if end < len(s.added) {
		envelope["more"] = true
		if !s.noNext {
			envelope["next"] = fmt.Sprintf("%d-%d", s.restart, end)
		}
	}
	check(s.t, json.NewEncoder(w).Encode(envelope))
}

func (s *taxiiServer) add(n int) {
	for range n {
		s.added = append(s.added, time.Date(2024, 1, 1, 0, 0, len(s.added), 123_456_000, time.UTC))
	}
}

// bundleOf is the bundle that is made of objects from one to another.
func bundleOf(from, to int) string {
	var list []string
	for n := from; n < to; n++ {
		list = append(list, object(n))
	}
	text := strings.Join(list, ",")
	sum := sha256.Sum256([]byte(text))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	return fmt.Sprintf(`{"id":"bundle--%x-%x-%x-%x-%x","objects":[%s],"type":"bundle"}`, sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16], sorted(list))
}

// sorted writes objects with their members in order, as the pipeline does.
func sorted(objects []string) string {
	var all []string
	for _, o := range objects {
		var v map[string]any
		_ = json.Unmarshal([]byte(o), &v)
		text, _ := json.Marshal(v)
		all = append(all, string(text))
	}
	return strings.Join(all, ",")
}

func TestTAXIIPages(t *testing.T) {
	for _, noNext := range []bool{false, true} {
		t.Run(fmt.Sprintf("without next %v", noNext), func(t *testing.T) {
			r := newRig(t)
			server := &taxiiServer{t: t, noNext: noNext, failAt: 3, kind: "application/taxii+json;version=2.1"}
			server.add(5)
			s := r.service()
			src := r.add(s, source.Source{Kind: source.TAXII, Typetag: "stix", Settings: source.Settings{
				URL: serve(t, server.ServeHTTP) + collection, Login: "ada", Filter: map[string][]string{"type": {"indicator", "malware"}},
			}}, "pass")
			stop := r.start(s.Run)
			r.await(bundleOf(0, 2))
			eventually(t, "the failure", func() bool { return strings.Contains(r.status(s, src).Error, "429") })
			stop()
			server.change(func() { server.failAt, server.restart = -1, 1 }) // forgets its cursors, so the first page may come again
			r.start(r.service().Run)
			want := []string{bundleOf(0, 2), bundleOf(2, 4), bundleOf(4, 5)}
			r.await(want...)
			server.change(func() { server.add(1) })
			r.await(append(want, bundleOf(5, 6))...)
		})
	}
}

func TestTAXIIRefusesWhatIsNotTAXII(t *testing.T) {
	r := newRig(t)
	server := &taxiiServer{t: t, failAt: -1, kind: "text/html"}
	server.add(1)
	s := r.service()
	src := r.add(s, source.Source{Kind: source.TAXII, Typetag: "stix", Settings: source.Settings{
		URL: serve(t, server.ServeHTTP) + collection, Login: "ada", Filter: map[string][]string{"type": {"indicator", "malware"}},
	}}, "pass")
	r.start(s.Run)
	eventually(t, "the reason", func() bool { return strings.Contains(r.status(s, src).Error, "not TAXII 2.1") })
}
