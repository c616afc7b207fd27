package tdql_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cybexp/cybexp/tdql"
)

// corpus takes seeds: a [testing.F], or a test that looks at them.
type corpus interface{ Add(args ...any) }

// seedFuzz adds the queries of the goldens that are text.
func seedFuzz(tb testing.TB, to corpus) {
	tb.Helper()
	for _, text := range parsed(tb) {
		to.Add(text)
	}
	to.Add("where where ( ) | , \" ' ` $ = != <= ~ /x/ -- \x00 \xff")
}

// seedClassic adds the queries of the goldens that are in the classic form.
func seedClassic(tb testing.TB, to corpus) {
	tb.Helper()
	for _, q := range questions(tb) {
		if q.kind != "" {
			to.Add(q.kind, []byte(q.text))
		}
	}
	to.Add("count", []byte(`{"sub_type":"ip","data":"1.1.1.1","last":"5 s","category":"all"}`))
	to.Add("related", []byte(`{"sub_type":"url","data":null,"from":"2020/05/21 02:00am","tzname":"UTC","level":2,"summary":false,"page":1}`))
}

// seedRegex adds patterns, among them those of the goldens.
func seedRegex(tb testing.TB, to corpus) {
	tb.Helper()
	patterns := []string{`evil`, `/`, `\/`, `\\/`, `a/i, "x") { uid }`, `[/]`, `[^/]+/[a/b]`, `\Q/\E`, `x|/|\x2f`, `(?i)/Straße/`, `^a$`, `(?m)^a$`,
		`(?s).\n.`, `\pL{2,3}\b`, `\x{10ffff}`, "\x00\t\u2028", `[\\]/`, `\`, `$(.*)`, `(?P<n>/)*?`, `é/ſ`}
	for _, text := range parsed(tb) {
		for _, m := range patternIn.FindAllStringSubmatch(text, -1) {
			patterns = append(patterns, m[1])
		}
	}
	for _, pattern := range patterns {
		to.Add(pattern, "http://evil.com/a/b", true)
		to.Add(pattern, pattern, false)
	}
}

// patternIn finds the regular expressions of a query.
var patternIn = regexp.MustCompile(`~ */((?:[^/\\\n]|\\.)*)/`)

// Of the goldens there are at least so many. The numbers only grow.
const (
	textGoldens    = 173
	classicGoldens = 18
	regexGoldens   = 6
)

// seeds is a corpus that can be looked at: the first argument of what was added, and the second if there is one.
type seeds map[[2]string]bool

func (s seeds) Add(args ...any) {
	var key [2]string
	for i, arg := range args[:min(2, len(args))] {
		switch arg := arg.(type) {
		case string:
			key[i] = arg
		case []byte:
			key[i] = string(arg)
		}
	}
	s[key] = true
}

func TestGoldensAreSeeds(t *testing.T) {
	texts, classics, regexes := seeds{}, seeds{}, seeds{}
	seedFuzz(t, texts)
	seedClassic(t, classics)
	seedRegex(t, regexes)
	text, classic, regex := 0, 0, 0
	for file, q := range questions(t) {
		switch {
		case q.text == "":
			t.Errorf("%s asks nothing", file)
		case q.kind == "" && !texts[[2]string{q.text}], q.kind != "" && !classics[[2]string{q.kind, q.text}]:
			t.Errorf("%s is not a seed", file)
		case q.kind == "":
			text++
			regex += len(patternIn.FindAllString(q.text, -1))
		default:
			classic++
		}
	}
	if text < textGoldens || classic < classicGoldens || regex < regexGoldens || len(regexes) <= 2*regexGoldens {
		t.Errorf("%d goldens in text, %d classic, %d patterns: fewer than there were", text, classic, regex)
	}
}

// FuzzParse feeds the parser anything: it must answer, and every fault must have a place in the text.
func FuzzParse(f *testing.F) {
	seedFuzz(f, f)
	f.Fuzz(func(t *testing.T, text string) {
		_, err := tdql.Parse(text)
		if err == nil {
			return
		}
		lines := strings.Split(text, "\n")
		var faults tdql.Errors
		if !errors.As(err, &faults) {
			t.Fatalf("%q: error is %T", text, err)
		}
		for _, e := range faults {
			if e.Line < 1 || e.Line > len(lines) || e.Column < 1 || e.Length < 1 {
				t.Fatalf("%q: no such place: %+v", text, e)
			}
			if n := utf8.RuneCountInString(lines[e.Line-1]); e.Column > n+1 {
				t.Fatalf("%q: column %d of %d", text, e.Column, n)
			}
			if e.Message == "" || e.Code == "" || !utf8.ValidString(e.Error()) {
				t.Fatalf("%q: %+v", text, e)
			}
		}
	})
}

// FuzzFormat looks for text that the formatter changes in meaning.
func FuzzFormat(f *testing.F) {
	seedFuzz(f, f)
	f.Fuzz(func(t *testing.T, text string) {
		checkFormat(t, text)
		checkCanonical(t, text)
	})
}

// FuzzClassic feeds the classic form anything.
func FuzzClassic(f *testing.F) {
	seedClassic(f, f)
	f.Fuzz(func(t *testing.T, kind string, data []byte) {
		q, err := tdql.Classic(kind, data)
		if err == nil && !json.Valid(data) {
			t.Fatalf("%q is not JSON, but became %q", data, q)
		}
	})
}
