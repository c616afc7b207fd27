package source_test

import (
	"encoding/json"
	"testing"

	"github.com/cybexp/cybexp/ingest/source"
)

func jsonObject(text []byte) bool {
	var object map[string]any
	return json.Unmarshal(text, &object) == nil
}

// FuzzTAXIIEnvelope holds the reader of envelopes to this: bundles are JSON and hold every object once, and a page that has a successor
// leads to another question than the one before.
func FuzzTAXIIEnvelope(f *testing.F) {
	f.Add([]byte(`{"more":true,"next":"2","objects":[{"type":"indicator","id":"indicator--1"}]}`), "2024-01-01T00:00:00.000001Z", "", "")
	f.Add([]byte(`{"more":true,"objects":[{},[],1,null,"x"]}`), "2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z", "")
	f.Add([]byte(`{"more":true,"next":"2"}`), "not a time", "", "2")
	f.Add([]byte(`{}`), "", "", "")
	f.Add([]byte(``), "2024-01-01T00:00:00Z", "", "9")
	f.Add([]byte(`{"objects":{}}`), "", "", "")
	f.Fuzz(func(t *testing.T, text []byte, last, after, next string) {
		bundles, nextAfter, nextNext, more, err := source.ReadTAXII(text, last, after, next)
		if err != nil {
			return
		}
		var envelope struct {
			Objects []json.RawMessage `json:"objects"`
		}
		_ = json.Unmarshal(text, &envelope)
		held := 0
		for _, b := range bundles {
			var bundle struct {
				Type, ID string
				Objects  []json.RawMessage
			}
			if err := json.Unmarshal(b, &bundle); err != nil || bundle.Type != "bundle" || len(bundle.ID) != len("bundle--")+36 {
				t.Fatalf("%s is no bundle: %v", b, err)
			}
			held += len(bundle.Objects)
		}
		if held != len(envelope.Objects) {
			t.Fatalf("bundles hold %d objects of %d", held, len(envelope.Objects))
		}
		if more && nextAfter == after && nextNext == next {
			t.Fatalf("the same is asked again: after %q next %q", after, next)
		}
	})
}
