package tdql

import (
	"slices"
	"strings"
)

// The words of the language, by where they stand. Order is the order in which hints name them.
var (
	hopWords      = []string{"attributes", "objects", "events", "sessions", "raws"}
	kindWords     = []string{"attribute", "object", "event", "session", "raw", "instance"}
	reportWords   = []string{"count", "related", "threatrank", "path"}
	stageWords    = []string{"attributes", "objects", "events", "sessions", "raws", "where", "related", "count", "top", "sort", "limit", "page", "fields", "threatrank", "path", "summary", "graph"}
	clauseWords   = []string{"last", "from", "to", "tz", "category", "context", "org", "where"}
	optionWords   = []string{"by", "level", "via", "return", "page", "size", "summary", "graph", "distinct", "depth", "decay", "max", "paths"}
	queryWords    = []string{"explain", "analyze", "watch", "any"}
	triWords      = []string{"all", "benign", "malicious", "unknown"}
	viaWords      = []string{"sessions", "attributes", "all"}
	returnWords   = []string{"all", "attribute", "object", "event", "session"}
	timeDims      = []string{"minute", "hour", "day", "week", "month", "year"}
	fieldWords    = []string{"hash", "itype", "sub_type", "timestamp", "category", "org", "tlp", "data", "degree"}
	testWords     = []string{"and", "or", "not", "in", "has", "contains", "startswith", "endswith", "under"}
	unitWords     = []string{"s", "sec", "second", "seconds", "m", "min", "minute", "minutes", "h", "hr", "hour", "hours", "d", "day", "days", "w", "week", "weeks", "M", "month", "months", "Y", "year", "years"}
	relativeTimes = []string{"now", "today", "yesterday"}
	contextTests  = []string{"malicious", "benign"}
	beforeTests   = []string{"not", "has"}
	afterPaths    = []string{"not", "in", "contains", "startswith", "endswith", "under"}
	betweenTests  = []string{"and", "or"}
	reservedList  = slices.Concat(hopWords, kindWords, stageWords, clauseWords, optionWords, queryWords, reportWords, []string{"and", "or", "not"})
)

// reserved holds every word that a sub-type can share only in backquotes.
var reserved = func() map[string]bool {
	m := make(map[string]bool, len(reservedList))
	for _, w := range reservedList {
		m[w] = true
	}
	return m
}()

// isReserved says whether a word is a keyword, in whatever case.
func isReserved(word string) bool {
	if len(word) > 12 {
		return false
	}
	return reserved[word] || reserved[strings.ToLower(word)]
}

// didYouMean returns a hint that names the candidate nearest to a word, or "" when none is near, or it is the word itself.
func didYouMean(word string, candidates ...[]string) string {
	if best := Nearest(word, slices.Concat(candidates...)); best != "" && best != word {
		return `did you mean "` + best + `"?`
	}
	return ""
}

// Nearest returns the candidate that is few slips away from the word, the first one of several, or "".
func Nearest(word string, candidates []string) string {
	best, least := "", 1+max(1, len(word)/3)
	if len(word) > 40 {
		return ""
	}
	for _, c := range candidates {
		if d := slips(strings.ToLower(word), strings.ToLower(c)); d < least && d < len(c) {
			best, least = c, d
		}
	}
	return best
}

// slips is the Damerau-Levenshtein distance: letters added, left out, changed, or swapped with the next.
func slips(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}

// oneOf joins words for a message: a, b or c.
func oneOf(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
