package reportd_test

import (
	"strings"
	"testing"

	"github.com/cybexp/cybexp/tdql"
)

// TestTooManyEmptySpansAreLeftOutAloud counts by time after another dimension, for more spans of time than are made.
func TestTooManyEmptySpansAreLeftOutAloud(t *testing.T) {
	r := start(t, openBus(t), twoOrgs(t)) // alice sees two logins, a minute apart, from two addresses
	for _, tt := range []struct {
		text   string
		rows   int
		warned bool
	}{
		{"events from 2023-01-01 to 2023-12-31 | count by ipv4, day", 2 * 365, false},
		{"events from 2021-01-01 to 2023-12-31 | count by ipv4, minute", 2, true},
	} {
		c := r.dial(t, "alice")
		c.send(query("q", tt.text))
		rows, end := c.all("q")
		if len(rows) != tt.rows || end.Status != "ready" || (len(end.Warnings) == 1) != tt.warned {
			t.Errorf("%s: got %d rows, want %d, and %s", tt.text, len(rows), tt.rows, end.raw)
		}
		for _, w := range end.Warnings {
			if w.Code != tdql.CodeUnfilled || !strings.HasPrefix(w.Error(), "each minute without events is left out") {
				t.Errorf("%s: warning %s", tt.text, end.raw)
			}
		}
	}
}
