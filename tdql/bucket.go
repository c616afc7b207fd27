package tdql

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"
)

// wall is what a clock in a zone shows, as a time in UTC. Buckets are cut in it: it has every hour once, and none is longer
// than another.
func wall(t time.Time, zone *time.Location) time.Time {
	t = t.In(zone)
	_, offset := t.Zone()
	return t.Add(time.Duration(offset) * time.Second).UTC()
}

// floor cuts a time of the clock to the beginning of its bucket.
func floor(t time.Time, unit string) time.Time {
	y, m, d := t.Date()
	switch unit {
	case "minute":
		return t.Truncate(time.Minute)
	case "hour":
		return t.Truncate(time.Hour)
	case "week":
		d -= (int(t.Weekday()) + 6) % 7
	case "month":
		d = 1
	case "year":
		m, d = 1, 1
	}
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// nextBucket returns the beginning of the bucket that follows.
func nextBucket(t time.Time, unit string) time.Time {
	switch unit {
	case "minute":
		return t.Add(time.Minute)
	case "hour":
		return t.Add(time.Hour)
	case "week":
		return t.AddDate(0, 0, 7)
	case "month":
		return t.AddDate(0, 1, 0)
	case "year":
		return t.AddDate(1, 0, 0)
	}
	return t.AddDate(0, 0, 1)
}

// stretch is a run of buckets, from the first to the last.
type stretch struct{ first, last time.Time }

// stretches are the buckets that a span of time has, in order. What the clock jumps over is in none; an hour to which it is put
// back is one bucket.
func stretches(low, high time.Time, zone *time.Location, unit string) []stretch {
	var list []stretch
	for !low.After(high) {
		end, last := high, true
		if _, change := low.In(zone).ZoneBounds(); !change.IsZero() && !change.After(high) {
			end, last = change.Add(-1), false
		}
		list = append(list, stretch{floor(wall(low, zone), unit), floor(wall(end, zone), unit)})
		if last {
			break
		}
		low = end.Add(1)
	}
	slices.SortFunc(list, func(a, b stretch) int { return a.first.Compare(b.first) })
	merged := list[:0]
	for _, s := range list {
		n := len(merged) - 1
		if n < 0 || s.first.After(nextBucket(merged[n].last, unit)) {
			merged = append(merged, s)
		} else if s.last.After(merged[n].last) {
			merged[n].last = s.last
		}
	}
	return merged
}

// buckets hands out the beginnings of the buckets of a span of time.
func buckets(low, high time.Time, zone *time.Location, unit string) iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		for _, s := range stretches(low, high, zone, unit) {
			for b := s.first; !b.After(s.last); b = nextBucket(b, unit) {
				if !yield(b) {
					return
				}
			}
		}
	}
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
	low, high := g.span()
	others := g.others()
	if g.unit > 0 || low.IsZero() || len(others) == 0 {
		return g.chunks(g.filled(unit, low, high))
	}
	left := stretches(low, high, g.tally.zone, unit)
	return func() []Row {
		var rows []Row
		for len(rows) < groupChunk && len(left) > 0 {
			label := bucketLabel(left[0].first, unit)
			for _, rest := range others {
				key := label + rest
				rows = append(rows, g.row(key, g.counts[key]))
			}
			if left[0].first = nextBucket(left[0].first, unit); left[0].first.After(left[0].last) {
				left = left[1:]
			}
		}
		return rows
	}
}

// within narrows a window to another one.
func (w window) within(outer window) window {
	if w.low.Before(outer.low) {
		w.low = outer.low
	}
	if w.high.IsZero() || !outer.high.IsZero() && outer.high.Before(w.high) {
		w.high = outer.high
	}
	return w
}

// span is the range of time: what was asked for, as far as it was, and what was seen.
func (g *grouper) span() (low, high time.Time) {
	w := g.tally.window
	low, high = w.low, w.high
	if low.IsZero() || !g.first.IsZero() && g.first.Before(low) {
		low = g.first
	}
	if g.last.After(high) {
		high = g.last
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

// filled lists the keys when time is not the first dimension, the empty buckets among them, unless that makes too many.
func (g *grouper) filled(unit string, low, high time.Time) []string {
	seen := slices.Collect(maps.Keys(g.counts))
	if low.IsZero() {
		return seen
	}
	series := make(map[string][]string) // the parts of the keys, by those that are not time
	for _, key := range seen {
		parts := strings.Split(key, keySep)
		parts[g.unit] = ""
		series[strings.Join(parts, keySep)] = parts
	}
	var labels []string
	for b := range buckets(low, high, g.tally.zone, unit) {
		if labels = append(labels, bucketLabel(b, unit)); len(labels)*len(series) > maxFilled {
			g.unfilled = true
			return seen
		}
	}
	keys := make([]string, 0, len(labels)*len(series))
	for _, parts := range series {
		for _, label := range labels {
			parts[g.unit] = label
			keys = append(keys, strings.Join(parts, keySep))
		}
	}
	return keys
}

// maxFilled is how many groups are made when empty buckets are filled in memory.
const maxFilled = 1 << 20

// warnings tells that there were too many empty buckets.
func (g *grouper) warnings() Errors {
	if !g.unfilled {
		return nil
	}
	unit := g.tally.by[g.unit].name
	return Errors{{Code: CodeUnfilled, Hint: "put " + unit + " first in count by, or ask for less time",
		Message: fmt.Sprintf("each %s without events is left out: with them there would be more than %d groups", unit, maxFilled)}}
}

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
