package tahoe_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/cybexp/cybexp/tahoe"
)

func TestBriefIsReadAsWritten(t *testing.T) {
	for _, stamp := range []float64{0, 1.6e9, 1600000000.123456, -62135596800, 1e-7, 253402300799.999, 1<<53 + 0.5} {
		for _, value := range []tahoe.Value{tahoe.String("a\"b\\c\u2028 }"), tahoe.Int(7), tahoe.String(`","sub_type":"x`)} {
			a, err := tahoe.NewAttribute("x", value)
			if err != nil {
				t.Fatal(err)
			}
			e, err := tahoe.NewEvent("some_event", tahoe.OrgHash("o").String(), stamp, a)
			if err != nil {
				t.Fatal(err)
			}
			text := e.Brief()
			b, err := tahoe.ParseBrief(text)
			if err != nil {
				t.Fatal(err)
			}
			want := tahoe.Brief{
				Hash: e.Hash().String(), SubType: "some_event", OrgID: e.OrgID(), Timestamp: stamp, Data: string(e.Data().AppendJSON(nil)),
			}
			if b != want || !json.Valid([]byte(text)) {
				t.Errorf("%s is read as %+v, want %+v", text, b, want)
			}
			if got := tahoe.UnixTime(b.Timestamp); !got.Equal(e.Time()) {
				t.Errorf("%v becomes %v, want %v", stamp, got, e.Time())
			}
		}
	}
}

// Whatever is read in the quick way is what a JSON decoder reads.
func FuzzParseBrief(f *testing.F) {
	f.Add(`{"hash":"ab","sub_type":"x","orgid":"o","timestamp":1.5,"data":{"a":[1]}}`)
	f.Add(`{"hash":"ab","sub_type":"x\"","orgid":"o","timestamp":1.5,"data":{}}`)
	f.Add(`{"orgid":"o","hash":"ab"}`)
	f.Add(`{"hash":"","sub_type":"","orgid":"","timestamp":00,"data":}`)
	f.Fuzz(func(t *testing.T, text string) {
		b, err := tahoe.ParseBrief(text)
		if err != nil || !json.Valid([]byte(text)) {
			return // the graph holds what Brief wrote
		}
		var want struct {
			Hash, OrgID string
			SubType     string `json:"sub_type"`
			Timestamp   float64
		}
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			return
		}
		if math.Float64bits(b.Timestamp) != math.Float64bits(want.Timestamp) {
			t.Errorf("%q: time %v, want %v", text, b.Timestamp, want.Timestamp)
		}
	})
}

func BenchmarkParseBrief(b *testing.B) {
	a, err := tahoe.NewAttribute("url", tahoe.String("http://example.com/some/longer/path?with=parameters"))
	if err != nil {
		b.Fatal(err)
	}
	e, err := tahoe.NewEvent("download", tahoe.OrgHash("o").String(), 1600000000.123456, a)
	if err != nil {
		b.Fatal(err)
	}
	text := e.Brief()
	for b.Loop() {
		if _, err := tahoe.ParseBrief(text); err != nil {
			b.Fatal(err)
		}
	}
}
