package tdql

import (
	"encoding/json"
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/cybexp/cybexp/tahoe"
)

// literal reads a value that is not a parameter.
func (v *value) literal() (tahoe.Value, error) {
	switch {
	case v.kind == tokWord:
		return bare(v.Text), nil
	case strings.HasPrefix(v.Text, "'"):
		return tahoe.String(v.Text[1 : len(v.Text)-1]), nil
	}
	var s string
	if err := json.Unmarshal([]byte(v.Text), &s); err != nil {
		return tahoe.Value{}, errors.New("not a JSON string")
	}
	return tahoe.String(s), nil
}

// bare reads an unquoted value: a number, true, false and null as in JSON, anything else a string, refanged.
func bare(text string) tahoe.Value {
	switch c := text[0]; {
	case text == "true", text == "false", text == "null", c == '-', '0' <= c && c <= '9':
		if v, err := tahoe.ParseValue([]byte(text)); err == nil && v.IsScalar() {
			return v
		}
	}
	return tahoe.String(refang(text))
}

var fangs = strings.NewReplacer("[.]", ".", "{.}", ".", "[dot]", ".", "[DOT]", ".", "{dot}", ".", "[:]", ":", "[://]", "://",
	"[@]", "@", "{@}", "@", "[at]", "@", "[AT]", "@")

// refang undoes what people do to indicators so that nobody clicks them: hxxp://evil[.]com => http://evil.com.
func refang(text string) string {
	if strings.ContainsAny(text, "[{") {
		text = fangs.Replace(text)
	}
	if len(text) > 4 && strings.EqualFold(text[:3], "hxx") {
		scheme, rest, ok := strings.Cut(text, "://")
		switch strings.ToLower(scheme) {
		case "hxxp", "hxxps":
			if ok {
				return "http" + strings.ToLower(scheme[4:]) + "://" + rest
			}
		}
	}
	return text
}

// isIdentifier says whether a bare word can be a sub-type.
func isIdentifier(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

func isNumeric(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	return digits != "" && strings.Trim(digits, "0123456789.") == ""
}

const durationHint = "durations are a number and a unit, as in 30s, 15m, 12h, 7d, 4w, 6M, 1Y"

// unitSeconds maps the units of durations to their length.
var unitSeconds = map[string]int64{
	"s": 1, "sec": 1, "second": 1, "seconds": 1, "m": 60, "min": 60, "mins": 60, "minute": 60, "minutes": 60,
	"h": 3600, "hr": 3600, "hrs": 3600, "hour": 3600, "hours": 3600, "d": 86400, "day": 86400, "days": 86400,
	"w": 604800, "week": 604800, "weeks": 604800, "M": 2629800, "month": 2629800, "months": 2629800,
	"Y": 31557600, "year": 31557600, "years": 31557600,
}

var errDuration = errors.New("not a duration")

// maxDuration is the longest duration, in seconds: ten thousand years.
const maxDuration = 10000 * 31557600

// durationUnit is what stands after the number of a duration.
func durationUnit(text string) string {
	return strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(text), "+-0123456789"))
}

// durationHelp helps with what is not a duration.
func durationHelp(text string) string {
	if hint := didYouMean(durationUnit(text), unitWords); hint != "" {
		return hint
	}
	return durationHint
}

// parseDuration reads a number and a unit; the result is in seconds.
func parseDuration(text string) (int64, error) {
	digits := strings.TrimLeft(text, "0123456789")
	number := text[:len(text)-len(digits)]
	unit := strings.TrimSpace(digits)
	seconds, ok := unitSeconds[unit]
	if !ok && len(unit) > 1 {
		seconds, ok = unitSeconds[strings.ToLower(unit)]
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || !ok || n > maxDuration/seconds {
		return 0, errDuration
	}
	return n * seconds, nil
}

// durationText writes seconds with the largest unit that divides them.
func durationText(seconds int64) string {
	for _, u := range []struct {
		name string
		size int64
	}{{"Y", 31557600}, {"M", 2629800}, {"w", 604800}, {"d", 86400}, {"h", 3600}, {"m", 60}} {
		if seconds != 0 && seconds%u.size == 0 {
			return strconv.FormatInt(seconds/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(seconds, 10) + "s"
}

const timeHint = "times are written 2021-05-21, 2021-05-21 02:00, 2021-05-21T02:00:00Z, Unix seconds, now, today or yesterday"

// timeHelp helps with what is not a time.
func timeHelp(text string) string {
	if hint := didYouMean(text, relativeTimes); hint != "" {
		return hint
	}
	return timeHint
}

var errTime = errors.New("not a time")

// continuesTime says whether a word goes on with the time that began before it.
var continuesTime = regexp.MustCompile(`^(?i:\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?\s*(am|pm)?(Z|[+-]\d{2}:?\d{2})?|am|pm|Z|UTC|[+-]\d{2}:?\d{2})$`).MatchString

// moment is a time as it was asked for.
type moment struct {
	at time.Time
	// relative is now, today or yesterday, which the canonical text keeps.
	relative string
}

// The latest and the earliest second that a query may name.
const (
	minUnix = -62135596800 // year 1
	maxUnix = 253402300799 // year 9999
)

// parseTime reads a time; one without a zone is in loc.
func parseTime(text string, now time.Time, loc *time.Location) (moment, error) {
	text = strings.TrimSpace(text)
	y, m, d := now.In(loc).Date()
	switch word := strings.ToLower(text); word {
	case "now":
		return moment{now.UTC(), word}, nil
	case "today":
		return moment{time.Date(y, m, d, 0, 0, 0, 0, loc).UTC(), word}, nil
	case "yesterday":
		return moment{time.Date(y, m, d-1, 0, 0, 0, 0, loc).UTC(), word}, nil
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && strings.Trim(text, "+-.0123456789Ee") == "" {
		return unixTime(f)
	}
	for _, layout := range timeLayouts(text) {
		if t, err := time.ParseInLocation(layout, text, loc); err == nil && t.Unix() >= minUnix && t.Unix() <= maxUnix {
			return moment{at: t.UTC().Round(time.Microsecond)}, nil
		}
	}
	return moment{}, errTime
}

func unixTime(f float64) (moment, error) {
	if f < minUnix || f > maxUnix {
		return moment{}, errTime
	}
	return moment{at: fromUnix(f)}, nil
}

// fromUnix turns Unix seconds into a time, to the microsecond, as events' times are.
func fromUnix(f float64) time.Time {
	whole, part := math.Modf(f)
	return time.Unix(int64(whole), int64(math.Round(part*1e6))*1000).UTC()
}

var (
	dateLayouts  = []string{"2006-1-2", "2006/1/2", "2 Jan 2006", "Jan 2 2006", "Jan 2, 2006", "2 January 2006", "January 2, 2006"}
	clockLayouts = []string{"15:04", "15:04:05", "3:04pm", "3:04 pm", "3:04:05pm", "3:04:05 pm", "3pm", "3 pm"}
	zoneLayouts  = []string{"", "Z07:00", " Z07:00", "-0700", " -0700", " UTC"}
)

// timeLayouts lists the layouts worth trying for a text, the likely ones first.
func timeLayouts(text string) []string {
	list := []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02T15:04Z07:00", time.RFC1123, time.RFC1123Z}
	list = append(list, dateLayouts...)
	if !strings.ContainsAny(text, " T") {
		return list
	}
	if strings.ContainsAny(text, "AP") && strings.HasSuffix(text, "M") {
		for _, d := range dateLayouts {
			list = append(list, d+" 3:04PM", d+" 3:04 PM", d+" 3:04:05PM", d+" 3:04:05 PM")
		}
	}
	for _, d := range dateLayouts {
		for _, c := range clockLayouts {
			for _, z := range zoneLayouts {
				list = append(list, d+" "+c+z)
			}
		}
	}
	return list
}

var errZone = errors.New("not a time zone")

// loadZone finds a time zone by its IANA name.
func loadZone(name string) (*time.Location, error) {
	switch {
	case strings.EqualFold(name, "utc"):
		return time.UTC, nil
	case name == "", strings.EqualFold(name, "local"), len(name) > 64:
		return nil, errZone
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, errZone
	}
	return loc, nil
}
