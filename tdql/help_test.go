package tdql_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/tdql"
)

func TestHelp(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"cou¦nt ipv4 1.1.1.1", "count"},
		{"¦", ""},
		{"ipv4 1.1.1.1 ¦", ""},
		{"ipv4 1.1.1.1 | events ¦", "events"},
		{"ipv4 1.1.1.1 | EVENTS login, ¦", "events"},
		{"ipv4 1.1.1.1 | events last ¦", "last"},
		{"ipv4 1.1.1.1 | events last 7d ¦", "events"},
		{"events where ipv4 = 1.1.1.1 and ¦", "where"},
		{"events where (ipv4 in ¦", "in"},
		{"events last 1d | related level 2 ¦ | attributes url", "related"},
		{"(events last 1d | objects) | threatrank ¦", "threatrank"},
		{"path ipv4 1.1.1.1 to (domain a.com | events) ¦", "path"},
		{"events -- co¦unt", "events"},
		{"events | \"cou¦nt", ""},
	} {
		before, after, _ := strings.Cut(c.text, "¦")
		h, ok := tdql.HelpAt(before+after, len(before))
		if h.Word != c.want || ok != (c.want != "") {
			t.Errorf("%s: got help for %q, want %q", c.text, h.Word, c.want)
		}
		if ok && !strings.EqualFold((before + after)[h.Start:h.End], h.Word) {
			t.Errorf("%s: %q is not at %d to %d", c.text, h.Word, h.Start, h.End)
		}
	}
}

// TestHelpOfEveryWord asks for help about every word that the language has, but small ones between tests and what arguments are called.
func TestHelpOfEveryWord(t *testing.T) {
	small := []string{"and", "or", "not", "all", "benign", "malicious", "unknown", "minute", "hour", "day", "week", "month", "year"}
	for _, word := range tdql.Keywords() {
		if slices.Contains(small, word) {
			continue
		}
		text := "events | " + word
		if slices.Contains([]string{"in", "has", "contains", "startswith", "endswith", "under"}, word) {
			text = "events where x " + word
		}
		h, ok := tdql.HelpAt(text, len(text))
		if !ok || h.Word != word || !strings.Contains(h.Takes, word) || h.Text == "" {
			t.Errorf("%s: got %+v", word, h)
			continue
		}
		env := testEnv()
		env.Vocabulary = nil
		q, err := tdql.Parse(h.Example)
		if err == nil {
			_, _, err = tdql.Check(q, env)
		}
		if err != nil || q.String() != h.Example && !strings.Contains(h.Example, "'") {
			t.Errorf("%s: example: %v, tidy is %v", word, err, q)
		}
	}
}
