package source_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cybexp/cybexp/ingest/source"
)

// mispServer has events, as a feed and for searches.
type mispServer struct {
	t *testing.T

	mu     sync.Mutex
	events []mispEvent
	hidden string   // UUID that the feed lists and does not have
	fail   bool     // refuses all but the list
	asked  []string // paths, and pages of searches
}

type mispEvent struct {
	uuid string
	at   int
}

func (e mispEvent) text() string {
	return fmt.Sprintf(`{"Event":{"info":"x","publish_timestamp":"%d","uuid":"%s"}}`, e.at, e.uuid)
}

func event(n, at int) mispEvent {
	return mispEvent{fmt.Sprintf("00000000-0000-4000-8000-%012d", n), at}
}

func (m *mispServer) change(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

func (m *mispServer) requests() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.asked)
}

func (m *mispServer) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, q.URL.Path)
	if q.URL.Path == "/events/restSearch" {
		m.search(w, q)
		return
	}
	if q.URL.Path == "/feed/manifest.json" {
		list := map[string]any{"../../etc/passwd": map[string]any{"timestamp": 9}}
		for i, e := range m.events {
			list[e.uuid] = map[string]any{"timestamp": []any{e.at, fmt.Sprint(e.at)}[i%2], "info": "x"}
		}
		check(m.t, json.NewEncoder(w).Encode(list))
		return
	}
	for _, e := range m.events {
		if q.URL.Path == "/feed/"+e.uuid+".json" && e.uuid != m.hidden && !m.fail {
			fmt.Fprintln(w, strings.ReplaceAll(e.text(), ":{", ":\n  {"))
			return
		}
	}
	if m.fail {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	http.NotFound(w, q)
}

// search is what MISP does with a search: those published at the time or later, by number, so many a page.
func (m *mispServer) search(w http.ResponseWriter, q *http.Request) {
	var body struct {
		ReturnFormat     string `json:"returnFormat"`
		Page, Limit      int
		PublishTimestamp int `json:"publish_timestamp"`
		Published        bool
		WithAttachments  *bool `json:"withAttachments"`
		Org              string
		Tags             []string
	}
	check(m.t, json.NewDecoder(q.Body).Decode(&body))
	if q.Header.Get("Authorization") != "key-of-ada" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	if body.ReturnFormat != "json" || !body.Published || *body.WithAttachments || body.Org != "CIRCL" || !slices.Equal(body.Tags, []string{"a", "b"}) {
		m.t.Errorf("searched for %+v", body)
	}
	m.asked[len(m.asked)-1] = fmt.Sprintf("page %d since %d", body.Page, body.PublishTimestamp)
	if m.fail && body.Page > 1 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	var found []json.RawMessage
	for _, e := range m.events {
		if e.at >= body.PublishTimestamp {
			found = append(found, json.RawMessage(e.text()))
		}
	}
	from := min((body.Page-1)*body.Limit, len(found))
	page := found[from:min(from+body.Limit, len(found))]
	check(m.t, json.NewEncoder(w).Encode(map[string]any{"response": append([]json.RawMessage{}, page...)}))
}

func texts(events []mispEvent) []string {
	var all []string
	for _, e := range events {
		all = append(all, e.text())
	}
	return all
}

func TestMISPFeedGivesWhatIsNew(t *testing.T) {
	r := newRig(t)
	m := &mispServer{t: t, events: []mispEvent{event(1, 100), event(2, 200), event(3, 50)}, hidden: event(3, 50).uuid}
	s := r.service()
	src := r.add(s, source.Source{Kind: source.MISP, Settings: source.Settings{URL: serve(t, m.ServeHTTP) + "/feed/"}}, "")
	stop := r.start(s.Run)
	r.await(texts(m.events[:2])...)
	eventually(t, "a note of the missing one", func() bool { return strings.Contains(r.status(s, src).Note, "lists 1 events") })
	stop()
	m.change(func() {
		m.hidden = ""
		m.events[0].at = 300 // changed
		m.events = append(m.events, event(4, 10))
		m.asked = nil
	})
	stop = r.start(r.service().Run)
	r.await(append(texts(m.events), event(1, 100).text())...)
	eventually(t, "no note", func() bool { return r.status(s, src).Note == "" })
	stop()
	for _, path := range m.requests() {
		if strings.Contains(path, event(2, 0).uuid) || strings.Contains(path, "passwd") {
			t.Errorf("asked for %s", path)
		}
	}
	r.took(s, src, 5)
}

func TestMISPSearchGoesOnWhereItBrokeOff(t *testing.T) {
	r := newRig(t)
	m := &mispServer{t: t, fail: true}
	for n := range 45 {
		m.events = append(m.events, event(n, 1000+n%7))
	}
	s := r.service()
	src := r.add(s, source.Source{Kind: source.MISP, Settings: source.Settings{
		URL: serve(t, m.ServeHTTP), Mode: "search", Filter: map[string][]string{"org": {"CIRCL"}, "tags": {"a", "b"}},
	}}, "key-of-ada")
	stop := r.start(s.Run)
	r.await(texts(m.events[:20])...)
	eventually(t, "the failure", func() bool { return strings.Contains(r.status(s, src).Error, "503") })
	stop()
	m.change(func() { m.fail, m.asked = false, nil })
	r.start(r.service().Run)
	r.await(texts(m.events)...)
	// The server may still have been busy with a request of the first run.
	asked := func() []string { return slices.Compact(m.requests()) }
	eventually(t, "a second search", func() bool { return len(asked()) >= 3 })
	if got, want := asked()[:3], []string{"page 2 since 0", "page 3 since 0", "page 1 since 1006"}; !slices.Equal(got, want) {
		t.Errorf("asked for %q, want %q", got, want)
	}
	m.change(func() { m.events = append(m.events, event(99, 1006)) })
	r.await(texts(m.events)...)
	before := len(m.requests())
	eventually(t, "more searches", func() bool { return len(m.requests()) >= before+3 })
	r.took(s, src, 46) // what comes again makes no upload
}
