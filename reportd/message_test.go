package reportd

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/tahoe"
)

// FuzzMessage decodes what anybody may send: nothing makes it panic, and what it accepts means the same when written again.
func FuzzMessage(f *testing.F) {
	for _, seed := range []string{
		`{"op":"auth","token":"t"}`,
		`{"op":"query","id":"q1","tdql":"count ipv4 $ip","params":{"ip":"1.1.1.1","n":[1,2.5,{"a":null}]},"redo":false,"credit":0}`,
		`{"op":"subscribe","id":"s1","report":"abc","after":18446744073709551615}`,
		`{"op":"reports","id":"r1"}`,
		`{"op":"credit","id":"q1","n":1000}`,
		`{"op":"cancel","id":"q1"}`,
		`{"op":"ping"}`,
		`{"op":"ping"}}`, `{"op":`, `[]`, `null`, "\xff", `{"op":"query","id":"\u0000"}`,
	} {
		f.Add([]byte(seed))
	}
	same := cmp.Comparer(func(a, b tahoe.Value) bool { return string(a.AppendJSON(nil)) == string(b.AppendJSON(nil)) })
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decodeMessage(data)
		if err != nil {
			return
		}
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatalf("write %+v: %v", m, err)
		}
		again, err := decodeMessage(text)
		if err != nil {
			t.Fatalf("read %s again: %v", text, err)
		}
		if len(m.Params) == 0 {
			m.Params = nil // the same as none
		}
		if diff := cmp.Diff(m, again, same); diff != "" {
			t.Errorf("%s reads back as another message:\n%s", text, diff)
		}
	})
}
