package filter

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // zones are read from the program, so that a record means the same on every host

	"github.com/cybexp/cybexp/tahoe"
)

// stamp is the time of the record in unix seconds, from a field that ought to hold a moment, else the time it arrived.
func (r *record) stamp(field string, in Input) (float64, error) {
	if _, ok := r.need(field); ok {
		if seconds, ok := r.moment(field, in); ok {
			return seconds, nil
		}
	}
	return r.arrival(field, in)
}

// arrival is when the record arrived, for want of a usable field.
func (r *record) arrival(field string, in Input) (float64, error) {
	if in.Received.IsZero() {
		return 0, fmt.Errorf("%w: no usable %s", ErrFormat, field)
	}
	r.problem(field, "the time of arrival stands in")
	return unixSeconds(in.Received), nil
}

// moment is the time that a field holds: ISO 8601, or unix seconds as a number or as text. A field that is missing or empty holds none.
func (r *record) moment(field string, in Input) (float64, bool) {
	v, ok := r.scalar(field)
	if !ok || v.Text() == "" {
		return 0, false
	}
	if seconds, ok := number(v); ok {
		return seconds, true
	}
	t, err := parseStamp(v.Text(), r.zone(v.Text(), in.Timezone))
	if err != nil {
		r.problem(field, "%v", err)
		return 0, false
	}
	return unixSeconds(t), true
}

// number is a number, or text that is one.
func number(v tahoe.Value) (float64, bool) {
	if text, isText := v.Str(); isText {
		text = strings.TrimSpace(text)
		if strings.Trim(text, "+-.0123456789eE") != "" { // most often a date
			return 0, false
		}
		if parsed, err := tahoe.ParseValue([]byte(text)); err == nil {
			v = parsed
		}
	}
	return v.Number()
}

// unixSeconds counts in microseconds first, so that the float is the one nearest to the stamp.
func unixSeconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }

// zone is the zone of a stamp that names none.
func (r *record) zone(stamp, name string) *time.Location {
	if name == "" || hasZone(stamp) {
		return time.UTC
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		r.problem("timezone", "unknown zone %q, UTC stands in", name)
		return time.UTC
	}
	return zone
}

func hasZone(stamp string) bool {
	_, clock, _ := strings.Cut(stamp, ":")
	return strings.ContainsAny(clock, "Zz+-")
}

func parseStamp(text string, zone *time.Location) (time.Time, error) {
	text = strings.TrimSpace(text)
	for _, date := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02"} {
		for _, suffix := range []string{"Z07:00", "Z0700", "Z07", ""} {
			if t, err := time.ParseInLocation(date+suffix, text, zone); err == nil {
				return t, nil
			}
		}
	}
	return time.Time{}, fmt.Errorf("%.60q is no time", text)
}

// seconds is a field that holds a number of seconds, as a number or as text; nil where it is missing.
func (r *record) seconds(field string) *float64 {
	v, ok := r.scalar(field)
	if !ok {
		return nil
	}
	seconds, ok := number(v)
	if !ok {
		r.problem(field, "%.60q is no number", v.Text())
		return nil
	}
	return &seconds
}
