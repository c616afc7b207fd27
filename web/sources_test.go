package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// TestSourcesThroughTheAPI adds a source, sees what it brings, stops, starts and removes it.
func TestSourcesThroughTheAPI(t *testing.T) {
	const secret = "s3cr3t"
	r := newRig(t)
	var asked atomic.Int64
	feed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("Authorization") != "Bearer "+secret {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(w, "evil%d.example\n", asked.Add(1)) // what is the same again would not be taken
	}))
	defer feed.Close()
	body := fmt.Sprintf(`{"name":"a feed","kind":"http","org":%q,"typetag":"indicators","url":%q,"secret":%q,"period":"1h"}`, r.orgName, feed.URL, secret)
	if a := r.post(r.reader, "/api/v1/sources", body); a.status != http.StatusForbidden {
		t.Errorf("a reader adds a source: %d", a.status)
	}
	added := r.post(r.admin, "/api/v1/sources", body)
	if added.status != http.StatusCreated || added.header.Get("Location") != "/api/v1/sources/"+added.text(t, "id") {
		t.Fatalf("%d %s", added.status, added.body)
	}
	path := added.header.Get("Location")
	if a := r.post(r.admin, "/api/v1/sources", body); a.status != http.StatusConflict {
		t.Errorf("the same name again: %d", a.status)
	}
	eventually(t, "a record", func() bool { return r.get(r.admin, path).member(t, "records") == 1.0 })
	if a := r.post(r.admin, path+"/stop", ""); a.text(t, "state") != "stopped" {
		t.Errorf("stopped: %s", a.body)
	}
	r.post(r.admin, path+"/start", "")
	eventually(t, "a record again, though the hour is not over", func() bool { return r.get(r.admin, path).member(t, "records") == 2.0 })
	if a := r.get(r.admin, "/api/v1/sources"); !strings.Contains(string(a.body), `"a feed"`) || strings.Contains(string(a.body), secret) {
		t.Errorf("listed: %s", a.body)
	}
	for _, as := range []person{r.reader, r.stranger} {
		if a := r.get(as, "/api/v1/sources"); string(a.body) != `{"sources":[]}`+"\n" {
			t.Errorf("%s sees %s", as.Email, a.body)
		}
		for _, c := range []call{
			{method: http.MethodGet, path: path}, {method: http.MethodDelete, path: path},
			{method: http.MethodPost, path: path + "/start"}, {method: http.MethodPost, path: path + "/stop"},
		} {
			c.as = as
			if a := r.do(c); a.status != http.StatusNotFound {
				t.Errorf("%s: %s %s: %d", as.Email, c.method, c.path, a.status)
			}
		}
	}
	if a := r.do(call{method: http.MethodDelete, path: path, as: r.admin}); a.status != http.StatusNoContent {
		t.Errorf("removed: %d", a.status)
	}
	if a := r.get(r.admin, path); a.status != http.StatusNotFound {
		t.Errorf("after that: %d", a.status)
	}
	if strings.Contains(r.log.String(), secret) {
		t.Error("the log has the secret")
	}
}

func TestBadSourcesAreRefused(t *testing.T) {
	r := newRig(t)
	for body, want := range map[string]string{
		`{"name":"x"}`: "'kind' is missing",
		`{"org":"","name":"x","kind":"http","typetag":"csv"}`:                                                                             "'org' is missing",
		`{"org":"ORG","name":"","kind":"http","typetag":"csv","url":"http://a.example/"}`:                                                 "the name",
		`{"org":"ORG","kind":"http","typetag":"csv","url":"http://a.example/"}`:                                                           "'name' is missing",
		`{"org":"ORG","name":"x","kind":"gopher","typetag":"csv"}`:                                                                        "no kind of source",
		`{"org":"ORG","name":"x","kind":"stdin","typetag":"csv"}`:                                                                         "cybexp send -",
		`{"org":"ORG","name":"x","kind":"http","typetag":"csv","url":"file:///etc/passwd"}`:                                               "needs a URL",
		`{"org":"ORG","name":"x","kind":"http","typetag":"csv","url":"ftp://a.example/"}`:                                                 "http or https",
		`{"org":"ORG","name":"x","kind":"http","typetag":"csv","url":"http://ada:pass@a.example/"}`:                                       "password",
		`{"org":"ORG","name":"x","kind":"http","typetag":"csv","url":"http://{secret}.example/","secret":"s"}`:                            "behind the host",
		`{"org":"ORG","name":"x","kind":"http","typetag":"csv","url":"http://a.example/","secret":"a\nb"}`:                                "the secret",
		`{"org":"ORG","name":"x","kind":"http","typetag":"csv","url":"http://a.example/","header":"Host","secret":"s"}`:                   "no header",
		`{"org":"ORG","name":"x","kind":"http","typetag":"csv","url":"http://a.example/","period":"1ms"}`:                                 "the period",
		`{"org":"ORG","name":"x","kind":"http","typetag":"csv","url":"http://a.example/","period":"often"}`:                               "no length of time",
		`{"org":"ORG","name":"x","kind":"http","typetag":"csv","url":"http://a.example/","path":"a"}`:                                     "has no path",
		`{"org":"ORG","name":"x","kind":"http","typetag":"csv","url":"http://a.example/","timezone":"Mars/Olympus"}`:                      "time zone",
		`{"org":"ORG","name":"x","kind":"http","typetag":"no such","url":"http://a.example/"}`:                                            "typetag",
		`{"org":"ORG","name":"x","kind":"websocket","typetag":"cowrie","url":"http://a.example/"}`:                                        "ws or wss",
		`{"org":"ORG","name":"x","kind":"misp","typetag":"misp_event","url":"http://a.example/","mode":"search","filter":{"page":["2"]}}`: "not for you",
		`{"org":"ORG","name":"x","kind":"misp","typetag":"misp_event","url":"http://a.example/?a=b"}`:                                     "no ?",
		`{"org":"ORG","name":"x","kind":"file","typetag":"cowrie","path":"../etc/passwd"}`:                                                "under the folder",
		`{"org":"ORG","name":"x","kind":"file","typetag":"cowrie","path":"/etc/passwd"}`:                                                  "under the folder",
		`{"org":"ORG","name":"x","kind":"file","typetag":"csv","path":"a.csv"}`:                                                           "must be whole",
		`{"org":"ORG","name":"x","kind":"syslog","typetag":"cowrie","listen":"5514"}`:                                                     "udp:PORT",
		`{"org":"ORG","name":"x","kind":"syslog","typetag":"cowrie","listen":"tcp:66000"}`:                                                "udp:PORT",
		`{"org":"ORG","name":"x","kind":"http","typetag":"csv","url":"http://a.example/","sealed":"AAAA"}`:                                "unknown field",
	} {
		a := r.post(r.admin, "/api/v1/sources", strings.ReplaceAll(body, "ORG", r.orgName))
		if a.status != http.StatusBadRequest || !strings.Contains(a.text(t, "detail"), want) {
			t.Errorf("%s: %d %s, want %q", body, a.status, a.body, want)
		}
	}
	for _, id := range []string{"x", "%2e%2e", strings.Repeat("0", 32), "*", ">"} {
		if a := r.get(r.admin, "/api/v1/sources/"+id); a.status != http.StatusNotFound {
			t.Errorf("%s: %d", id, a.status)
		}
	}
}
