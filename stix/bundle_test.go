package stix_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/stix"
)

func bundle(tb testing.TB, rows []json.RawMessage) []byte {
	tb.Helper()
	var out bytes.Buffer
	b := stix.NewBundle(&out, "report 1")
	if err := b.Begin(); err != nil {
		tb.Fatal(err)
	}
	for _, r := range rows {
		if err := b.Row(r); err != nil {
			tb.Fatalf("%s: %v", r, err)
		}
	}
	if err := b.End(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func sample(tb testing.TB) (rows []json.RawMessage) {
	tb.Helper()
	text, err := os.ReadFile("testdata/rows.jsonl")
	if err != nil {
		tb.Fatal(err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		rows = append(rows, slices.Clone(lines.Bytes()))
	}
	return rows
}

func TestGolden(t *testing.T) {
	got := bundle(t, sample(t))
	valid(t, got)
	const golden = "testdata/bundle.json"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("bundle (-want +got):\n%s", diff)
	}
	// Computed with Python: uuid5 of the namespace of STIX and {"value":"198.51.100.3"}.
	if !strings.Contains(string(got), `"id":"ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"`) {
		t.Error("an address has not the id that everybody gives it")
	}
}

func TestABundleWithoutRowsIsOne(t *testing.T) { valid(t, bundle(t, nil)) }

// required are the properties that STIX 2.1 asks of each type, beside type, spec_version and id.
var required = map[string]string{
	"identity":             "created modified name",
	"marking-definition":   "created name extensions",
	"extension-definition": "created modified created_by_ref name schema version extension_types",
	"observed-data":        "created modified first_observed last_observed number_observed object_refs",
	"indicator":            "created modified pattern pattern_type valid_from",
	"sighting":             "created modified sighting_of_ref",
	"ipv4-addr":            "value", "ipv6-addr": "value", "domain-name": "value", "url": "value", "email-addr": "value", "mac-addr": "value",
	"autonomous-system": "number", "mutex": "name", "file": "", "user-account": "", "windows-registry-key": "",
	"x-cybexp-instance": "hash itype sub_type extensions",
}

// extensionOfTLP is what OASIS defines for the Traffic Light Protocol 2.0.
const extensionOfTLP = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"

var idForm = regexp.MustCompile(`^([a-z0-9-]+)--[0-9a-f]{8}-[0-9a-f]{4}-[45][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// valid holds a bundle to what the specification asks of the objects that we make.
func valid(tb testing.TB, text []byte) {
	tb.Helper()
	var b struct {
		Type, ID string
		Objects  []map[string]any
	}
	if err := json.Unmarshal(text, &b); err != nil {
		tb.Fatalf("not JSON: %v", err)
	}
	if m := idForm.FindStringSubmatch(b.ID); b.Type != "bundle" || m == nil || m[1] != "bundle" {
		tb.Errorf("bundle is of type %q, id %q", b.Type, b.ID)
	}
	ids := map[string]bool{}
	for _, o := range b.Objects {
		id, _ := o["id"].(string)
		if ids[id] {
			tb.Errorf("%s comes twice", id)
		}
		ids[id] = true
	}
	for _, o := range b.Objects {
		kind, _ := o["type"].(string)
		id, _ := o["id"].(string)
		list, known := required[kind]
		if m := idForm.FindStringSubmatch(id); !known || m == nil || m[1] != kind || o["spec_version"] != "2.1" {
			tb.Errorf("%s %s is not an object of STIX 2.1", kind, id)
		}
		for name := range strings.FieldsSeq(list) {
			if o[name] == nil {
				tb.Errorf("%s has no %s", id, name)
			}
		}
		for name, v := range o {
			property(tb, ids, id, name, v)
		}
	}
}

// property checks times and references.
func property(tb testing.TB, ids map[string]bool, id, name string, v any) {
	tb.Helper()
	switch {
	case name == "created" || name == "modified" || name == "valid_from" || strings.HasPrefix(name, "first_") || strings.HasPrefix(name, "last_"):
		text, _ := v.(string)
		if _, err := time.Parse(time.RFC3339Nano, text); err != nil || !strings.HasSuffix(text, "Z") {
			tb.Errorf("%s: %s is %v", id, name, v)
		}
		if (name == "created" || name == "modified") && len(text) != len("2006-01-02T15:04:05.000Z") {
			tb.Errorf("%s: %s has not three digits of a second: %s", id, name, text)
		}
	case strings.HasSuffix(name, "_ref"):
		if ref, _ := v.(string); !ids[ref] {
			tb.Errorf("%s: %s is %v, which is not in the bundle", id, name, v)
		}
	case strings.HasSuffix(name, "_refs"):
		list, _ := v.([]any)
		if len(list) == 0 {
			tb.Errorf("%s: %s is empty", id, name)
		}
		for _, ref := range list {
			if text, _ := ref.(string); !ids[text] {
				tb.Errorf("%s: %s has %v, which is not in the bundle", id, name, ref)
			}
		}
	case name == "extensions":
		for ext := range v.(map[string]any) {
			if !ids[ext] && ext != extensionOfTLP {
				tb.Errorf("%s: extension %s is not defined", id, ext)
			}
		}
	}
}

func TestWhatFits(t *testing.T) {
	for fields, want := range map[string]bool{
		"hash itype sub_type data": true, "hash itype sub_type timestamp category org org_name data": true,
		"sub_type data count hash": true, "count": false, "sub_type count": false, "hash timestamp": false, "hash sub_type data": false, "": false,
	} {
		if err := stix.Fit(strings.Fields(fields)); errors.Is(err, stix.ErrRows) == want {
			t.Errorf("%q: got %v", fields, err)
		}
	}
}

func FuzzRow(f *testing.F) {
	for _, r := range sample(f) {
		f.Add([]byte(r))
	}
	f.Fuzz(func(t *testing.T, row []byte) {
		var out bytes.Buffer
		if b := stix.NewBundle(&out, "r"); b.Begin() != nil || b.Row(row) != nil || b.End() != nil {
			return // it is no row
		}
		if !json.Valid(out.Bytes()) {
			t.Errorf("%s is not JSON", out.Bytes())
		}
	})
}
