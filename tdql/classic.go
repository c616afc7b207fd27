package tdql

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/cybexp/cybexp/tahoe"
)

// classicKeys are the members that the classic form may have, with the types of their values.
var classicKeys = map[string]string{
	"sub_type": "a text", "data": "a text, a number, true, false or null", "from": "a text", "to": "a text", "last": "a text",
	"tzname": "a text", "category": "a text", "context": "a text", "return_type": "a text", "level": "a whole number",
	"page": "a whole number", "summary": "true or false", "summary_graph": "true or false", "_hash": "a text",
}

// Classic reads the classic JSON form of a query, {"type": qtype, "data": data}, into the same tree as text. Its error is
// [Errors], with places in data.
func Classic(qtype string, data []byte) (*Query, error) {
	c := &classic{faults: &faults{text: string(data)}, values: map[string]tahoe.Value{}}
	if !slices.Contains([]string{"count", "related", "threatrank"}, qtype) {
		c.add(CodeSyntax, span{}, didYouMean(qtype, reportWords), "%s is not a type of query; there are count, related and threatrank", quote(qtype))
		return nil, c.err()
	}
	if !c.read(data) {
		return nil, c.err()
	}
	text := c.text(qtype)
	if err := c.err(); err != nil {
		return nil, err
	}
	return Parse(text)
}

// classic spells a query in the classic form as text.
type classic struct {
	*faults
	values map[string]tahoe.Value
}

// at is the place of a key in the data.
func (c *classic) at(key string) span {
	quoted, _ := json.Marshal(key) // a string is always JSON
	for from := 0; ; {
		i := strings.Index(c.faults.text[from:], string(quoted))
		if i < 0 {
			return span{}
		}
		from += i + len(quoted)
		if strings.HasPrefix(strings.TrimLeft(c.faults.text[from:], " \t\r\n"), ":") { // no value
			return span{from - len(quoted), from}
		}
	}
}

// read checks keys and types.
func (c *classic) read(data []byte) bool {
	if len(data) > maxText {
		c.add(CodeLimit, span{}, "", "a query has at most %d bytes; this one has %d", maxText, len(data))
		return false
	}
	object, err := tahoe.ParseValue(data)
	if err != nil || object.Type() != tahoe.TypeObject {
		c.add(CodeSyntax, span{0, 1}, "", "the data of a query is a JSON object")
		return false
	}
	known := make([]string, 0, len(classicKeys))
	for k := range classicKeys {
		known = append(known, k)
	}
	slices.Sort(known)
	for _, key := range object.Keys() {
		v, _ := object.Get(key)
		want, ok := classicKeys[key]
		switch {
		case !ok:
			c.add(CodeSyntax, c.at(key), didYouMean(key, known), "unknown key %s", quote(key))
		case !hasType(v, want):
			c.add(CodeValue, c.at(key), "", "%s must be %s", quote(key), want)
		}
		if s, isText := v.Str(); !isText || s != "" || key == "data" { // an empty text is as good as none
			c.values[key] = v
		}
	}
	return len(c.list) == 0
}

func hasType(v tahoe.Value, want string) bool {
	switch want {
	case "a text":
		return v.Type() == tahoe.TypeString
	case "a whole number":
		return v.Type() == tahoe.TypeInt
	case "true or false":
		return v.Type() == tahoe.TypeBool
	}
	return v.IsScalar()
}

func (c *classic) str(key string) string {
	v, ok := c.values[key]
	if !ok {
		return ""
	}
	s, _ := v.Str()
	return s
}

func (c *classic) need(qtype string, keys ...string) {
	for _, key := range keys {
		if _, ok := c.values[key]; !ok {
			c.add(CodeSyntax, span{}, "", "%s needs %q", qtype, key)
		}
	}
}

// text spells the query; what it spells is tidy wherever the values are well.
func (c *classic) text(qtype string) string {
	if qtype == "threatrank" {
		return c.threatrank()
	}
	c.need(qtype, "sub_type", "data")
	subType := c.str("sub_type")
	if subType == "ip" {
		subType = "ipv4"
	}
	if !isIdentifier(subType) && len(c.list) == 0 {
		c.add(CodeValue, c.at("sub_type"), "", "%s is not a sub-type", quote(subType))
	}
	words := []string{qtype, nameText(subType), literalText(c.values["data"])}
	if _, ok := c.values["page"]; ok && qtype == "related" && !c.flag("summary_graph", false) {
		return c.page(words[1:])
	}
	if qtype == "related" {
		words = append(words, c.level()...)
	}
	words = append(words, c.clauses()...)
	if qtype == "related" {
		words = append(words, c.shape()...)
	}
	return strings.Join(words, " ")
}

// classicPage is how many sightings of the start a page of the classic form has.
const classicPage = 10

// page spells what is related to one page of the sightings of the start, newest first.
func (c *classic) page(start []string) string {
	words := slices.Concat(start, []string{"| events"})
	words = append(words, c.clauses()...)
	words = append(append(words, "|"), c.whole("page", 1e9/classicPage)...)
	words = append(append(words, "size", strconv.Itoa(classicPage), "| related"), c.level()...)
	shape := c.shape()
	switch {
	case len(shape) == 1: // summary
		words = append(words, "|", shape[0])
	case len(shape) == 2 && shape[1] != "all":
		words = append(words, "|", shape[1]+"s")
	}
	return strings.Join(words, " ")
}

// threatrank names the event by its hash.
func (c *classic) threatrank() string {
	c.need("threatrank", "_hash")
	hash := c.str("_hash")
	if !isHash(hash) && len(c.list) == 0 {
		c.add(CodeValue, c.at("_hash"), "a hash is 64 digits 0-9 a-f", "Invalid '_hash'=%s!", printable(hash))
	}
	return "threatrank event " + hash
}

// clauses choose among the events.
func (c *classic) clauses() []string {
	words := c.times()
	for _, key := range []string{"category", "context"} {
		words = append(words, c.choice(key, key, triWords)...)
	}
	return words
}

func (c *classic) level() []string {
	return c.whole("level", 3)
}

func (c *classic) whole(key string, high int64) []string {
	v, ok := c.values[key]
	if !ok {
		return nil
	}
	n, err := strconv.ParseInt(v.Text(), 10, 64)
	if err != nil || n < 1 || n > high {
		c.add(CodeValue, c.at(key), "", "%s must be a whole number from 1 to %d", quote(key), high)
	}
	return []string{key, v.Text()}
}

func (c *classic) choice(key, word string, choices []string) []string {
	s := c.str(key)
	if s == "" {
		return nil
	}
	if !slices.Contains(choices, s) {
		c.add(CodeValue, c.at(key), didYouMean(s, choices), "%s must be %s", quote(key), oneOf(choices))
	}
	return []string{word, s}
}

// shape says what related returns: a summary unless the query says otherwise.
func (c *classic) shape() []string {
	switch {
	case c.flag("summary_graph", false):
		return []string{"summary", "graph"}
	case c.flag("summary", true):
		return []string{"summary"}
	}
	return c.choice("return_type", "return", returnWords)
}

// flag is a key that is true or false.
func (c *classic) flag(key string, absent bool) bool {
	if v, ok := c.values[key]; ok {
		return v.Text() == "true"
	}
	return absent
}
