package tdql_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/tdql"
)

// bucket is a row of a count by time.
type bucket struct {
	label string
	n     int
}

// countBy runs a count over events at some times, and returns the rows of its groups.
func countBy(t *testing.T, text string, times []time.Time) []map[string]any {
	t.Helper()
	q, err := tdql.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	plan, _, err := tdql.Check(q, testEnv())
	if err != nil {
		t.Fatal(err)
	}
	prog, err := tdql.Compile(plan)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for i, at := range times {
		list = append(list, fmt.Sprintf(`{"uid":"0x%x","timestamp":%q,"category":%q}`, i+1, at.UTC().Format(time.RFC3339Nano), []string{"benign", "malicious"}[i%2]))
	}
	body := []byte(`{"r":[` + strings.Join(list, ",") + `]}`)
	var rows []map[string]any
	x := prog.Start()
	for _, more := x.Next(); more; _, more = x.Next() {
		got, err := x.Take(body)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range got {
			var row map[string]any
			if err := json.Unmarshal(r, &row); err != nil {
				t.Fatal(err)
			}
			rows = append(rows, row)
		}
	}
	return rows
}

func countByTime(t *testing.T, text, unit string, times []time.Time) []bucket {
	t.Helper()
	var out []bucket
	for _, row := range countBy(t, text, times) {
		out = append(out, bucket{row[unit].(string), int(row["count"].(float64))})
	}
	return out
}

// labelOf names the bucket of a time as a calendar on the wall does.
func labelOf(at time.Time, unit string) string {
	switch unit {
	case "minute":
		return at.Format("2006-01-02T15:04")
	case "hour":
		return at.Format("2006-01-02T15")
	case "day":
		return at.Format("2006-01-02")
	case "week":
		year, week := at.ISOWeek()
		return fmt.Sprintf("%d-W%02d", year, week)
	case "month":
		return at.Format("2006-01")
	}
	return at.Format("2006")
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// Spans of time that clocks make hard, local in their zone.
var hardSpans = map[string][]struct{ zone, from, to string }{
	"minute": {
		{"America/Los_Angeles", "2021-03-14T00:30:20-08:00", "2021-03-14T04:10:00-07:00"},
		{"America/Los_Angeles", "2021-11-07T00:30:20-07:00", "2021-11-07T03:10:00-08:00"},
		{"America/Los_Angeles", "2021-11-07T01:50:00-07:00", "2021-11-07T01:10:00-08:00"}, // ends before it begins, on the wall
		{"Australia/Lord_Howe", "2021-04-04T00:50:00+11:00", "2021-04-04T03:10:00+10:30"},
		{"Asia/Kolkata", "2021-05-21T22:10:10+05:30", "2021-05-22T01:00:00+05:30"},
		{"Europe/Amsterdam", "1937-06-30T22:00:00Z", "1937-07-01T01:00:00Z"}, // clocks jump by 28 seconds
	},
	"hour": {
		{"America/Los_Angeles", "2021-03-13T22:30:00-08:00", "2021-03-14T23:00:00-07:00"},
		{"America/Los_Angeles", "2021-11-06T22:30:00-07:00", "2021-11-07T23:00:00-08:00"},
		{"Europe/Berlin", "2021-03-27T12:00:00+01:00", "2021-03-28T12:59:59+02:00"},
		{"Europe/Berlin", "2021-10-30T12:00:00+02:00", "2021-10-31T12:59:59+01:00"},
		{"Asia/Kolkata", "2021-05-21T00:29:59+05:30", "2021-05-22T00:30:00+05:30"},
		{"Australia/Lord_Howe", "2021-04-03T20:10:00+11:00", "2021-04-04T08:10:00+10:30"}, // clocks go back by half an hour
		{"Australia/Lord_Howe", "2021-10-02T20:10:00+10:30", "2021-10-03T08:10:00+11:00"},
		{"Pacific/Apia", "2011-12-29T20:00:00-10:00", "2011-12-31T03:30:00+14:00"},
	},
	"day": {
		{"America/Los_Angeles", "2021-03-10T12:00:00-08:00", "2021-03-20T12:00:00-07:00"},
		{"America/Los_Angeles", "2021-11-04T23:30:00-07:00", "2021-11-11T00:30:00-08:00"},
		{"Europe/Berlin", "2021-10-29T00:00:00+02:00", "2021-11-02T00:00:00+01:00"},
		{"America/Sao_Paulo", "2018-11-01T12:00:00-03:00", "2018-11-08T12:00:00-02:00"}, // a day without a midnight
		{"Pacific/Apia", "2011-12-28T01:00:00-10:00", "2012-01-02T01:00:00+14:00"},      // a day that was left out
		{"Asia/Kolkata", "2021-02-26T18:29:59Z", "2021-03-02T18:30:00Z"},
		{"Asia/Manila", "1844-12-29T12:00:00Z", "1845-01-02T12:00:00Z"},
		{"America/Juneau", "1867-10-16T00:00:00Z", "1867-10-20T20:00:00Z"}, // a day that came twice
	},
	"week": {
		{"America/Los_Angeles", "2020-12-20T12:00:00-08:00", "2021-04-04T23:59:59-07:00"},
		{"Europe/Berlin", "2021-10-18T00:00:00+02:00", "2022-01-09T23:59:59+01:00"},
		{"Pacific/Apia", "2011-12-20T01:00:00-10:00", "2012-01-10T01:00:00+14:00"},
	},
	"month": {
		{"America/Los_Angeles", "2020-01-31T23:59:59-08:00", "2021-12-01T00:00:00-08:00"},
		{"Pacific/Apia", "2011-11-20T01:00:00-10:00", "2012-02-10T01:00:00+14:00"},
	},
	"year": {
		{"Europe/Berlin", "2018-12-31T23:30:00Z", "2021-06-01T00:00:00Z"},
		{"Pacific/Apia", "2010-12-20T01:00:00-10:00", "2012-02-10T01:00:00+14:00"},
	},
}

// steps are how far apart the times are at which a test looks at the clock.
var steps = map[string]time.Duration{"minute": time.Second, "hour": time.Minute, "day": 10 * time.Minute, "week": time.Hour, "month": time.Hour, "year": time.Hour}

func TestBucketsHaveNoHoleAndNoDouble(t *testing.T) {
	for unit, spans := range hardSpans {
		for _, s := range spans {
			t.Run(unit+" "+s.zone+" "+s.from, func(t *testing.T) {
				checkBuckets(t, unit, zone(t, s.zone), s.from, s.to)
			})
		}
	}
}

// checkBuckets counts events here and there in a span, and compares the buckets with what a clock in the zone shows.
func checkBuckets(t *testing.T, unit string, loc *time.Location, from, to string) {
	t.Helper()
	low, err1 := time.Parse(time.RFC3339, from)
	high, err2 := time.Parse(time.RFC3339, to)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	counts := map[string]int{}
	var times []time.Time
	for at, i := low, 0; !at.After(high); at, i = at.Add(steps[unit]), i+1 {
		label := labelOf(at.In(loc), unit)
		counts[label] += 0
		if i%37 == 5 && i%5 > 1 && len(times) < 10000 {
			times = append(times, at)
			counts[label]++
		}
	}
	counts[labelOf(high.In(loc), unit)] += 0
	var want []bucket
	for label, n := range counts {
		want = append(want, bucket{label, n})
	}
	slices.SortFunc(want, func(a, b bucket) int { return strings.Compare(a.label, b.label) })
	span := fmt.Sprintf("events from %s to %s tz %s | count by ", from, to, loc)
	if d := cmp.Diff(want, countByTime(t, span+unit, unit, times), cmp.AllowUnexported(bucket{})); d != "" {
		t.Errorf("want - got +\n%s", d)
	}
	if len(times) < 2 {
		return
	}
	both := countBy(t, span+"category, "+unit, times)
	sum := 0
	for _, row := range both {
		sum += int(row["count"].(float64))
	}
	if len(both) != 2*len(want) || sum != len(times) {
		t.Errorf("by category: %d rows for %d buckets, %d of %d events", len(both), len(want), sum, len(times))
	}
}

func TestBucketsOfClocksThatChange(t *testing.T) {
	at := func(text string) time.Time {
		parsed, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	for name, c := range map[string]struct {
		query, unit string
		times       []time.Time
		want        []bucket
	}{
		"an hour is left out in spring": {"events from 2021-03-14T01:00 to 2021-03-14T04:00 tz America/Los_Angeles | count by hour", "hour",
			[]time.Time{at("2021-03-14T01:59:59-08:00"), at("2021-03-14T03:00:00-07:00")},
			[]bucket{{"2021-03-14T01", 1}, {"2021-03-14T03", 1}, {"2021-03-14T04", 0}}},
		"both hours of autumn are one": {"events from 2021-11-07T00:00 to 2021-11-07T02:00 tz America/Los_Angeles | count by hour", "hour",
			[]time.Time{at("2021-11-07T01:30:00-07:00"), at("2021-11-07T01:30:00-08:00")},
			[]bucket{{"2021-11-07T00", 0}, {"2021-11-07T01", 2}, {"2021-11-07T02", 0}}},
		"a day is left out": {"events from 2011-12-29 to 2011-12-31 tz Pacific/Apia | count by day", "day",
			[]time.Time{at("2011-12-30T09:59:59Z"), at("2011-12-30T10:00:00Z")},
			[]bucket{{"2011-12-29", 1}, {"2011-12-31", 1}}},
		"half an hour": {"events from 2021-05-21 to 2021-05-21T02:00 tz Asia/Kolkata | count by hour", "hour",
			[]time.Time{at("2021-05-20T18:30:00Z"), at("2021-05-20T19:29:59Z"), at("2021-05-20T19:30:00Z")},
			[]bucket{{"2021-05-21T00", 2}, {"2021-05-21T01", 1}, {"2021-05-21T02", 0}}},
		"a week of two years": {"events from 2020-12-28 to 2021-01-04 tz Europe/Berlin | count by week", "week",
			[]time.Time{at("2021-01-03T22:59:59Z"), at("2021-01-03T23:00:00Z")},
			[]bucket{{"2020-W53", 1}, {"2021-W01", 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(c.want, countByTime(t, c.query, c.unit, c.times), cmp.AllowUnexported(bucket{})); d != "" {
				t.Errorf("want - got +\n%s", d)
			}
		})
	}
}

func TestBucketsOfOpenRanges(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2021, 5, d, 12, 0, 0, 0, time.UTC) } // now is the first of June
	for name, c := range map[string]struct {
		query string
		times []time.Time
		want  string
	}{
		"from: until now":                      {"events from 2021-05-29", []time.Time{day(30)}, "29:0 30:1 31:0 01:0"},
		"from: until the last, if it is later": {"events from 2021-05-30", []time.Time{day(31), day(33)}, "30:0 31:1 01:0 02:1"},
		"from, and nothing":                    {"events from 2021-05-30", nil, "30:0 31:0 01:0"},
		"from later than now, and nothing":     {"events from 2021-06-30", nil, ""},
		"from later than now":                  {"events from 2021-06-30", []time.Time{day(62)}, "30:0 01:1"},
		"to: since the first":                  {"events to 2021-05-21", []time.Time{day(18), day(20)}, "18:1 19:0 20:1 21:0"},
		"to, and nothing":                      {"events to 2021-05-21", nil, ""},
		"open: from the first to the last":     {"events", []time.Time{day(20), day(18)}, "18:1 19:0 20:1"},
		"open, and nothing":                    {"events", nil, ""},
		"both: all of it":                      {"events from 2021-05-18 to 2021-05-20", []time.Time{day(19)}, "18:0 19:1 20:0"},
		"both, and nothing":                    {"events from 2021-05-18 to 2021-05-20", nil, "18:0 19:0 20:0"},
		"last: until now":                      {"events last 2d", []time.Time{day(31)}, "30:0 31:1 01:0"},
		"narrowed, the range stays":            {"events last 2d | events login", []time.Time{day(31)}, "30:0 31:1 01:0"},
		"narrowed to one end":                  {"events from 2021-05-18 | events to 2021-05-20", nil, "18:0 19:0 20:0"},
		"narrowed twice":                       {"events from 2021-05-01 to 2021-05-20 | events from 2021-05-18 to 2021-05-30", nil, "18:0 19:0 20:0"},
		"other events have their own range":    {"events last 9d | attributes | events", []time.Time{day(18)}, "18:1"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, b := range countByTime(t, c.query+" | count by day", "day", c.times) {
				got = append(got, fmt.Sprintf("%s:%d", b.label[len("2021-05-"):], b.n))
			}
			if d := cmp.Diff(c.want, strings.Join(got, " ")); d != "" {
				t.Errorf("want - got +\n%s", d)
			}
		})
	}
}
