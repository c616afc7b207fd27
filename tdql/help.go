package tdql

import (
	"slices"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"
)

// Help says what a word of the language takes.
type Help struct {
	Word    string `json:"word"`
	Takes   string `json:"takes"`   // the word and what may stand behind it, in the manner of the grammar
	Text    string `json:"text"`    // what it does, in a sentence
	Example string `json:"example"` // a query with it
	// Start and End are the word's place in the text, in bytes.
	Start int `json:"start"`
	End   int `json:"end"`
}

const clausesTake = "[last duration | from time to time] [tz zone] [category …] [context …] [org …] [where test]"

// helps is what there is to say about words, in the order in which the reference has them.
var helps = []Help{
	{Word: "attributes", Takes: "attributes [sub-types] [where test]", Text: "Goes to the attributes, or keeps those of some sub-types.", Example: "events last 1d | attributes url, domain"},
	{Word: "objects", Takes: "objects [sub-types] [where test]", Text: "Goes to the objects, or keeps those of some sub-types.", Example: "events last 1d | objects file"},
	{Word: "events", Takes: "events [sub-types] " + clausesTake, Text: "Goes to the events, newest first, or keeps some of them.", Example: "ipv4 1.1.1.1 | events login last 7d category malicious"},
	{Word: "sessions", Takes: "sessions [sub-types] [where test]", Text: "Goes to the sessions, or keeps those of some sub-types.", Example: "ipv4 1.1.1.1 | sessions | events"},
	{Word: "raws", Takes: "raws [formats] [where test]", Text: "Goes to the records as they came.", Example: "events last 1h | raws cowrie"},
	{Word: "where", Takes: "where test [and | or test …]", Text: "Keeps what passes the test: =, !=, <, >, in (…), in a network, under a domain, contains, ~ /regex/, has.", Example: "events last 1d where src.ipv4 in 10.0.0.0/8 and not port = 22"},
	{Word: "last", Takes: "last duration", Text: "Keeps the events since so long ago: 30s, 15m, 12h, 7d, 4w, 6M, 1Y.", Example: "events last 7d"},
	{Word: "from", Takes: "from time", Text: "Keeps the events from then on: 2021-05-21, RFC 3339, today, yesterday, Unix seconds.", Example: "events from 2021-05-21 to now"},
	{Word: "to", Takes: "to time, or in path: to set", Text: "Keeps the events up to then; in path it is where the chains lead.", Example: "events from yesterday to now"},
	{Word: "tz", Takes: "tz zone", Text: "Reads times, and cuts days, in a time zone.", Example: "count ipv4 1.1.1.1 last 7d tz Europe/Berlin by day"},
	{Word: "category", Takes: "category all | benign | malicious | unknown", Text: "Keeps the events of that category.", Example: "events last 1d category malicious"},
	{Word: "context", Takes: "context all | benign | malicious | unknown", Text: "Keeps the events in which what you came from was seen in that context.", Example: "ipv4 1.1.1.1 | events context benign"},
	{Word: "org", Takes: "org name, …", Text: "Keeps the events of these organisations.", Example: "events last 1d | count by org"},
	{Word: "related", Takes: "related [level 1-3] [via sessions | attributes | all] " + clausesTake, Text: "Gathers all that was seen with it, level by level.", Example: "related ipv4 1.1.1.1 level 2 last 7d"},
	{Word: "level", Takes: "level 1 | 2 | 3", Text: "How many times related goes on from the events that it found.", Example: "related ipv4 1.1.1.1 level 2"},
	{Word: "via", Takes: "via sessions | attributes | all", Text: "Over what related goes on.", Example: "related ipv4 1.1.1.1 level 2 via attributes"},
	{Word: "return", Takes: "return all | attribute | object | event | session", Text: "Keeps one kind of what is related.", Example: "related ipv4 1.1.1.1 return event"},
	{Word: "count", Takes: "count [distinct] [by dimensions] [tz zone]", Text: "Counts, in groups if you say by: a unit of time, sub_type, category, org, or the values of a sub-type.", Example: "ipv4 1.1.1.1 | events last 7d | count by day, category"},
	{Word: "distinct", Takes: "distinct by dimensions", Text: "Counts the groups themselves.", Example: "events last 7d | count distinct by ipv4"},
	{Word: "by", Takes: "by dimension, … (four at most)", Text: "One row a group: minute hour day week month year, sub_type, category, org, or a sub-type.", Example: "events last 1d | count by hour, org"},
	{Word: "top", Takes: "top number [sub-types]", Text: "The attributes most often seen in the events before, with the number of those.", Example: "events last 1d | top 20 url"},
	{Word: "sort", Takes: "sort field [desc], …", Text: "Orders by own fields, by degree, or events by the values of a sub-type.", Example: "events last 1d | sort timestamp | limit 100"},
	{Word: "limit", Takes: "limit number", Text: "Keeps so many.", Example: "events | limit 10"},
	{Word: "page", Takes: "page number [size number]", Text: "Keeps one page; it has 100 if you do not say.", Example: "events login | page 3 size 20"},
	{Word: "size", Takes: "size number", Text: "How many a page has.", Example: "events login | page 3 size 20"},
	{Word: "fields", Takes: "fields field, …", Text: "Shows only these fields, or the values of sub-types.", Example: "events last 1d | fields timestamp, ipv4, username"},
	{Word: "summary", Takes: "summary [graph]", Text: "One row with the values of the attributes by sub-type.", Example: "ipv4 1.1.1.1 | related | summary"},
	{Word: "graph", Takes: "graph", Text: "Rows of nodes and edges of what is related.", Example: "related ipv4 1.1.1.1 level 2 graph"},
	{Word: "threatrank", Takes: "threatrank [depth 1-6] [decay number]", Text: "Ranks events by their nearness to malicious ones; the more negative, the more suspicious.", Example: "events last 1d | threatrank | sort score | limit 20"},
	{Word: "depth", Takes: "depth number", Text: "How many edges threatrank goes.", Example: "events last 1d | threatrank depth 4"},
	{Word: "decay", Takes: "decay number", Text: "What a day takes off a rank, as a factor.", Example: "events last 1d | threatrank decay 0.99"},
	{Word: "path", Takes: "path set to set [max edges] [paths number] " + clausesTake, Text: "The shortest chains between two sets.", Example: "path ipv4 1.1.1.1 to domain evil.com max 8"},
	{Word: "max", Takes: "max number", Text: "How many edges a chain may have.", Example: "path ipv4 1.1.1.1 to domain evil.com max 8"},
	{Word: "paths", Takes: "paths number", Text: "How many chains to tell.", Example: "path ipv4 1.1.1.1 to domain evil.com paths 5"},
	{Word: "any", Takes: "any value | any (value, …)", Text: "Attributes with that value, of whatever sub-type.", Example: "any evil.com"},
	{Word: "attribute", Takes: "attribute hash", Text: "The attribute of that hash.", Example: "attribute " + exampleHash},
	{Word: "object", Takes: "object hash", Text: "The object of that hash.", Example: "object " + exampleHash},
	{Word: "event", Takes: "event hash", Text: "The event of that hash.", Example: "event " + exampleHash},
	{Word: "session", Takes: "session hash", Text: "The session of that hash.", Example: "session " + exampleHash},
	{Word: "raw", Takes: "raw hash", Text: "The record of that hash.", Example: "raw " + exampleHash},
	{Word: "instance", Takes: "instance hash", Text: "Whatever has that hash.", Example: "instance " + exampleHash},
	{Word: "explain", Takes: "explain [analyze] query", Text: "Tells how the query would run, or with analyze, how it ran.", Example: "explain count ipv4 1.1.1.1 last 7d"},
	{Word: "analyze", Takes: "explain analyze query", Text: "Runs the query and tells what each step took.", Example: "explain analyze events last 1d | count"},
	{Word: "watch", Takes: "watch query", Text: "Keeps the query running and tells each new match.", Example: "watch events login last 10m where ipv4 = 1.1.1.1"},
	{Word: "has", Takes: "has sub-type", Text: "Holds for what includes one of the sub-type.", Example: "events last 7d where has url"},
	{Word: "in", Takes: "in (value, …) | in network", Text: "Holds for one of the values, or addresses of the network.", Example: "events where ipv4 in 10.0.0.0/8"},
	{Word: "contains", Takes: "contains text", Text: "Holds for values with that part.", Example: "events where url contains evil"},
	{Word: "startswith", Takes: "startswith text", Text: "Holds for values that begin so.", Example: "attributes url where data startswith http://evil"},
	{Word: "endswith", Takes: "endswith text", Text: "Holds for values that end so.", Example: "attributes filename where data endswith '.exe'"},
	{Word: "under", Takes: "under domain", Text: "Holds for domains, URLs and mail addresses of that domain or below it.", Example: "events where url under evil.com"},
}

const exampleHash = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"

// HelpAt says what the word at a place of a text takes, or, where none stands there, the word before it, or the stage it is in. The place
// is in bytes.
func HelpAt(text string, pos int) (Help, bool) {
	pos = min(max(pos, 0), len(text))
	if len(text) > maxText || invalidAt(text) >= 0 {
		return Help{}, false
	}
	s := &scanner{text: text, faults: &faults{text: text}}
	for len(s.out) < 10_000 && s.next() {
	}
	before := s.out[:0:0]
	for _, t := range s.out {
		if t.Pos.Offset > pos {
			break
		}
		before = append(before, t)
	}
	if n := len(before); n > 0 {
		if h, ok := helpOf(before[n-1]); ok {
			return h, true
		}
	}
	return stageHelp(before, pos)
}

// stageHelp is about the stage in which a place is: about its where, if it is in that.
func stageHelp(before []lexer.Token, pos int) (found Help, ok bool) {
	depth := 0
	for _, t := range slices.Backward(before) {
		switch {
		case t.Type == tokPunct && t.Value == ")" && t.Pos.Offset < pos:
			depth++
		case t.Type == tokPunct && t.Value == "(":
			depth = max(0, depth-1)
		case depth > 0:
		case t.Type == tokPunct && t.Value == "|":
			return found, ok
		default:
			h, is := helpOf(t)
			if is && h.Word == "where" {
				return h, true
			}
			if is && slices.Contains(stageWords, h.Word) {
				found, ok = h, true
			}
		}
	}
	return found, ok
}

func helpOf(t lexer.Token) (Help, bool) {
	if t.Type != tokWord {
		return Help{}, false
	}
	word := strings.ToLower(t.Value)
	i := slices.IndexFunc(helps, func(h Help) bool { return h.Word == word })
	if i < 0 {
		return Help{}, false
	}
	h := helps[i]
	h.Start, h.End = t.Pos.Offset, t.Pos.Offset+len(t.Value)
	return h, true
}
