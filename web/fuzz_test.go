package web_test

import (
	"encoding/json"
	"testing"

	"github.com/cybexp/cybexp/web"
)

// FuzzClassicQuery: a body is either refused or has one of the two forms whole, and what is in it can be written again.
func FuzzClassicQuery(f *testing.F) {
	for _, seed := range []string{
		`{"type":"count","data":{"sub_type":"ipv4","data":"1.1.1.1"}}`,
		`{"type":"related","data":{"sub_type":"filename","data":"virus.exe","level":2,"summary":false},"redo":true}`,
		`{"tdql":"count ipv4 $ip","params":{"ip":"1.1.1.1","n":9007199254740993}}`,
		`{"tdql":"","type":"count"}`, `{"type":"count"}`, `{"data":null}`, `{"type":7,"data":{}}`, `[]`, `null`, ``, `{"type":"count","data":{}}x`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		q, err := web.DecodeClassic(body)
		if err != nil {
			return
		}
		if !json.Valid(body) {
			t.Fatalf("taken, but no JSON: %q", body)
		}
		if q.Data != nil && (q.TDQL != "" || q.Params != nil) {
			t.Errorf("both forms at once: %q", body)
		}
		if q.Data != nil && !json.Valid(q.Data) {
			t.Errorf("data is no JSON: %q", q.Data)
		}
		if _, err := json.Marshal(q.Params); err != nil {
			t.Errorf("params cannot be written: %v", err)
		}
	})
}

func FuzzCursor(f *testing.F) {
	f.Add("", "report")
	f.Add(web.NewCursor("report", 0, ""), "report")
	f.Add(web.NewCursor("report", 1<<63, "rest"), "report")
	f.Add(web.NewCursor("report", 7, "rest"), "another")
	f.Fuzz(func(t *testing.T, text, list string) {
		n, rest, err := web.ReadCursor(list, text)
		if err != nil {
			return
		}
		if again, more, err := web.ReadCursor(list, web.NewCursor(list, n, rest)); err != nil || again != n || more != rest {
			t.Errorf("%q is %d and %q, but written again %d and %q, %v", text, n, rest, again, more, err)
		}
	})
}
