package tdql_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

func TestTrigger(t *testing.T) {
	ip, err := tahoe.AttributeHash("ipv4", tahoe.String("1.1.1.1"))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"watch events login":                                                       "alone, sub-types login",
		"watch events login, scan":                                                 "alone, sub-types login scan",
		"watch events category benign":                                             "alone, category benign",
		"watch events from 2021-05-01":                                             "alone, from 2021",
		"watch events to 2021-05-01":                                               "alone",
		"watch events org red":                                                     "alone, org red",
		"watch ipv4 1.1.1.1 | events":                                              "alone, holds 1.1.1.1",
		"watch events where ipv4 = 1.1.1.1 and port > 3":                           "alone, holds 1.1.1.1",
		"watch events where ipv4 in (1.1.1.1, 2.2.2.2) and ipv4 = 1.1.1.1":         "alone, holds 1.1.1.1",
		"watch events where ipv4 = 1.1.1.1 or ipv4 = 2.2.2.2":                      "alone, holds 2",
		"watch events where ipv4 = 1.1.1.1 or port > 3":                            "alone",
		"watch events where not ipv4 = 1.1.1.1":                                    "alone",
		"watch ipv4 1.1.1.1 | events last 90d context malicious | where port = 22": "alone, from 2021, holds 1.1.1.1",
		"watch ipv4 1.1.1.1 | events | attributes url":                             "alone, holds 1.1.1.1",
		"watch ipv4 1.1.1.1 | events login | events category benign | fields url":  "alone, sub-types login, category benign, holds 1.1.1.1",
		"watch attribute " + ip.String() + " | events":                             "alone, holds 1.1.1.1",
		"watch any 1.1.1.1 | events":                                               "alone",
		"watch attributes ipv4":                                                    "all",
		"watch sessions | events":                                                  "all",
		"watch session " + red.Hash.String() + " | events":                         "all",
		"watch related ipv4 1.1.1.1 return event":                                  "all",
		"watch (ipv4 1.1.1.1 | where degree > 3) | events":                         "all",
		"watch events | attributes url where degree > 3":                           "all",
		"watch raws | events":                                                      "all",
		"watch events | attributes ipv4 | events login":                            "all",
		"watch event " + red.Hash.String():                                         "all",
		"watch instance " + red.Hash.String() + " | events":                        "all",
	} {
		q, err := tdql.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		plan, _, err := tdql.Check(q, testEnv())
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		trigger := plan.Trigger()
		if got := describe(trigger, ip); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
		if !trigger.Alone {
			continue
		}
		narrowed := plan.Among([]tahoe.Hash{ip})
		program, err := tdql.Compile(narrowed)
		if err != nil || narrowed.Canonical() != plan.Canonical() {
			t.Errorf("%s: narrowed to %s, %v", text, narrowed.Canonical(), err)
			continue
		}
		if asked, ok := program.Start().Next(); !ok || !strings.Contains(fmt.Sprint(asked.Variables()), ip.String()) {
			t.Errorf("%s: what is asked does not name the event", text)
		}
	}
}

// describe names what a trigger asks of an event.
func describe(t tdql.Trigger, ip tahoe.Hash) string {
	if !t.Alone {
		return "all"
	}
	words := "alone"
	if len(t.Orgs) == 1 {
		words += ", org " + t.Orgs[0].Name
	}
	if len(t.SubTypes) > 0 {
		words += ", sub-types " + strings.Join(t.SubTypes, " ")
	}
	if t.Category != "" {
		words += ", category " + t.Category
	}
	if !t.From.IsZero() {
		words += ", from " + t.From.Format("2006")
	}
	switch {
	case len(t.Holds) == 1 && t.Holds[0] == ip:
		words += ", holds 1.1.1.1"
	case len(t.Holds) > 0:
		words += fmt.Sprint(", holds ", len(t.Holds))
	}
	return words
}
