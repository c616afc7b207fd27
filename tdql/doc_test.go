package tdql_test

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// reference is the language reference.
func reference(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/tdql.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// block are the lines of the code blocks of a language.
func blocks(text, language string) []string {
	var lines []string
	for i, block := range strings.Split(text, "\n```") {
		if rest, ok := strings.CutPrefix(block, language+"\n"); ok && i%2 == 1 {
			lines = append(lines, strings.Split(strings.TrimSpace(rest), "\n")...)
		}
	}
	return lines
}

// cheats are the last cells of tables that say how something is said in TDQL.
func cheats(text string) []string {
	var list []string
	in := false
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.ReplaceAll(strings.TrimSpace(line), `\|`, "\x00"), "|")
		if len(cells) != 4 {
			in = false
			continue
		}
		last := strings.TrimSpace(cells[2])
		switch {
		case last == "TDQL":
			in = true
		case in && strings.HasPrefix(last, "`"):
			list = append(list, strings.ReplaceAll(strings.Trim(last, "`"), "\x00", "|"))
		}
	}
	return list
}

func TestExamplesOfTheReference(t *testing.T) {
	text := reference(t)
	examples, sheet := blocks(text, "tdql"), cheats(text)
	if len(examples) < 50 || len(sheet) < 45 {
		t.Errorf("only %d examples and %d lines of the cheat sheet found", len(examples), len(sheet))
	}
	env := testEnv()
	env.Vocabulary = nil
	env.Orgs = append(env.Orgs, tdql.Org{Hash: tahoe.OrgHash("acme"), Name: "acme"})
	for _, line := range append(examples, sheet...) {
		if _, err := faultsOf(asked{text: line}, env); err != nil {
			t.Error(err)
		}
	}
}

// TestGrammarOfTheReference holds the grammar against the words of the language.
func TestGrammarOfTheReference(t *testing.T) {
	grammar := strings.Join(blocks(reference(t), "ebnf"), "\n")
	for _, word := range tdql.Keywords() {
		if !strings.Contains(grammar, strconv.Quote(word)) {
			t.Errorf("the grammar has no %q", word)
		}
	}
}

func TestCodesOfTheReference(t *testing.T) {
	_, codes := faultSites(t)
	for name, code := range codes {
		if !strings.Contains(reference(t), "\n| `"+code+"` |") {
			t.Errorf("the reference has no %s", name)
		}
	}
}

func TestHopToItsOwnKindNarrows(t *testing.T) {
	for _, kind := range []string{"attribute", "object", "event", "session", "raw"} {
		q, err := tdql.Parse(kind + "s | " + kind + "s login")
		if err != nil {
			t.Fatal(err)
		}
		env := testEnv()
		env.Vocabulary = nil
		plan, _, err := tdql.Check(q, env)
		if err != nil {
			t.Fatal(err)
		}
		prog, err := tdql.Compile(plan)
		if err != nil {
			t.Fatal(err)
		}
		if text := prog.Queries()[0].Text(); strings.Contains(text, " as ") || !strings.Contains(text, "eq(sub_type, ") {
			t.Errorf("%s go somewhere:\n%s", kind, text)
		}
	}
}

func TestHugeInputIsOneFault(t *testing.T) {
	for name, text := range map[string]string{
		"a million parentheses": strings.Repeat("(", 1_000_000),
		"parentheses":           strings.Repeat("(", 60_000),
		"tests":                 "events where " + strings.Repeat("(", 60_000),
		"closing parentheses":   strings.Repeat(")", 60_000),
		"one value":             "count ipv4 " + strings.Repeat("x", 1_000_000),
		"bytes":                 strings.Repeat("\xff", 60_000),
		"quotes":                strings.Repeat(`"`, 60_001),
		"nots":                  "events where " + strings.Repeat("not ", 15_000),
		"pipes":                 strings.Repeat("|", 60_000),
		"strays":                "events " + strings.Repeat("7 ", 30_000),
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, err := tdql.Parse(text)
			var faults tdql.Errors
			if !errors.As(err, &faults) || len(faults) > 20 || len(err.Error()) > 8000 {
				t.Fatalf("got %.300v", err)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestLongQueriesThatAreWell(t *testing.T) {
	values := make([]string, 3000)
	for i := range values {
		values[i] = "10.0.0." + string(rune('0'+i%10)) + strings.Repeat("1", i%7)
	}
	for _, text := range []string{
		"ipv4 (" + strings.Join(values, ", ") + ") | events",
		"events" + strings.Repeat(" | events", 2000),
		"events where " + strings.Repeat("not ", 9000) + "port = 22",
		strings.Repeat("(", 64) + "events" + strings.Repeat(")", 64),
		"events where " + strings.Repeat("(", 64) + "port = 22" + strings.Repeat(")", 64),
	} {
		start := time.Now()
		checkFormat(t, text)
		if _, err := tdql.Parse(text); err != nil {
			t.Errorf("%.60s: %v", text, err)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%.60s: took %v", text, took)
		}
	}
}

func TestSpellingsOfOneQuery(t *testing.T) {
	for _, same := range [][]string{
		{"count ipv4 1.1.1.1 last 7d by day", "COUNT ipv4 \"1.1.1.1\" by DAY last 1 week", "ipv4 '1.1.1.1' | events last 168h | count by day",
			"(ipv4 $ip) | events last $span | count by day tz UTC", "ipv4 1[.]1[.]1[.]1|events last 7 days|count by day -- comment"},
		{"url (a, b) | events login, sighting category all", "url (b, a, b) | events sighting, login"},
		{"events where port = 22 and not ipv4 = 1.1.1.1", "events where ipv4 != 1.1.1.1 and port in (22)", "events where ((not (ipv4=1.1.1.1))) and port=$port"},
		{"events from 2021-05-21 to 2021-05-22", "events to 2021-05-22T00:00:00Z from 1621555200", "events from 2021-05-21T02:00+02:00 to 2021-05-22 tz UTC"},
		{"count ipv4 1.1.1.1 org red", "count ipv4 1.1.1.1 org " + red.Hash.String()},
		{"related ipv4 1.1.1.1 level 2 return event", "ipv4 1.1.1.1 | related level 2 via sessions | events"},
	} {
		want := ""
		for _, text := range same {
			q, err := tdql.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			plan, _, err := tdql.Check(q, testEnv())
			if err != nil {
				t.Fatal(err)
			}
			if want == "" {
				want = plan.Hash()
			}
			if plan.Hash() != want {
				t.Errorf("%s is another query than %s: %s", text, same[0], plan.Canonical())
			}
		}
	}
}

func TestQueriesThatDifferHaveOtherNames(t *testing.T) {
	names := map[string]string{}
	for _, text := range []string{
		"events", "events last 0s", "events last 1s",
		"events where timestamp >= today", "events tz Asia/Tokyo where timestamp >= today", "events tz Asia/Tokyo | where timestamp >= yesterday",
		"events from today", "events from today tz Asia/Tokyo", "events tz Asia/Tokyo | events from today",
		"related ipv4 1.1.1.1 where timestamp >= today", "related ipv4 1.1.1.1 where timestamp >= today tz Asia/Tokyo",
	} {
		q, err := tdql.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		plan, _, err := tdql.Check(q, testEnv())
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := names[plan.Hash()]; ok {
			t.Errorf("%s has the name of %s: %s", text, other, plan.Canonical())
		}
		names[plan.Hash()] = text
		checkCanonical(t, text)
	}
}
