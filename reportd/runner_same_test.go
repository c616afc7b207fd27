package reportd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// demoGraph holds a day of a honeypot, as ingest maps it.
func demoGraph(tb testing.TB, org tdql.Org) Querier {
	tb.Helper()
	sample, err := os.ReadFile("../cmd/cybexp/demo/cowrie.json")
	if err != nil {
		tb.Fatal(err)
	}
	store := testdgraph.Open(tb)
	var batch []tahoe.Record
	for out, err := range ingest.Try(ingest.Upload{Org: org.Hash, Typetag: "cowrie", Timezone: "UTC"}, testNow, bytes.NewReader(sample)) {
		if err != nil {
			tb.Fatal(err)
		}
		if out.Record.Raw != nil {
			batch = append(batch, out.Record)
		}
	}
	for part := range slices.Chunk(batch, 200) {
		if _, err := store.Write(tb.Context(), part); err != nil {
			tb.Fatal(err)
		}
	}
	return store
}

// TestSpellingsThatMeanTheSame asks the honeypot's day in pairs of spellings that must have one answer.
func TestSpellingsThatMeanTheSame(t *testing.T) {
	org := tdql.Org{Hash: tahoe.OrgHash("same"), Name: "same"}
	db := demoGraph(t, org)
	answer := func(text string) []string {
		t.Helper()
		out := texts(askLater(t, db, org, text))
		slices.Sort(out)
		return out
	}
	first := func(text, column string) string {
		t.Helper()
		rows := ask(t, db, []tdql.Org{org}, text)
		if len(rows) == 0 {
			t.Fatalf("%s: no rows", text)
		}
		v := must(tahoe.ParseValue(column0(t, rows[0], column)))
		return tdql.Literal(v)
	}
	ip := first("events | top 1 ipv4", "data")
	ips := ask(t, db, []tdql.Org{org}, "events | top 3 ipv4")
	var list []string
	for _, r := range ips {
		list = append(list, tdql.Literal(must(tahoe.ParseValue(column0(t, r, "data")))))
	}
	or := "ipv4 = " + strings.Join(list, " or ipv4 = ")
	in := "ipv4 in (" + strings.Join(list, ", ") + ")"
	net := "ipv4 in (" + ip + ")"
	for _, same := range [][]string{
		{"count ipv4 " + ip, "ipv4 " + ip + " | events | count", "events where ipv4 = " + ip + " | count", "events | where not not ipv4 = " + ip + " | count",
			"events where ipv4 in " + ip + "/32 | count", "any " + ip + " | events | count", "count ipv4 (" + ip + ", " + ip + ")",
			"events where not ipv4 != " + ip + " | count", "events last 100Y where " + net + " | count"},
		{"events where " + in, "events where " + or, "ipv4 (" + strings.Join(list, ", ") + ") | events", "events | where " + in,
			"events where not (not " + strings.ReplaceAll(or, " or ", " and not ") + ")"},
		{"events | count", "events where ipv4 = " + ip + " or ipv4 != " + ip + " | count", "events from 1970-01-01 | count", "events to now tz Asia/Tokyo | count",
			"events category all | count", "sessions | events | limit 100000 | count", "raws | events | count"},
		{"related ipv4 " + ip, "ipv4 " + ip + " | related level 1", "related ipv4 " + ip + " level 1 via all"},
		{"related ipv4 " + ip + " return event", "ipv4 " + ip + " | events | limit 100000 | related | events", "ipv4 " + ip + " | related | events",
			"ipv4 " + ip + " | events | sort timestamp | limit 100000 | related | events"},
		{"events where password startswith 12345 | count", "events where password ~ /^12345/ | count", "events where src.ipv4 = 0.0.0.1 or password ~ /\\A1234(5)/ | count"},
		{"attributes password", "attributes where sub_type = password", "events | attributes password"},
		{"attributes where data startswith 10.10", "attributes where data ~ /^10\\.10/", "attributes where data ~ /\\A10[.]10/ or data startswith 10.10"},
		{"attributes ipv4 where data contains 10", "attributes ipv4 where data ~ /10/", "attributes ipv4 where not not data ~ /1[0]/", "attributes where sub_type = ipv4 and ipv4 contains 10"},
		{"attributes ipv4 where data in 0.0.0.0/0", "attributes ipv4", "attributes ipv4 where has ipv4"},
		{"events | sort timestamp desc | limit 7", "events | limit 7", "events | page 1 size 7"},
		{"count ipv4 " + ip + " by category", "ipv4 " + ip + " | events | count by category"},
		{"events | count distinct by ipv4", "attributes ipv4 | count"},
		{"events | fields hash", "events | sort hash | fields hash"},
		{"ipv4 " + ip + " | events | attributes | top 5", "ipv4 " + ip + " | events | top 5"},
	} {
		want := answer(same[0])
		if len(want) == 0 {
			t.Errorf("%s: no answer", same[0])
		}
		for _, text := range same[1:] {
			if got := answer(text); !slices.Equal(got, want) {
				t.Errorf("%s\n%.300q\nbut %s\n%.300q", same[0], want, text, got)
			}
		}
	}
	addsUp(t, db, org, ip)
}

// askLater asks when the honeypot's day is past.
func askLater(tb testing.TB, db Querier, org tdql.Org, text string) []tdql.Row {
	tb.Helper()
	return askAs(tb, db, []tdql.Org{org}, text)
}

// askAs asks so for somebody who may read orgs.
func askAs(tb testing.TB, db Querier, orgs []tdql.Org, text string) []tdql.Row {
	tb.Helper()
	rows, _, err := tryAsk(tb.Context(), db, tdql.Env{Now: testNow.AddDate(10, 0, 0), Orgs: orgs}, text)
	if err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
	return rows
}

func column0(t *testing.T, r tdql.Row, name string) json.RawMessage {
	t.Helper()
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(r, &members); err != nil {
		t.Fatal(err)
	}
	return members[name]
}

// addsUp checks that the parts of a set are as many as the set: spans of time, categories, pages and buckets.
func addsUp(t *testing.T, db Querier, org tdql.Org, ip string) {
	t.Helper()
	total := func(texts ...string) (n int) {
		t.Helper()
		for _, text := range texts {
			for _, c := range column[int](t, askLater(t, db, org, text), "count") {
				n += c
			}
		}
		return n
	}
	rows := ask(t, db, []tdql.Org{org}, "events | fields timestamp")
	times := column[time.Time](t, rows, "timestamp")
	newest, oldest := times[0], times[len(times)-1]
	middle := oldest.Add(newest.Sub(oldest) / 2).Truncate(time.Microsecond)
	at := func(t time.Time) string { return t.Format(time.RFC3339Nano) }
	for _, set := range []string{"events", "ipv4 " + ip + " | events"} {
		want := total(set + " | count")
		for name, got := range map[string]int{
			"halves of the time":   total(set+" to "+at(middle)+" | count", set+" from "+at(middle.Add(time.Microsecond))+" | count"),
			"categories":           total(set+" category benign | count", set+" category malicious | count", set+" category unknown | count"),
			"a test and its not":   total(set+" where has url | count", set+" where not has url | count"),
			"minutes":              total(set + " | count by minute"),
			"days in Kathmandu":    total(set + " | count by day tz Asia/Kathmandu"),
			"weeks and categories": total(set + " from " + at(oldest) + " | count by week, category tz Europe/Berlin"),
			"pages":                total(set+" | page 1 size 100 | count", set+" | page 2 size 100 | count", fmt.Sprintf("%s | page 2 size 200 | count", set), set+" | sort hash | page 2 size 400 | limit 100000 | count", set+" | page 3 size 400 | count", set+" | page 4 size 400 | count"),
		} {
			if got != want {
				t.Errorf("%s: %s make %d, not %d", set, name, got, want)
			}
		}
	}
}

// FuzzHostileValues puts any text wherever a value can stand: the database must answer, and find what equals it.
func FuzzHostileValues(f *testing.F) {
	org := tdql.Org{Hash: tahoe.OrgHash("hostile"), Name: "hostile"}
	for _, s := range []string{`")) { uid } evil(func: has(hash)) { hash } #`, "$h0", "a/b", `\x2f/`, "/i", `[[:alpha:]]{3}`, "日本語", "\u017f\u212a", ")", `\Q..\E`, "x\ny", "%", "ab", " 0", "0 "} {
		f.Add(s)
	}
	store := testdgraph.Open(f)
	f.Fuzz(func(t *testing.T, s string) {
		attr, err := tahoe.NewAttribute("subject", tahoe.String(s))
		if err != nil || s == "" || len(s) > 900 {
			return
		}
		event := must(tahoe.NewEvent("e", org.Hash.String(), 1, attr))
		if _, err := store.Write(t.Context(), []tahoe.Record{{Events: []*tahoe.Event{event}}}); err != nil {
			t.Fatal(err)
		}
		env := tdql.Env{Now: testNow, Orgs: []tdql.Org{org}, Params: map[string]tahoe.Value{"v": tahoe.String(s)}}
		parts := []string{"count subject $v", "events where subject = $v | count", "any $v | events | count"}
		if kept, _ := attr.Value().Str(); kept == s && !strings.Contains(s, "\n") {
			parts = append(parts, "events where hash = "+event.Hash().String()+" | where subject contains $v | count",
				"events where subject = $v | where subject startswith $v and subject endswith $v | count")
		}
		for _, text := range parts {
			rows, _, err := tryAsk(t.Context(), store, env, text)
			if err != nil || len(rows) != 1 || string(rows[0]) != `{"count":1}` {
				t.Fatalf("%s, %q: %s %v", text, s, rows, err)
			}
		}
		for _, text := range []string{"events where subject ~ /" + s + "/ | count", "events from 1 to 1 where subject ~ /" + s + "/i | count",
			"events where subject contains $v | count", "events where url under $v or ipv4 in $v | count"} {
			_, _, err := tryAsk(t.Context(), store, env, text)
			var faults tdql.Errors
			if err != nil && !errors.As(err, &faults) {
				t.Fatalf("%s, %q: %v", text, s, err)
			}
		}
	})
}
