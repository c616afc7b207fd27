package tdql_test

import (
	"testing"

	"github.com/cybexp/cybexp/tdql"
)

func within(text string, r tdql.Range) (string, error) {
	q, err := tdql.Parse(text)
	if err != nil {
		return "", err
	}
	if q, err = q.Within(r); err != nil {
		return "", err
	}
	return q.String(), nil
}

func TestWithin(t *testing.T) {
	day := tdql.Range{From: "2021-05-21T00:00:00Z", To: "2021-05-22T00:00:00Z"}
	const clause = "from 2021-05-21T00:00:00Z to 2021-05-22T00:00:00Z"
	for _, c := range []struct {
		text, want string
		within     tdql.Range
	}{
		{"count ipv4 1.1.1.1 last 7d by day", "count ipv4 1.1.1.1 " + clause + " by day", day},
		{"count ipv4 1.1.1.1 by day", "count ipv4 1.1.1.1 last 24h by day", tdql.Range{Last: "24 hours"}},
		{"ipv4 1.1.1.1 | events login from yesterday tz Asia/Tokyo category benign | count by hour",
			"ipv4 1.1.1.1 | events login " + clause + " tz Asia/Tokyo category benign | count by hour", day},
		{"ipv4 1.1.1.1 | events last 7d | sessions | events", "ipv4 1.1.1.1 | events " + clause + " | sessions | events", day},
		{"ipv4 1.1.1.1 | events | sessions | events", "ipv4 1.1.1.1 | events | sessions | events " + clause, day},
		{"(ipv4 1.1.1.1 | events) | count", "(ipv4 1.1.1.1 | events " + clause + ") | count", day},
		{"events where port = 22 | limit 3", "events to \"2021-05-21 02:00\" where port = 22 | limit 3", tdql.Range{To: "2021-05-21 02:00"}},
		{"related ipv4 1.1.1.1 level 2 last 7d return event", "related ipv4 1.1.1.1 level 2 return event", tdql.Range{}},
		{"ipv4 1.1.1.1 | related | attributes url", "ipv4 1.1.1.1 | related " + clause + " | attributes url", day},
		{"path ipv4 1.1.1.1 to domain evil.com max 8", "path ipv4 1.1.1.1 to domain evil.com max 8 " + clause, day},
		{"threatrank events last 1d depth 4", "threatrank events depth 4 " + clause, day},
		{"watch events last 10m", "watch events from now", tdql.Range{From: "now"}},
	} {
		got, err := within(c.text, c.within)
		if err != nil || got != c.want {
			t.Errorf("%s:\n got %s, %v\nwant %s", c.text, got, err, c.want)
		}
	}
}

func TestWithinIsRefused(t *testing.T) {
	for _, c := range []struct {
		text, want string
		within     tdql.Range
	}{
		{"ipv4 1.1.1.1", "the query has no place for a range of time", tdql.Range{Last: "1d"}},
		{"count attributes ipv4", "the query has no place for a range of time", tdql.Range{Last: "1d"}},
		{"events", `"7 dayz" is not a duration`, tdql.Range{Last: "7 dayz"}},
		{"events", `"1d | limit 1" is not a time`, tdql.Range{From: "1d | limit 1"}},
		{"events", `"last" does not go together with "from" and "to"`, tdql.Range{Last: "1d", To: "now"}},
	} {
		_, err := within(c.text, c.within)
		if faults, ok := err.(tdql.Errors); !ok || faults[0].Message != c.want { //nolint:errorlint // it is documented to be that
			t.Errorf("%s: got %v, want %s", c.text, err, c.want)
		}
	}
}

// TestWithinOfTheReference moves all queries of the reference.
func TestWithinOfTheReference(t *testing.T) {
	moved := 0
	for _, text := range append(blocks(reference(t), "tdql"), cheats(reference(t))...) {
		q, err := tdql.Parse(text)
		if err != nil {
			continue // has blanks to fill
		}
		other, err := q.Within(tdql.Range{Last: "2d"})
		if err != nil {
			continue
		}
		moved++
		env := testEnv()
		env.Vocabulary = nil
		env.Orgs = append(env.Orgs, tdql.Org{Name: "acme"})
		if _, _, err := tdql.Check(other, env); err != nil {
			t.Errorf("%s became %s: %v", text, other, err)
		}
		if again, err := within(other.String(), tdql.Range{Last: "2d"}); err != nil || again != other.String() {
			t.Errorf("%s became %s, and then %s: %v", text, other, again, err)
		}
	}
	if moved < 60 {
		t.Errorf("only %d queries were moved", moved)
	}
}
