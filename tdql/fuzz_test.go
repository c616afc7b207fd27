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

func seedFuzz(f *testing.F) {
	for _, text := range parsed(f) {
		f.Add(text)
	}
	f.Add("where where ( ) | , \" ' ` $ = != <= ~ /x/ -- \x00 \xff")
}

// FuzzParse feeds the parser anything: it must answer, and every fault must have a place in the text.
func FuzzParse(f *testing.F) {
	seedFuzz(f)
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
	seedFuzz(f)
	f.Fuzz(func(t *testing.T, text string) {
		checkFormat(t, text)
		checkCanonical(t, text)
	})
}

// dqlText is all that the text of a query may hold: names of our own, parameters, numbers and punctuation.
var dqlText = regexp.MustCompile(`^[a-zA-Z0-9_$ \n(){}\[\],:~@.\-]*$`)

// FuzzCompile looks for values that reach the text of DQL.
func FuzzCompile(f *testing.F) {
	seedFuzz(f)
	f.Fuzz(func(t *testing.T, text string) {
		q, err := tdql.Parse(text)
		if err != nil {
			return
		}
		plan, _, err := tdql.Check(q, testEnv())
		if err != nil {
			return
		}
		prog, err := tdql.Compile(plan)
		var faults tdql.Errors
		if errors.As(err, &faults) && faults[0].Code == tdql.CodeUnavailable {
			return
		}
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		for _, query := range prog.Queries() {
			if !dqlText.MatchString(query.Text()) {
				t.Fatalf("%q: the text of DQL has a value in it:\n%s", text, query.Text())
			}
		}
		if prog.Kind == "" || len(prog.Fields) == 0 {
			t.Fatalf("%q: no kind or fields", text)
		}
	})
}

// FuzzClassic feeds the classic form anything.
func FuzzClassic(f *testing.F) {
	f.Add("count", []byte(`{"sub_type":"ip","data":"1.1.1.1","last":"5 s","category":"all"}`))
	f.Add("related", []byte(`{"sub_type":"url","data":null,"from":"2020/05/21 02:00am","tzname":"UTC","level":2,"summary":false,"page":1}`))
	f.Fuzz(func(t *testing.T, kind string, data []byte) {
		q, err := tdql.Classic(kind, data)
		if err == nil && !json.Valid(data) {
			t.Fatalf("%q is not JSON, but became %q", data, q)
		}
	})
}
