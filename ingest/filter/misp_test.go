package filter_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/ingest/filter"
	"github.com/cybexp/cybexp/tahoe"
)

// TestMISPKnowsEveryType has an attribute of each type that MISP's own vocabulary lists.
func TestMISPKnowsEveryType(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "data", "misp_vocab", "describeTypes.json"))
	if err != nil {
		t.Skip("no sample folder beside the repository")
	}
	var vocabulary struct{ Result struct{ Types []string } }
	if err := json.Unmarshal(text, &vocabulary); err != nil || len(vocabulary.Result.Types) < 100 {
		t.Fatalf("%d types, %v", len(vocabulary.Result.Types), err)
	}
	for _, kind := range vocabulary.Result.Types {
		line, err := json.Marshal(map[string]any{"Event": map[string]any{"uuid": "u", "timestamp": "1600000000",
			"Attribute": []any{map[string]any{"type": kind, "value": "192.0.2.1|192.0.2.1"}}}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := apply(t, "misp_event", line)
		if err != nil || len(got.Events) != 2 {
			if !slices.Contains([]string{"ip-src", "ip-dst"}, kind) { // of one value only
				t.Errorf("%s: got %d events, %v, %v", kind, len(got.Events), got.Problems, err)
			}
		}
	}
}

// TestMISPSample maps every event of the sample folder beside the repository: each attribute that is not deleted must be found again.
func TestMISPSample(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join("..", "..", "..", "shared", "data", "misp_events", "*", "*.json"))
	if len(files) == 0 {
		t.Skip("no sample folder beside the repository")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got, err := apply(t, "misp_event", text)
		if err != nil || len(got.Sessions) != 1 {
			t.Fatalf("%s: got %d sessions, %v", file, len(got.Sessions), err)
		}
		for _, p := range got.Problems {
			if filepath.Ext(p.Field) != ".data" {
				t.Errorf("%s: %s", file, p)
			}
		}
		held := heldValues(got)
		for _, id := range mispAttributeIDs(t, text) {
			if !held[id] {
				t.Errorf("%s: attribute %s is lost", file, id)
			}
		}
	}
}

// mispAttributeIDs lists the UUIDs of the attributes that stand alone and of the objects.
func mispAttributeIDs(t *testing.T, text []byte) []string {
	t.Helper()
	type part struct{ UUID string }
	type event struct{ Attribute, Object []part }
	var doc struct {
		Event    event
		Response []struct{ Event event }
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range append(doc.Response, struct{ Event event }{doc.Event}) {
		for _, p := range append(r.Event.Attribute, r.Event.Object...) {
			ids = append(ids, p.UUID)
		}
	}
	return ids
}

// TestMISPAgain has an event once more after somebody edited its title: what did not change has the same identity.
func TestMISPAgain(t *testing.T) {
	first, err := apply(t, "misp_event", []byte(`{"Event":{"uuid":"u","info":"a","timestamp":"5","Attribute":[{"type":"md5","value":"d41d8cd98f00b204e9800998ecf8427e","timestamp":"4"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	second, err := apply(t, "misp_event", []byte(`{"Event":{"uuid":"u","info":"b","timestamp":"6","Attribute":[{"type":"md5","value":"D41D8CD98F00B204E9800998ECF8427E","timestamp":"4"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if first.Sessions[0].Hash() != second.Sessions[0].Hash() {
		t.Error("the session is another")
	}
	if first.Events[1].Hash() != second.Events[1].Hash() {
		t.Error("the attribute is another")
	}
	if first.Events[0].Hash() == second.Events[0].Hash() {
		t.Error("the title is the same")
	}
}

func TestMISPWithoutAnyTime(t *testing.T) {
	f, _ := filter.For("misp_event")
	data, _ := tahoe.ParseValue([]byte(`{"Event":{"info":"a"}}`))
	got, err := f.Apply(filter.Input{Data: data})
	if err != nil || len(got.Events) != 0 || len(got.Problems) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestMISPOftenSeen has a long value that was seen many times: what the record gives has a bound, and it says so.
func TestMISPOftenSeen(t *testing.T) {
	var seen []string
	for i := range 200 {
		seen = append(seen, fmt.Sprintf(`{"type":"0","date_sighting":"%d"}`, i))
	}
	line := `{"Event":{"uuid":"u","timestamp":"5","Attribute":[{"type":"text","value":"` + strings.Repeat("x", 900000) +
		`","Sighting":[` + strings.Join(seen, ",") + `]}]}}`
	got, err := apply(t, "misp_event", []byte(line))
	if err != nil || len(got.Problems) == 0 || len(got.Events)+len(got.Problems) != 202 {
		t.Fatalf("got %d events, %d problems, %v", len(got.Events), len(got.Problems), err)
	}
	size := 0
	for _, e := range got.Events {
		size += len(e.Canonical())
	}
	if size > 65<<20 {
		t.Errorf("got %d bytes", size)
	}
}

func FuzzMISP(f *testing.F) { fuzz(f, "misp_event") }
