package tdql

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// floor cuts a time to the beginning of its bucket, in the time's own zone.
func floor(t time.Time, unit string) time.Time {
	y, m, d := t.Date()
	switch unit {
	case "minute":
		return t.Add(-time.Duration(t.Second())*time.Second - time.Duration(t.Nanosecond()))
	case "hour":
		return t.Add(-time.Duration(t.Minute())*time.Minute - time.Duration(t.Second())*time.Second - time.Duration(t.Nanosecond()))
	case "week":
		return time.Date(y, m, d-(int(t.Weekday())+6)%7, 0, 0, 0, 0, t.Location())
	case "month":
		return time.Date(y, m, 1, 0, 0, 0, 0, t.Location())
	case "year":
		return time.Date(y, 1, 1, 0, 0, 0, 0, t.Location())
	}
	return time.Date(y, m, d, 0, 0, 0, 0, t.Location())
}

// nextBucket returns the beginning of the bucket that follows.
func nextBucket(t time.Time, unit string) time.Time {
	y, m, d := t.Date()
	switch unit {
	case "minute":
		return t.Add(time.Minute)
	case "hour":
		return t.Add(time.Hour)
	case "week":
		return time.Date(y, m, d+7, 0, 0, 0, 0, t.Location())
	case "month":
		return time.Date(y, m+1, 1, 0, 0, 0, 0, t.Location())
	case "year":
		return time.Date(y+1, 1, 1, 0, 0, 0, 0, t.Location())
	}
	return time.Date(y, m, d+1, 0, 0, 0, 0, t.Location())
}

// bucketLabel names a bucket. Names of one unit sort as the times do.
func bucketLabel(t time.Time, unit string) string {
	switch unit {
	case "minute":
		return t.Format("2006-01-02T15:04")
	case "hour":
		return t.Format("2006-01-02T15")
	case "week":
		year, week := t.ISOWeek()
		return fmt.Sprintf("%04d-W%02d", year, week)
	case "month":
		return t.Format("2006-01")
	case "year":
		return t.Format("2006")
	}
	return t.Format("2006-01-02")
}

// stream returns a function that hands out the groups, a chunk at a time. Without a dimension of time these are the groups
// that have something. With one, every bucket of the range has a row for each combination of the other dimensions that has
// something anywhere, so that a series has no holes.
func (g *grouper) stream() func() []Row {
	if g.tally.distinct {
		told := false
		return func() []Row {
			if told {
				return nil
			}
			told = true
			return []Row{newRow(1).number("count", uint64(len(g.counts))).done()}
		}
	}
	if g.unit < 0 {
		return g.chunks(slices.Collect(maps.Keys(g.counts)))
	}
	unit := g.tally.by[g.unit].name
	low, high := g.span(unit)
	others := g.others()
	if g.unit > 0 || low.IsZero() || len(others) == 0 {
		return g.chunks(g.filled(unit, low, high))
	}
	bucket, previous := low, ""
	return func() []Row {
		var rows []Row
		for ; len(rows) < groupChunk && !bucket.After(high); bucket = nextBucket(bucket, unit) {
			label := bucketLabel(bucket, unit)
			if label == previous { // an hour that the clock was put back over
				continue
			}
			previous = label
			for _, rest := range others {
				key := label + rest
				rows = append(rows, g.row(key, g.counts[key]))
			}
		}
		return rows
	}
}

// span is the first and the last bucket of the range: what was asked for, as far as it was, then what was seen.
func (g *grouper) span(unit string) (low, high time.Time) {
	low, high = g.first, g.last
	w := g.tally.window
	if !w.low.IsZero() {
		low = floor(w.low.In(g.tally.zone), unit)
	}
	if !w.high.IsZero() {
		high = floor(w.high.In(g.tally.zone), unit)
	}
	if high.IsZero() {
		high = low
	}
	if low.IsZero() && len(g.counts) == 0 {
		return time.Time{}, time.Time{}
	}
	return low, high
}

// others are the keys' parts after the time, sorted, each with the separator before it.
func (g *grouper) others() []string {
	if len(g.tally.by) == 1 {
		return []string{""}
	}
	set := make(map[string]bool)
	for key := range g.counts {
		if _, rest, ok := strings.Cut(key, keySep); ok {
			set[keySep+rest] = true
		}
	}
	list := slices.Collect(maps.Keys(set))
	slices.SortFunc(list, func(a, b string) int { return compareKeys(strings.Split(a, keySep), strings.Split(b, keySep)) })
	return list
}

// filled lists the keys when time is not the first dimension, the empty buckets among them.
func (g *grouper) filled(unit string, low, high time.Time) []string {
	keys := make(map[string]bool, len(g.counts))
	for key := range g.counts {
		keys[key] = true
		if low.IsZero() {
			continue
		}
		parts := strings.Split(key, keySep)
		for b := low; !b.After(high) && len(keys) < maxFilled; b = nextBucket(b, unit) {
			parts[g.unit] = bucketLabel(b, unit)
			keys[strings.Join(parts, keySep)] = true
		}
	}
	return slices.Collect(maps.Keys(keys))
}

// maxFilled is how many groups are made when empty buckets are filled in memory.
const maxFilled = 1 << 20

// chunks hands out the rows of keys in order.
func (g *grouper) chunks(keys []string) func() []Row {
	slices.SortFunc(keys, func(a, b string) int { return compareKeys(strings.Split(a, keySep), strings.Split(b, keySep)) })
	return func() []Row {
		n := min(len(keys), groupChunk)
		var rows []Row
		for _, key := range keys[:n] {
			rows = append(rows, g.row(key, g.counts[key]))
		}
		keys = keys[n:]
		return rows
	}
}
