package tdql_test

import (
	"testing"
	"time"

	"github.com/cybexp/cybexp/tdql"
)

func TestBetween(t *testing.T) {
	from, to := time.Date(2021, 5, 1, 0, 0, 0, 0, time.UTC), time.Date(2021, 5, 2, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"watch events login": "narrowed",
		"watch ipv4 1.1.1.1 | events last 90d context malicious | where port = 22": "narrowed",
		"watch events to 2021-05-01T12:00Z | fields url":                           "narrowed",
		"watch events last 1d":                               "nothing",
		"watch events from 2020-01-01 to 2020-02-01":         "nothing",
		"watch attributes ipv4":                              "all",
		"watch ipv4 1.1.1.1 | events | attributes url":       "all",
		"watch sessions | events":                            "all",
		"watch session " + red.Hash.String() + " | events":   "all",
		"watch related ipv4 1.1.1.1 return event":            "all",
		"watch (ipv4 1.1.1.1 | where degree > 3) | events":   "all",
		"watch raws | events":                                "all",
		"watch events | attributes ipv4 | events login":      "all",
		"watch event " + red.Hash.String():                   "all",
		"watch instance " + red.Hash.String() + " | events":  "all",
		"watch attribute " + red.Hash.String() + " | events": "narrowed",
	} {
		q, err := tdql.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		plan, _, err := tdql.Check(q, testEnv())
		if err != nil {
			t.Fatal(err)
		}
		narrowed, sure := plan.Between(from, to)
		got := "all"
		switch {
		case sure && narrowed == nil:
			got = "nothing"
		case sure:
			got = "narrowed"
			if narrowed.Canonical() != plan.Canonical() {
				t.Errorf("%s: canonical text is %s", text, narrowed.Canonical())
			}
			if _, err := tdql.Compile(narrowed); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}
