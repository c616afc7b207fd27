package reportd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// TestAccessIsInThePlan asks random questions of random graphs of several organisations, as users with random rights, and then asks the same of
// a graph that holds only what the user may see. Every answer must be the same: rows, counts, paths, ranks, warnings, errors, and how much was
// read. CYBEXP_RIGHTS_WORLDS=100 tries more graphs, CYBEXP_RIGHTS_SEED=7 begins with another one.
func TestAccessIsInThePlan(t *testing.T) {
	worlds, seed := number("CYBEXP_RIGHTS_WORLDS", 3), number("CYBEXP_RIGHTS_SEED", 0)
	asked, found := 0, 0
	for i := range worlds {
		w := rapid.Custom(drawWorld).Example(seed + i)
		full := testdgraph.Open(t)
		if _, err := full.Write(t.Context(), w.records); err != nil {
			t.Fatal(err)
		}
		var users []*seer
		for k := range 2 {
			u := &seer{orgs: rapid.Custom(drawRights).Example(2*(seed+i) + k)}
			for n := range 60 {
				u.queries = append(u.queries, rapid.Custom(func(t *rapid.T) string { return drawQuery(t, w) }).Example(1000*(2*(seed+i)+k)+n))
			}
			for n := range 15 {
				u.queries = append(u.queries, rapid.Custom(func(t *rapid.T) string { return drawTimes(t, w) }).Example(1000*(2*(seed+i)+k)+n))
			}
			u.answers = u.askAll(t, full, u.orgs)
			users = append(users, u)
		}
		for _, u := range users {
			filtered := testdgraph.Open(t)
			if seen := w.seen(u.orgs); len(seen) > 0 {
				if _, err := filtered.Write(t.Context(), seen); err != nil {
					t.Fatal(err)
				}
			}
			all := slices.Clone(u.orgs)
			for i := range all {
				all[i].Sees = tahoe.Red // nothing is hidden from them in this graph
			}
			for n, got := range u.askAll(t, filtered, all) {
				if asked++; len(got.Rows) > 0 {
					found++
				}
				if diff := cmp.Diff(got, u.answers[n]); diff != "" {
					t.Errorf("seed %d, rights %v: %s\n(-what there is to see +what is told):\n%.3000s", seed+i, u.orgs, u.queries[n], diff)
				}
			}
		}
	}
	t.Logf("%d questions asked, %d with rows", asked, found)
	if found*4 < asked {
		t.Errorf("only %d of %d questions found anything", found, asked)
	}
}

func number(env string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(env)); err == nil {
		return n
	}
	return otherwise
}

// seer is somebody who asks.
type seer struct {
	orgs    []tdql.Org
	queries []string
	answers []told
}

// told is all that an asker learns.
type told struct {
	Error    string
	Warnings []string
	Rows     []string
	Read     uint64 // vertices, as reports say
}

func (u *seer) askAll(t *testing.T, db Querier, orgs []tdql.Org) []told {
	t.Helper()
	list := make([]told, len(u.queries))
	for i, text := range u.queries {
		list[i] = u.ask(t, db, orgs, text)
	}
	return list
}

func (u *seer) ask(t *testing.T, db Querier, orgs []tdql.Org, text string) told {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	rows, stats, err := tryAsk(ctx, db, tdql.Env{Now: time.Unix(1622504000, 0), Orgs: orgs}, text)
	a := told{Read: stats.Scanned}
	if err != nil {
		a.Error = err.Error()
		var faults tdql.Errors
		if !errors.As(err, &faults) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, w := range stats.Warnings {
		a.Warnings = append(a.Warnings, w.Error())
	}
	for _, r := range rows {
		if row := normal(t, text, r); !inTheWords.MatchString(row) {
			a.Rows = append(a.Rows, row)
		}
	}
	if !ordered.MatchString(text) {
		slices.Sort(a.Rows)
	}
	return a
}

// ordered are the queries whose rows have an order that the language promises.
var ordered = regexp.MustCompile(`\| sort [a-z_ ,]*hash|count by|top 1000|\| page`)

// inTheWords are rows of explain that have the asker's rights in them.
var inTheWords = regexp.MustCompile(`^{"part":"(dql|variable)"`)

// normal is a row without what differs from run to run: times, the last digits of sums, and the order of lists that have none.
func normal(t *testing.T, text string, row tdql.Row) string {
	t.Helper()
	var v any
	d := json.NewDecoder(bytes.NewReader(row))
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	if m, ok := v.(map[string]any); ok && strings.HasPrefix(text, "explain analyze") {
		delete(m, "ms")
		delete(m, "dql") // it has the rights in it
	}
	out, err := json.Marshal(tidy(v))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func tidy(v any) any {
	switch v := v.(type) {
	case float64:
		return math.Round(v*1e9) / 1e9
	case map[string]any:
		for k := range v {
			v[k] = tidy(v[k])
		}
	case []any:
		for i := range v {
			v[i] = tidy(v[i])
		}
	}
	return v
}
