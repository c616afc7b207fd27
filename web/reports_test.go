package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"

	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/web"
)

func TestClassicQueries(t *testing.T) {
	r := newRig(t)
	r.load(logins(30))
	for name, c := range map[string]struct {
		body string
		want string // of data, current_page and next_page
	}{
		"count":                       {`{"type":"count","data":{"sub_type":"ipv4","data":"198.51.100.7"}}`, `30 1 1`},
		"count, the old name":         {`{"type":"count","data":{"sub_type":"ip","data":"198.51.100.7"}}`, `30 1 1`},
		"count with a filter":         {`{"type":"count","data":{"sub_type":"ipv4","data":"198.51.100.7","category":"benign"}}`, `0 1 1`},
		"count of what nobody saw":    {`{"type":"count","data":{"sub_type":"ipv4","data":"203.0.113.9"}}`, `0 1 1`},
		"summary of nothing":          {`{"type":"related","data":{"sub_type":"ipv4","data":"203.0.113.9"}}`, `{} 1 1`},
		"summary after the last page": {`{"type":"related","data":{"sub_type":"ipv4","data":"198.51.100.7","page":4}}`, `{} 4 1`},
		"instances after the last":    {`{"type":"related","data":{"sub_type":"ipv4","data":"198.51.100.7","page":4,"summary":false}}`, `[] 4 1`},
		"instances of nothing":        {`{"type":"related","data":{"sub_type":"ipv4","data":"203.0.113.9","summary":false}}`, `[] 1 1`},
		"text":                        {`{"tdql":"count ipv4 $ip","params":{"ip":"198.51.100.7"}}`, `[{"count":30}] 1 1`},
		"text without rows":           {`{"tdql":"ipv4 203.0.113.9"}`, `[] 1 1`},
		"an unknown type":             {`{"type":"counts","data":{}}`, `"\"counts\" is not a type of query; there are count, related and threatrank (did you mean \"count\"?)" 1 1`},
		"an unknown key":              {`{"type":"count","data":{"sub_type":"ipv4","data":"1.1.1.1","x":1}}`, `"unknown key \"x\"" 1 1`},
		"a member missing":            {`{"type":"count","data":{"sub_type":"ipv4"}}`, `"count needs \"data\"" 1 1`},
		"a time range in two manners": {`{"type":"count","data":{"sub_type":"ipv4","data":"1.1.1.1","last":"5s","from":"100"}}`, `"Don't specify both 'last' and 'from/to'!" 1 1`},
	} {
		t.Run(name, func(t *testing.T) {
			got := r.post(r.reader, "/query", c.body)
			var doc struct {
				IType  string          `json:"itype"`
				UserID string          `json:"userid"`
				Hash   string          `json:"_hash"`
				Data   json.RawMessage `json:"data"`
				Page   int             `json:"current_page"`
				Next   int             `json:"next_page"`
			}
			check(t, json.Unmarshal(got.body, &doc))
			if got.status != http.StatusCreated || doc.IType != "report" || doc.UserID != r.reader.Hash.String() || len(doc.Hash) != 64 {
				t.Errorf("got %d %s", got.status, got.body)
			}
			if text := fmt.Sprintf("%s %d %d", doc.Data, doc.Page, doc.Next); text != c.want {
				t.Errorf("got %s, want %s", text, c.want)
			}
		})
	}
}

func TestClassicRelated(t *testing.T) {
	r := newRig(t)
	r.load(logins(3))
	got := r.post(r.reader, "/query", `{"type":"related","data":{"sub_type":"ipv4","data":"198.51.100.7"}}`)
	var doc struct {
		Data map[string][]any `json:"data"`
	}
	check(t, json.Unmarshal(got.body, &doc))
	if n := len(doc.Data["password"]); n != 3 {
		t.Errorf("summary has %d passwords, want 3: %s", n, got.body)
	}
	got = r.post(r.reader, "/query", `{"type":"related","data":{"sub_type":"ipv4","data":"198.51.100.7","summary":false,"return_type":"event","page":1}}`)
	var list struct {
		Data []struct{ IType string } `json:"data"`
		Next int                      `json:"next_page"`
	}
	check(t, json.Unmarshal(got.body, &list))
	if len(list.Data) != 3 || list.Data[0].IType != "event" || list.Next != 2 {
		t.Errorf("events: got %s", got.body)
	}
}

func TestTheSameQueryIsTheSameReport(t *testing.T) {
	r := newRig(t)
	r.load(logins(2))
	const ask = `{"type":"count","data":{"sub_type":"ipv4","data":"198.51.100.7"%s}`
	first := r.post(r.reader, "/query", fmt.Sprintf(ask, "}"))
	r.load(strings.ReplaceAll(logins(1), "00:00:00", "05:00:00"))
	again := r.post(r.reader, "/query", fmt.Sprintf(ask, "}"))
	spelt := r.post(r.reader, "/query", `{"data": {"data":"198.51.100.7", "sub_type":"ipv4"}, "type":"count"}`)
	if string(again.body) != string(first.body) || string(spelt.body) != string(first.body) {
		t.Errorf("got\n%s\nand\n%s\nand\n%s", first.body, again.body, spelt.body)
	}
	redone := r.post(r.reader, "/query", fmt.Sprintf(ask, `},"redo":true`))
	if redone.member(t, "data") != 3.0 || redone.member(t, "_hash") != first.member(t, "_hash") {
		t.Errorf("redone: got %s, want 3 in the same report", redone.body)
	}
	after := r.post(r.reader, "/query", fmt.Sprintf(ask, "}"))
	if after.member(t, "data") != 3.0 {
		t.Errorf("after that: got %s, want 3", after.body)
	}
	other := r.post(r.admin, "/query", fmt.Sprintf(ask, "}"))
	if other.member(t, "report") == first.member(t, "report") {
		t.Error("two users share a report")
	}
}

func TestQueriesThatTakeLonger(t *testing.T) {
	r := newRig(t, func(c *web.Config) { c.Patience = time.Nanosecond })
	const ask = `{"type":"count","data":{"sub_type":"ipv4","data":"198.51.100.7"}}`
	got := r.post(r.reader, "/query", ask)
	if got.status != http.StatusAccepted || got.text(t, "message") != "check back later" || got.text(t, "status") != "processing" {
		t.Errorf("got %d %s", got.status, got.body)
	}
	eventually(t, "report", func() bool { return r.post(r.reader, "/query", ask).status == http.StatusCreated })
}

// asked makes a report and waits for its end.
func (r *rig) asked(who person, tdql string) string {
	r.t.Helper()
	body, _ := json.Marshal(map[string]string{"tdql": tdql}) // a string is always JSON
	got := r.post(who, "/api/v1/reports", string(body))
	id := got.text(r.t, "id")
	if got.status != http.StatusAccepted && got.status != http.StatusCreated || got.header.Get("Location") != "/api/v1/reports/"+id {
		r.t.Fatalf("ask: got %d %v %s", got.status, got.header, got.body)
	}
	eventually(r.t, "report "+id, func() bool {
		status := r.get(who, "/api/v1/reports/"+id).text(r.t, "status")
		return status != "invalid" && status != "wait" && status != "processing"
	})
	return id
}

func TestReports(t *testing.T) {
	r := newRig(t)
	r.load(logins(30))
	id := r.asked(r.reader, "count ipv4 198.51.100.7")
	got := r.get(r.reader, "/api/v1/reports/"+id)
	if got.text(t, "status") != "ready" || got.member(t, "rows") != 1.0 {
		t.Errorf("report: got %s", got.body)
	}
	if got := r.post(r.reader, "/api/v1/reports", `{"tdql":"count ipv4 198.51.100.7"}`); got.status != http.StatusCreated || got.text(t, "id") != id {
		t.Errorf("again: got %d %s", got.status, got.body)
	}
	var list struct{ Reports []reportd.Report }
	check(t, json.Unmarshal(r.get(r.reader, "/api/v1/reports").body, &list))
	if len(list.Reports) != 1 || list.Reports[0].ID != id {
		t.Errorf("list: got %v", list)
	}
	for _, path := range []string{"", "/rows"} {
		if got := r.get(r.stranger, "/api/v1/reports/"+id+path); got.status != http.StatusNotFound {
			t.Errorf("stranger%s: got %d %s", path, got.status, got.body)
		}
	}
	if got := string(r.get(r.stranger, "/api/v1/reports").body); got != "{\"reports\":[]}\n" {
		t.Errorf("stranger's list: got %s", got)
	}
	if got := r.do(call{method: http.MethodDelete, path: "/api/v1/reports/" + id, as: r.stranger}); got.status != http.StatusNotFound {
		t.Errorf("cancel somebody else's: got %d %s", got.status, got.body)
	}
	if got := r.do(call{method: http.MethodDelete, path: "/api/v1/reports/" + id, as: r.reader}); got.status != http.StatusNoContent {
		t.Errorf("cancel what has ended: got %d %s", got.status, got.body)
	}
}

func TestCancelledReports(t *testing.T) {
	r := startRig(t, 0)
	const ask = `{"tdql":"count ipv4 198.51.100.7"}`
	first := r.post(r.reader, "/api/v1/reports", ask)
	path := first.header.Get("Location")
	if got := r.do(call{method: http.MethodDelete, path: path, as: r.reader}); got.status != http.StatusNoContent {
		t.Fatalf("cancel: got %d %s", got.status, got.body)
	}
	if got := r.get(r.reader, path); got.text(t, "status") != "cancelled" {
		t.Errorf("report: got %s", got.body)
	}
	if got := r.get(r.reader, path+"/rows"); got.status != http.StatusConflict || got.text(t, "detail") != "The report was cancelled." {
		t.Errorf("rows: got %d %s", got.status, got.body)
	}
	again := r.post(r.reader, "/api/v1/reports", ask)
	if again.status != http.StatusAccepted || again.text(t, "id") == first.text(t, "id") {
		t.Errorf("asked again: got %d %s, want a new report", again.status, again.body)
	}
}

func TestRows(t *testing.T) {
	r := newRig(t)
	r.load(logins(50))
	id := r.asked(r.reader, "events | attributes password | top 3")
	fields := []string{"sub_type", "data", "count", "hash"}
	whole := string(r.get(r.reader, "/api/v1/reports/"+id+"/rows").body)
	lines := strings.Split(strings.TrimSuffix(whole, "\n"), "\n")
	if len(lines) != 3 {
		t.Fatalf("NDJSON: got %q", whole)
	}
	asCSV := [][]string{fields}
	for _, line := range lines {
		var row map[string]any
		check(t, json.Unmarshal([]byte(line), &row))
		cells := make([]string, len(fields))
		for i, name := range fields {
			cells[i] = fmt.Sprint(row[name])
		}
		asCSV = append(asCSV, cells)
	}
	var csv strings.Builder
	for _, cells := range asCSV {
		csv.WriteString(strings.Join(cells, ",") + "\n")
	}
	for name, c := range map[string]struct{ accept, query, kind, want string }{
		"nothing said":       {"", "", "application/x-ndjson", whole},
		"anything":           {"*/*", "", "application/x-ndjson", whole},
		"an array":           {"application/json", "", "application/json", "[" + strings.Join(lines, ",\n") + "]\n"},
		"a table":            {"text/html;q=0.5, text/csv", "", "text/csv; charset=utf-8; header=present", csv.String()},
		"after the first":    {"", "?after=1", "application/x-ndjson", lines[1] + "\n" + lines[2] + "\n"},
		"after the last":     {"application/json", "?after=3", "application/json", "[]\n"},
		"an array from afar": {"application/json", "?after=900", "application/json", "[]\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got := r.do(call{method: http.MethodGet, path: "/api/v1/reports/" + id + "/rows" + c.query, as: r.reader, header: http.Header{"Accept": {c.accept}}})
			if got.status != http.StatusOK || got.header.Get("Content-Type") != c.kind {
				t.Errorf("got %d %v", got.status, got.header)
			}
			if diff := cmp.Diff(c.want, string(got.body)); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRowsStreamWhileTheyAreMade(t *testing.T) {
	r := newRig(t)
	r.load(logins(3000))
	got := r.post(r.reader, "/api/v1/reports", `{"tdql":"events"}`)
	rows := r.get(r.reader, got.header.Get("Location")+"/rows")
	if n := strings.Count(string(rows.body), "\n"); n != 3000 {
		t.Errorf("got %d rows, want 3000", n)
	}
}

func TestTDQLHelpers(t *testing.T) {
	r := newRig(t)
	ask := func(verb, text string) answer {
		body, _ := json.Marshal(map[string]string{"tdql": text}) // a string is always JSON
		return r.post(r.reader, "/api/v1/tdql/"+verb, string(body))
	}
	if got := ask("format", "COUNT   ipv4 1.1.1.1   LAST 7 days").text(t, "tdql"); got != "count ipv4 1.1.1.1 last 7d" {
		t.Errorf("format: got %q", got)
	}
	checked, spelt := ask("check", "count ipv4 1.1.1.1 last 7d"), ask("check", "ipv4 1.1.1.1 | events last 7d | count")
	if checked.status != http.StatusOK || checked.text(t, "canonical") == "" || checked.text(t, "hash") != spelt.text(t, "hash") {
		t.Errorf("check: got %s and %s", checked.body, spelt.body)
	}
	explained := ask("explain", "count ipv4 1.1.1.1 last 7d")
	if !strings.Contains(explained.text(t, "explain"), "query tdql(") {
		t.Errorf("explain: got %s", explained.body)
	}
	for _, verb := range []string{"check", "format", "explain"} {
		if got := ask(verb, "count ipv4 1.1.1.1 last 7x"); got.status != http.StatusBadRequest || !strings.Contains(string(got.body), `"column":25`) {
			t.Errorf("%s of a bad query: got %d %s", verb, got.status, got.body)
		}
	}
}

// dial opens a websocket.
func (r *rig) dial(header http.Header) (*websocket.Conn, *http.Response, error) {
	d := websocket.Dialer{Subprotocols: []string{reportd.Subprotocol}, HandshakeTimeout: 10 * time.Second}
	return d.DialContext(r.t.Context(), "ws"+strings.TrimPrefix(r.url, "http")+"/ws", header)
}

func TestSocketSignsIn(t *testing.T) {
	r := newRig(t)
	r.load(logins(5))
	client := must(reportd.Dial(t.Context(), r.url, r.reader.token))(t)
	defer client.Close()
	var last reportd.Frame
	for f, err := range client.Query(t.Context(), "count ipv4 198.51.100.7", nil) {
		check(t, err)
		last = f
	}
	if end := must(last.End())(t); end.Status != reportd.StatusReady || end.Rows != 1 {
		t.Errorf("by header: got %+v", end)
	}

	conn, _, err := r.dial(nil)
	check(t, err)
	defer conn.Close()
	check(t, conn.WriteJSON(map[string]string{"op": "auth", "token": r.reader.token}))
	check(t, conn.WriteJSON(map[string]string{"op": "ping"}))
	if _, text, err := conn.ReadMessage(); err != nil || string(text) != `{"type":"pong"}` {
		t.Errorf("by message: got %s, %v", text, err)
	}
}

func TestSocketRefuses(t *testing.T) {
	r := newRig(t)
	for name, c := range map[string]struct {
		header http.Header
		status int
	}{
		"a bad token":    {http.Header{"Authorization": {"Bearer x"}}, http.StatusUnauthorized},
		"another origin": {http.Header{"Origin": {"https://evil.example"}}, http.StatusForbidden},
	} {
		conn, resp, err := r.dial(c.header)
		if err == nil {
			_ = conn.Close()
			t.Errorf("%s: let in", name)
			continue
		}
		if resp == nil || resp.StatusCode != c.status {
			t.Errorf("%s: got %v, %v, want %d", name, resp, err, c.status)
		}
	}
	conn, _, err := r.dial(nil)
	check(t, err)
	defer conn.Close()
	check(t, conn.WriteJSON(map[string]string{"op": "auth", "token": "x"}))
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, reportd.CloseUnauthorised) {
		t.Errorf("bad token in a message: got %v", err)
	}
}

func TestShutdownIsPromptAndTellsStreams(t *testing.T) {
	r := newRig(t)
	conn, _, err := r.dial(http.Header{"Authorization": {"Bearer " + r.reader.token}})
	check(t, err)
	defer conn.Close()
	check(t, conn.WriteJSON(map[string]string{"op": "reports", "id": "r"}))
	check(t, conn.WriteJSON(map[string]string{"op": "ping"}))
	if _, _, err := conn.ReadMessage(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); r.stop() }()
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseServiceRestart) {
		t.Errorf("socket: got %v, want close 1012", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	select {
	case <-ended:
	case <-ctx.Done():
		t.Fatal("the server does not end")
	}
	if _, err := http.Get(r.url + "/ping"); err == nil {
		t.Error("the port still answers")
	}
}

func TestCompletion(t *testing.T) {
	r := newRig(t)
	r.load(logins(3))
	texts := func(as person, body string) []string {
		t.Helper()
		got := r.post(as, "/api/v1/tdql/complete", body)
		var answer struct{ Candidates []struct{ Text string } }
		if got.status != http.StatusOK || json.Unmarshal(got.body, &answer) != nil || answer.Candidates == nil {
			t.Fatalf("%s: %d %s", body, got.status, got.body)
		}
		var list []string
		for _, c := range answer.Candidates {
			list = append(list, c.Text)
		}
		return list
	}
	for _, tt := range []struct {
		body string
		want []string
	}{
		{`{"tdql":"count ipv4 198.51"}`, []string{"198.51.100.7"}},
		{`{"tdql":"events where ipv4 = 198"}`, []string{"198.51.100.7"}},
		{`{"tdql":"cou"}`, []string{"count"}},
		{`{"tdql":"cou ipv4","pos":2}`, []string{"count"}},
	} {
		if d := cmp.Diff(tt.want, texts(r.reader, tt.body)); d != "" {
			t.Errorf("%s: want - got +\n%s", tt.body, d)
		}
	}
	got := r.post(r.reader, "/api/v1/tdql/complete", `{"tdql":"events where subject = \"ü\" and cat"}`)
	if want := `{"candidates":[{"text":"category","kind":"field","start":31,"end":34}],"help":{"word":"where",`; !strings.HasPrefix(string(got.body), want) {
		t.Errorf("got %s", got.body)
	}
	if list := texts(r.stranger, `{"tdql":"count ipv4 198.51"}`); len(list) > 0 {
		t.Errorf("a stranger is told %q", list)
	}
	if got := r.do(call{method: http.MethodPost, path: "/api/v1/tdql/complete", body: strings.NewReader(`{}`)}); got.status != http.StatusUnauthorized {
		t.Errorf("nobody: %d", got.status)
	}
}
