package filter_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cybexp/cybexp/ingest/filter"
	"github.com/cybexp/cybexp/tahoe"
)

// received is when every record of the tests arrived.
var received = time.Date(2021, 5, 3, 0, 0, 0, 250e6, time.UTC)

// TestGolden maps every line of testdata/<typetag>/NAME.jsonl and compares with NAME.want, which UPDATE_GOLDEN=1 rewrites.
func TestGolden(t *testing.T) {
	for _, typetag := range filter.Typetags() {
		files, err := filepath.Glob(filepath.Join("testdata", typetag, "*.jsonl"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no goldens for %s, %v", typetag, err)
		}
		for _, file := range files {
			t.Run(typetag+"/"+filepath.Base(file), func(t *testing.T) { checkGolden(t, typetag, file) })
		}
	}
}

func checkGolden(t *testing.T, typetag, file string) {
	var got bytes.Buffer
	for i, line := range readLines(t, file) {
		fmt.Fprintf(&got, "line %d\n%s", i+1, render(t, typetag, line))
	}
	golden := strings.TrimSuffix(file, ".jsonl") + ".want"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("got\n%s\nwant\n%s", got.Bytes(), want)
	}
}

// apply maps one line.
func apply(tb testing.TB, typetag string, line []byte) (filter.Result, error) {
	tb.Helper()
	data, err := tahoe.ParseValue(line)
	if err != nil {
		tb.Fatalf("%s: %v", line, err)
	}
	f, ok := filter.For(typetag)
	if !ok {
		tb.Fatalf("no filter for %s", typetag)
	}
	return f.Apply(filter.Input{Data: data, OrgID: "ABC123", Timezone: "US/Pacific", Received: received})
}

func render(tb testing.TB, typetag string, line []byte) string {
	tb.Helper()
	result, err := apply(tb, typetag, line)
	if err != nil {
		return "  error: " + err.Error() + "\n"
	}
	var out strings.Builder
	if result.Raw != nil {
		fmt.Fprintf(&out, "  raw %s %s, %s %s\n", result.Raw.SubType(), result.Raw.Data(), result.State, result.Marking)
	}
	for _, e := range result.Events {
		marking := ""
		if e.Marking() != tahoe.Unmarked {
			marking = ", tlp:" + string(e.Marking())
		}
		fmt.Fprintf(&out, "  %s %s %s, %s%s\n    %s\n", e.Kind(), e.SubType(), e.Time().Format(time.RFC3339Nano), e.Category(), marking, e.Data())
		for _, n := range e.Refs() {
			if slices.Contains(e.Malicious(), n.Hash()) {
				fmt.Fprintf(&out, "    malicious %s\n", label(n))
			}
		}
	}
	for _, s := range result.Sessions {
		fmt.Fprintf(&out, "  %s %s %s, %d events%s%s%s\n", s.Kind(), s.SubType(), s.Data(), len(s.Events()),
			number("start", s.StartTime), number("end", s.EndTime), number("duration", s.Duration))
	}
	for _, p := range result.Problems {
		fmt.Fprintf(&out, "  problem %s\n", p)
	}
	return out.String()
}

func label(n tahoe.Node) string {
	if a, ok := n.(*tahoe.Attribute); ok {
		return a.SubType() + " " + a.Value().String()
	}
	return n.SubType()
}

func number(name string, seconds *float64) string {
	if seconds == nil {
		return ""
	}
	v, err := tahoe.Float(*seconds)
	if err != nil {
		return fmt.Sprintf(", %s %v", name, err)
	}
	return ", " + name + " " + v.String()
}

// fuzz feeds a filter anything, beginning with the goldens: it must neither panic nor lose a record without a word, and give the same
// each time.
func fuzz(f *testing.F, typetag string) {
	files, err := filepath.Glob(filepath.Join("testdata", typetag, "*.jsonl"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds, %v", err)
	}
	for _, file := range files {
		for _, line := range readLines(f, file) {
			f.Add(line)
		}
	}
	tested, _ := filter.For(typetag)
	f.Fuzz(func(t *testing.T, line []byte) {
		data, err := tahoe.ParseValue(line)
		if err != nil {
			return
		}
		in := filter.Input{Data: data, OrgID: "ABC123", Timezone: "US/Pacific", Received: received}
		got, err := tested.Apply(in)
		if err != nil {
			if !errors.Is(err, filter.ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		again, _ := tested.Apply(in)
		if !slices.EqualFunc(got.Events, again.Events, func(a, b *tahoe.Event) bool { return a.Hash() == b.Hash() }) {
			t.Fatalf("%s gives other events the second time", line)
		}
		if len(got.Events)+len(got.Sessions)+len(got.Problems) == 0 && got.Raw == nil {
			t.Fatalf("%s is lost", line)
		}
	})
}
