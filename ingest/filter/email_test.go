package filter_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/ingest/filter"
	"github.com/cybexp/cybexp/tahoe"
)

// TestAsTheOriginal compares with what the original Cybex-P makes of e-mail and feeds, but for its faults.
func TestAsTheOriginal(t *testing.T) {
	mended := map[string]string{
		"display name is left inside email_addr by the original; fix": `"reply_to":[{"email_addr":["r@e.com"],"name":["R"]}]`,
		"quotes stay inside the name":                                 `"src":[{"email_addr":["j@e.com"],"name":["Doe, John"]}]`,
	}
	for typetag, file := range map[string]string{
		"email": "email_original.jsonl", "openphish_feed": "openphish_feed_original.jsonl", "phishtank_feed": "phishtank_feed_original.jsonl",
	} {
		f, _ := filter.For(typetag)
		for i, line := range readLines(t, "testdata/"+file) {
			var o struct {
				original

				ID   string `json:"filt_id"`
				Note string
			}
			if err := json.Unmarshal(line, &o); err != nil {
				t.Fatal(err)
			}
			got, err := f.Apply(filter.Input{Data: o.Data, OrgID: o.OrgID, Timezone: o.Timezone, Received: received})
			if err != nil || f.ID != o.ID || len(got.Problems) != 0 {
				t.Errorf("%s %d: %v, %v, id %s", typetag, i+1, err, got.Problems, f.ID)
			}
			if want, ok := mended[o.Note]; ok {
				if len(got.Events) != 1 || !strings.Contains(got.Events[0].Data().String(), want) {
					t.Errorf("%s %d: got %v, want %s", typetag, i+1, got.Events, want)
				}
				continue
			}
			compareEvents(t, i+1, "", sortEvents(got.Events), sortInstances(ofKind(o.Instances, tahoe.KindEvent)))
		}
	}
}

// TestEmailIsBounded has messages that are more than anybody writes: what is over the bounds stays in the raw, and a problem says so.
func TestEmailIsBounded(t *testing.T) {
	head := "From: a@example.com\nTo: b@example.com\nSubject: x\nDate: Fri, 21 Nov 1997 09:55:06 -0600\n"
	nested := ""
	for i := range 300 {
		nested += "Content-Type: multipart/mixed; boundary=b" + strconv.Itoa(i) + "\n\n--b" + strconv.Itoa(i) + "\n"
	}
	for name, c := range map[string]struct{ text, problem string }{
		"body":    {head + "\n" + strings.Repeat("x ", 1<<20), "body: of "},
		"quotes":  {head + "\n" + strings.Repeat(`"`, 128<<10), "body: is in the raw only"},
		"URLs":    {head + "\n" + strings.Repeat("http://a.example/", 1) + manyURLs(600), "url: there are 601"},
		"parts":   {head + "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n\nx\n", 500), "parts: there are more"},
		"nesting": {head + nested, "parts: there are more"},
		"to":      {head + "Cc: " + strings.Repeat("a@b.example,", 5000) + "x@b.example\n\n", "cc: has 5001"},
		"headers": {head + strings.Repeat("no header\n", 5000) + "\n", "header: there is more"},
	} {
		f, _ := filter.For("email")
		got, err := f.Apply(filter.Input{Data: tahoe.String(c.text), OrgID: "ABC123", Received: received})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		told := ""
		for _, p := range got.Problems {
			told += p.String() + "\n"
		}
		if c.problem != "" && !strings.Contains(told, c.problem) {
			t.Errorf("%s: got %.300s, want %s", name, told, c.problem)
		}
		if len(got.Events) != 1 {
			t.Errorf("%s: got %d events, %.300s", name, len(got.Events), told)
		}
	}
}

func manyURLs(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("\nhttp://a.example/" + strconv.Itoa(i))
	}
	return b.String()
}

func FuzzEmail(f *testing.F) {
	for _, line := range append(readLines(f, "testdata/email/crafted.jsonl"), readLines(f, "testdata/email/public.jsonl")...) {
		var record struct{ Data string }
		if json.Unmarshal(line, &record) == nil {
			f.Add(record.Data, false)
			f.Add(record.Data, true)
		}
	}
	email, _ := filter.For("email")
	f.Fuzz(func(t *testing.T, text string, latin bool) {
		fields := map[string]tahoe.Value{"data": tahoe.String(text)}
		if latin {
			fields["encoding"] = tahoe.String("latin-1")
		}
		got, err := email.Apply(filter.Input{Data: tahoe.Map(fields), OrgID: "ABC123", Received: received})
		if err != nil && !errors.Is(err, filter.ErrFormat) {
			t.Errorf("got %v, want ErrFormat", err)
		}
		if err == nil && len(got.Events) == 0 && len(got.Problems) == 0 {
			t.Error("lost without a word")
		}
	})
}

func sortEvents(events []*tahoe.Event) []*tahoe.Event {
	return slices.SortedFunc(slices.Values(events), func(a, b *tahoe.Event) int { return a.Hash().Compare(b.Hash()) })
}

func sortInstances(all []instance) []instance {
	return slices.SortedFunc(slices.Values(all), func(a, b instance) int { return a.Hash.Compare(b.Hash) })
}
