package tdql

import (
	"slices"
	"strings"
	"time"

	"github.com/cybexp/cybexp/tahoe"
)

// sortedSet sorts by a key and drops what has the same key.
func sortedSet[T any](list []T, key func(T) string) []T {
	slices.SortFunc(list, func(a, b T) int { return strings.Compare(key(a), key(b)) })
	return slices.CompactFunc(list, func(a, b T) bool { return key(a) == key(b) })
}

// param looks a parameter up.
func (c *checker) param(v *value) (tahoe.Value, bool) {
	bound, ok := c.env.Params[v.Text[1:]]
	if !ok {
		names := make([]string, 0, len(c.env.Params))
		for n := range c.env.Params {
			names = append(names, "$"+n)
		}
		slices.Sort(names)
		c.add(CodeValue, v.at, didYouMean(v.Text, names), "the parameter %s has no value", v.Text)
	}
	return bound, ok
}

// value reads a value or looks its parameter up. It is null after a fault.
func (c *checker) value(v *value) tahoe.Value {
	if v.kind == tokParam {
		bound, ok := c.param(v)
		if ok && !bound.IsScalar() {
			c.add(CodeValue, v.at, "", "the parameter %s must be a text, a number, true, false or null", v.Text)
		}
		return bound
	}
	literal, _ := v.literal() // shape.go has told of what is not a JSON string
	return literal
}

// values reads the values of a list, sorted.
func (c *checker) values(list *values) []tahoe.Value {
	out := make([]tahoe.Value, 0, len(list.List))
	for _, v := range list.List {
		out = append(out, c.value(v))
	}
	return sortedSet(out, literalText)
}

// text reads a value that is a text, whatever it looks like.
func (c *checker) textOf(v *value) string {
	switch v.kind {
	case tokParam:
		bound, _ := c.param(v)
		return bound.Text()
	case tokQuoted:
		return c.value(v).Text()
	default:
		return v.Text
	}
}

func (c *checker) hashes(list *values) []tahoe.Hash {
	out := make([]tahoe.Hash, 0, len(list.List))
	for _, v := range list.List {
		h, err := tahoe.ParseHash(strings.ToLower(c.textOf(v)))
		if err != nil {
			c.add(CodeValue, v.at, "a hash is 64 digits 0-9 a-f", "%s is not a hash", quote(v.Text))
		}
		out = append(out, h)
	}
	return sortedSet(out, tahoe.Hash.String)
}

// number reads a whole number above zero.
func (c *checker) number(v *value, high int64) int64 {
	bound := c.value(v)
	f, ok := bound.Number()
	n := int64(f)
	if !ok || bound.Type() != tahoe.TypeInt || n < 1 || n > high {
		c.add(CodeValue, v.at, "", "%s is not a whole number from 1 to %d", quote(v.Text), high)
		return 1
	}
	return n
}

// seconds reads a duration. A parameter may be a text, or a number of seconds.
func (c *checker) seconds(d *duration) int64 {
	text := unquoted(d.Text)
	if d.kind == tokParam {
		bound, ok := c.param(&d.value)
		if !ok {
			return 0
		}
		text = bound.Text()
		if bound.Type() == tahoe.TypeInt {
			text += "s"
		}
	}
	n, err := parseDuration(text)
	if err != nil {
		c.add(CodeValue, d.at, durationHelp(text), "%s is not a duration", quote(text))
	}
	return n
}

// moment reads a time.
func (c *checker) moment(i *instant) moment {
	text := unquoted(i.Text)
	if i.kind == tokParam {
		bound, ok := c.param(&i.value)
		if !ok {
			return moment{}
		}
		text = bound.Text()
	}
	zone := c.zone
	if zone == nil {
		zone = time.UTC
	}
	m, err := parseTime(text, c.env.Now, zone)
	if err != nil {
		c.add(CodeValue, i.at, timeHelp(text), "%s is not a time", quote(text))
	}
	if c.zoned != nil && (m.relative == "today" || m.relative == "yesterday") {
		c.zoned.zone = c.zone
	}
	return m
}

func (c *checker) setZone(tz *item) {
	name := c.textOf(tz.Value)
	zone, err := loadZone(name)
	if err != nil {
		c.add(CodeValue, tz.Value.at, zoneHint(name), "%s is not a time zone", quote(name))
		return
	}
	c.zone = zone
}

// orgs finds organisations among those that the caller may read. Others are as unknown as those that do not exist.
func (c *checker) orgs(list []*value) []Org {
	var out []Org
	for _, v := range list {
		text := c.textOf(v)
		i := slices.IndexFunc(c.env.Orgs, func(o Org) bool { return o.Name == text || o.Hash.String() == strings.ToLower(text) })
		if i < 0 {
			names := make([]string, len(c.env.Orgs))
			for i, o := range c.env.Orgs {
				names[i] = o.Name
			}
			c.add(CodeValue, v.at, didYouMean(text, names), "there is no organisation %s whose events you may read", quote(text))
			continue
		}
		out = append(out, c.env.Orgs[i])
	}
	return sortedSet(out, func(o Org) string { return o.Hash.String() })
}

// clauses reads the clauses of a move. Those about events stand only on a move to events.
func (c *checker) clauses(n *narrow, list []*item, from, to tahoe.Kind) {
	items := index(list)
	if tz := items["tz"]; tz != nil {
		c.setZone(tz)
		c.zoned = &n.window
	}
	for _, it := range list {
		if to != tahoe.KindEvent && it.Key != "where" && it.Key != "tz" {
			c.add(CodeMeaning, it.at, "move to the events first, as in | events "+it.Key+" …", "%q asks about events", it.Key)
		}
		switch it.Key {
		case "category":
			n.category = notAll(it.Chosen.Text)
		case "context":
			n.context = c.context(it, from)
		case "org":
			n.orgs = c.orgs(it.Orgs)
		}
	}
	c.setWindow(&n.window, items)
	if where := items["where"]; where != nil {
		kind := c.kind
		c.kind = to
		n.where = c.condition(where.Where.orTest)
		c.kind = kind
	}
}

func notAll(word string) string {
	if word == "all" {
		return ""
	}
	return word
}

// context needs something that was seen in a context.
func (c *checker) context(it *item, from tahoe.Kind) string {
	switch from {
	case tahoe.KindAttribute, tahoe.KindObject, kindInstance:
	default:
		if it.Chosen.Text != "all" {
			c.add(CodeMeaning, it.at, "as in ipv4 1.1.1.1 | events context malicious", `"context" is that of an attribute or object from which the query comes to the events`)
		}
	}
	return notAll(it.Chosen.Text)
}

func (c *checker) setWindow(w *window, items map[string]*item) {
	if last := items["last"]; last != nil {
		seconds := c.seconds(last.Last)
		w.last = &seconds
		w.high = c.env.Now.UTC().Round(time.Microsecond)
		w.low = w.high.Add(-time.Duration(min(seconds, 9e9)) * time.Second)
		return
	}
	if from := items["from"]; from != nil {
		m := c.moment(from.Time)
		w.from, w.low = &m, m.at
	}
	if to := items["to"]; to != nil {
		m := c.moment(to.Time)
		w.to, w.high = &m, m.at
		if w.from != nil && w.low.After(w.high) {
			c.add(CodeMeaning, to.Time.at, "", "the time span ends before it begins")
		}
	}
}
