package tdql

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// number checks a whole number that is a literal.
func (s shaper) number(word string, at span, v *value, high int64) {
	switch {
	case v == nil:
		s.add(CodeSyntax, at, fmt.Sprintf("as in %s %d", word, min(20, high)), "%q needs a number", word)
	case v.kind == tokParam:
		s.value(v)
	default:
		n, err := strconv.ParseInt(v.Text, 10, 64)
		if err != nil || n < 1 || n > high {
			s.add(CodeValue, v.at, "", "%s is not a whole number from 1 to %d", quote(v.Text), high)
		}
	}
}

// item checks one clause or option.
func (s shaper) item(it *item) {
	switch it.Key {
	case "last":
		s.duration(it.Last, it.at)
	case "from", "to":
		s.instant(it.Key, it.Time, it.at)
	case "tz":
		s.zone(it.Value, it.at)
	case "level":
		s.number(it.Key, it.at, it.Value, 3)
	case "page":
		s.number(it.Key, it.at, it.Value, 1e9)
	case "depth":
		s.number(it.Key, it.at, it.Value, defaultDepth)
	case "max":
		s.number(it.Key, it.at, it.Value, maxWalk)
	case "paths":
		s.number(it.Key, it.at, it.Value, maxPaths)
	case "decay":
		s.decimal(it.Key, it.at, it.Value)
	case "size":
		s.number(it.Key, it.at, it.Value, 1e6)
	case "category", "context":
		s.choice(it.Key, it.Chosen, it.at, triWords)
	case "via":
		s.choice(it.Key, it.Chosen, it.at, viaWords)
	case "return":
		s.choice(it.Key, it.Chosen, it.at, returnWords)
	case "org":
		if len(it.Orgs) == 0 {
			s.add(CodeSyntax, it.at, "", `"org" needs the name or the hash of an organisation`)
		}
		for _, o := range it.Orgs {
			s.value(o)
		}
	case "by":
		s.dims(it.Dims, it.at)
	case "where":
		if it.Where == nil {
			s.add(CodeSyntax, it.at, "as in where ipv4 = 1.1.1.1", `"where" needs a test`)
			return
		}
		s.tests(it.Where.orTest)
	}
}

func (s shaper) duration(d *duration, at span) {
	switch {
	case d == nil:
		s.add(CodeSyntax, at, durationHint, `"last" needs a duration`)
	case d.kind == tokParam:
		s.value(&d.value)
	default:
		if _, err := parseDuration(unquoted(d.Text)); err != nil {
			s.add(CodeValue, d.at, durationHelp(unquoted(d.Text)), "%s is not a duration", quote(d.Text))
		}
	}
}

func (s shaper) instant(word string, i *instant, at span) {
	switch {
	case i == nil:
		s.add(CodeSyntax, at, timeHint, "%q needs a time", word)
	case i.kind == tokParam:
		s.value(&i.value)
	default:
		if _, err := parseTime(unquoted(i.Text), time.Unix(0, 0), time.UTC); err != nil {
			s.add(CodeValue, i.at, timeHelp(unquoted(i.Text)), "%s is not a time", quote(i.Text))
		}
	}
}

func (s shaper) zone(v *value, at span) {
	switch {
	case v == nil:
		s.add(CodeSyntax, at, "as in tz Europe/Berlin", `"tz" needs the name of a time zone`)
	case v.kind == tokParam:
		s.value(v)
	default:
		if _, err := loadZone(unquoted(v.Text)); err != nil {
			s.add(CodeValue, v.at, zoneHint(unquoted(v.Text)), "%s is not a time zone", quote(v.Text))
		}
	}
}

func (s shaper) choice(word string, w *word, at span, choices []string) {
	switch {
	case w == nil:
		s.add(CodeSyntax, at, "", "%q needs one of %s", word, oneOf(choices))
	case !slices.Contains(choices, w.key()):
		hint := didYouMean(w.Text, choices)
		s.add(CodeValue, w.at, hint, "%s is not %s", quote(w.Text), oneOf(choices))
	default:
		w.Text = w.key()
	}
}

func (s shaper) dims(list []*word, at span) {
	if len(list) == 0 {
		s.add(CodeSyntax, at, "as in count by day, category", `"by" needs something to count by`)
	}
	for _, d := range list {
		switch key := d.key(); {
		case slices.Contains(timeDims, key), key == "sub_type", key == "category", key == "org":
			d.Text = key
		case key == "":
			s.names(&name{leaf{d.at, strings.Trim(d.Text, "`")}})
		case (isReserved(key) || !isIdentifier(key)):
			s.add(CodeSyntax, d.at, didYouMean(d.Text, timeDims, []string{"sub_type", "category", "org"}), "cannot count by %s", quote(d.Text))
		}
	}
}

// unquoted takes plain quotes off a duration, a time or a zone.
func unquoted(text string) string {
	if len(text) >= 2 && (text[0] == '"' || text[0] == '\'') {
		return text[1 : len(text)-1]
	}
	return text
}

// quote shows a piece of the query in a message.
func quote(text string) string {
	text = strings.Trim(text, "\"`")
	if len(text) > 60 {
		text = text[:strings.LastIndexFunc(text[:57], func(r rune) bool { return true })] + "…"
	}
	return `"` + printable(text) + `"`
}

// itemOrder is the order of clauses and options in tidy text.
var itemOrder = []string{"depth", "decay", "max", "paths", "level", "via", "last", "from", "to", "tz", "category", "context", "org", "where", "by", "return", "summary", "graph", "page", "size"}
