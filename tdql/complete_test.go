package tdql_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cybexp/cybexp/tdql"
)

// candidates completes at the mark ¦, and lists the texts.
func candidates(text string) []string {
	before, after, _ := strings.Cut(text, "¦")
	var out []string
	for _, c := range tdql.Complete(before+after, len(before), testEnv().Vocabulary) {
		out = append(out, c.Text)
	}
	return out
}

func TestComplete(t *testing.T) {
	for _, tt := range []struct{ text, has, lacks string }{
		{"¦", "count related events ipv4 explain any", "| and last"},
		{"cou¦", "count", "related ipv4"},
		{"EV¦", "events event", "count"},
		{"count ¦", "ipv4 distinct events", "| last"},
		{"count ipv4 ¦", "1.ipv4", "last"},
		{"count ipv4 1.1¦", "1.11.ipv4", "last"},
		{"count ipv4 1.1.1.1 ¦", "last by category |", "level ipv4"},
		{"count ipv4 1.1.1.1 last ¦", "7d", "by"},
		{"count ipv4 1.1.1.1 last 7d ¦", "by category tz", "last"},
		{"count ipv4 1.1.1.1 by ¦", "day category ipv4", "|"},
		{"count ipv4 1.1.1.1 by day, ¦", "hour url", "|"},
		{"count ipv4 1.1.1.1 tz Europe/B¦", "Europe/Berlin", "Asia/Tokyo UTC"},
		{"related ipv4 1.1.1.1 ¦", "level via return summary", "by"},
		{"ipv4 1.1.1.1 | ¦", "events count where", "ipv4 last"},
		{"ipv4 1.1.1.1 | ev¦ents last 7d", "events", "count"},
		{"ipv4 1.1.1.1 | events ¦", "login last where |", "level"},
		{"ipv4 1.1.1.1 | events login, ¦", "sighting", "last"},
		{"ipv4 1.1.1.1 | events category ¦", "malicious", "last"},
		{"events where ¦", "ipv4 category not has malicious(", "= last"},
		{"events where src.ip¦", "ipv4", "category"},
		{"events where has ¦", "ipv4", "category"},
		{"events where ipv4 ¦", "= in contains under ~", "and"},
		{"events where ipv4 = ¦", "1.ipv4", "="},
		{"events where category = ¦", "malicious", "all"},
		{"events where port = 22 ¦", "and or last |", "="},
		{"events where port = 22 and ¦", "ipv4", "and"},
		{"events where port in (¦", "1.port", "and"},
		{"events | sort timestamp ¦", "desc |", "last"},
		{"events | fields ¦", "hash timestamp ipv4", "|"},
		{"events | top 5 ¦", "url |", "last"},
		{"ipv4 (¦", "1.ipv4", "events"},
		{"ipv4 (a, ¦", "1.ipv4", "events"},
		{"(¦", "ipv4 events", "|"},
		{"path ipv4 1.1.1.1 to ¦", "domain any", "now"},
		{"ipv4 1.1.1.1 | path ¦", "to", "="},
		{"ipv4 \"¦", `" two"`, "last"},
		{"events -- ¦", "", "last"},
		{"events where url ~ /x¦", "", "and"},
	} {
		got := candidates(tt.text)
		for _, want := range strings.Fields(strings.ReplaceAll(tt.has, `" two"`, "QUOTED")) {
			if want == "QUOTED" {
				want = `" two"`
			}
			if !slices.Contains(got, want) {
				t.Errorf("%s: no %s in %q", tt.text, want, got)
			}
		}
		for _, not := range strings.Fields(tt.lacks) {
			if slices.Contains(got, not) {
				t.Errorf("%s: %s does not belong in %q", tt.text, not, got)
			}
		}
	}
}

func TestCompleteReplacesTheWord(t *testing.T) {
	got := tdql.Complete("events where src.ip", 19, testEnv().Vocabulary)
	if len(got) != 1 || got[0] != (tdql.Candidate{Text: "ipv4", Kind: "sub_type", Detail: "attribute", Start: 17, End: 19}) {
		t.Errorf("got %+v", got)
	}
}

// FuzzComplete: whatever stands before, a candidate replaces a part of the text that ends at the place.
func FuzzComplete(f *testing.F) {
	for _, text := range parsed(f) {
		f.Add(text, len(text)/2)
		f.Add(text, len(text))
	}
	f.Fuzz(func(t *testing.T, text string, pos int) {
		for _, v := range []tdql.Vocabulary{nil, testEnv().Vocabulary} {
			for _, c := range tdql.Complete(text, pos, v) {
				if c.Start < 0 || c.Start > c.End || c.End > len(text) || c.End > max(pos, 0) || c.Text == "" || c.Kind == "" {
					t.Fatalf("%q at %d: %+v", text, pos, c)
				}
				if !utf8.ValidString(text[:c.Start]) {
					t.Fatalf("%q at %d: cuts a character: %+v", text, pos, c)
				}
			}
		}
	})
}
