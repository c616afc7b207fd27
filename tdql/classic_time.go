package tdql

import (
	"strings"
	"time"

	"github.com/cybexp/cybexp/tahoe"
)

// times spells the span of time: last, or from and to, which are read in tzname.
func (c *classic) times() []string {
	last, from, to := c.str("last"), c.str("from"), c.str("to")
	if last != "" && (from != "" || to != "") {
		c.add(CodeMeaning, c.at("last"), "", "Don't specify both 'last' and 'from/to'!")
	}
	loc, words := c.zone()
	low, high := c.instant("from", from, loc), c.instant("to", to, loc)
	if last != "" {
		return append(c.last(last), words...)
	}
	if low.reads && high.reads && low.at.After(high.at) { // no fault in this form: there is no such event
		return append([]string{"where timestamp >=", low.text, "and timestamp <=", high.text}, words...)
	}
	for _, bound := range []classicTime{low, high} {
		if bound.text != "" {
			words = append(words, bound.key, bound.text)
		}
	}
	return words
}

// zone spells tzname. Without one times are in UTC.
func (c *classic) zone() (*time.Location, []string) {
	name := c.str("tzname")
	if name == "" {
		return time.UTC, nil
	}
	loc, err := loadZone(name)
	if err != nil {
		c.add(CodeValue, c.at("tzname"), zoneHint(name), "Invalid 'tzname'=%s!", printable(name))
		return time.UTC, nil
	}
	return loc, []string{"tz", name}
}

// last spells a span that ends now. One below zero begins after it ends, so that no event is of that time.
func (c *classic) last(text string) []string {
	number, unit := splitLast(text)
	digits := strings.TrimLeft(number, "+-")
	seconds, err := parseDuration(digits + unit)
	if err != nil || unitSeconds[unit] == 0 || len(number)-len(digits) > 1 || strings.Trim(digits, "0123456789") != "" {
		c.add(CodeValue, c.at("last"), lastHint(text), "Invalid 'last'=%s!", printable(text))
		return nil
	}
	if seconds > 0 && strings.HasPrefix(number, "-") {
		return []string{"where timestamp > now and timestamp < now"}
	}
	return []string{"last", digits + unit}
}

// splitLast cuts a span at its space; without one, the last letter is the unit.
func splitLast(text string) (number, unit string) {
	if parts := strings.Fields(text); len(parts) == 2 {
		return parts[0], parts[1]
	}
	text = strings.TrimSpace(text)
	if text == "" || text[len(text)-1] >= 0x80 {
		return text, ""
	}
	return text[:len(text)-1], text[len(text)-1:]
}

// lastHint helps with a span that the classic form does not have, but the language may.
func lastHint(text string) string {
	text = strings.TrimLeft(text, "+- ")
	if _, err := parseDuration(text); err != nil {
		return durationHelp(text)
	}
	unit := durationUnit(text)
	number := strings.TrimSpace(strings.TrimSuffix(text, unit))
	if unitSeconds[unit] == 0 {
		unit = strings.ToLower(unit)
	}
	return `write "` + number + " " + unit + `"`
}

// classicTime is from or to; text is how it is spelled, "" without one.
type classicTime struct {
	key, text string
	at        time.Time
	reads     bool // at is known before the query runs
}

// instant reads from or to: Unix seconds, or a time that has its own zone or is in loc.
func (c *classic) instant(key, text string, loc *time.Location) classicTime {
	if text == "" {
		return classicTime{}
	}
	m, err := parseTime(text, time.Unix(0, 0), loc)
	if err != nil {
		c.add(CodeValue, c.at(key), timeHelp(text), "Invalid '%s'=%s!", key, printable(text))
		return classicTime{}
	}
	spelled := string(tahoe.String(strings.TrimSpace(text)).AppendJSON(nil))
	return classicTime{key: key, text: spelled, at: m.at, reads: m.relative == ""}
}
