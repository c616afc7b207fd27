package tdql_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// regexVariable compiles a test of urls, and returns the value of the variable that holds its regular expression. It says
// false when the language refuses the test.
func regexVariable(t *testing.T, test string, params map[string]tahoe.Value) (string, bool) {
	t.Helper()
	q, err := tdql.Parse("ipv4 1.1.1.1 | events where url " + test)
	if err != nil {
		return "", false
	}
	env := testEnv()
	env.Params = params
	plan, _, err := tdql.Check(q, env)
	if err != nil {
		return "", false
	}
	prog, err := tdql.Compile(plan)
	if err != nil {
		t.Fatalf("%s: %v", test, err)
	}
	found := ""
	for _, query := range prog.Queries() {
		for _, v := range query.Vars {
			if strings.HasPrefix(v.Name, "r") {
				found = v.Value
			}
		}
	}
	return found, found != ""
}

// checkRegex tests that a value is what Dgraph takes for a regular expression, and that this matches what another one does.
func checkRegex(t *testing.T, value string, like *regexp.Regexp, texts ...string) {
	t.Helper()
	inner, opens := strings.CutPrefix(value, "/")
	inner, closes := strings.CutSuffix(inner, "/")
	if !opens || !closes || strings.Contains(inner, "/") {
		t.Fatalf("%q is not one pattern between slashes", value)
	}
	got, err := regexp.Compile("(?m)" + inner) // as Dgraph compiles it
	if err != nil {
		t.Fatalf("%q: %v", value, err)
	}
	for _, text := range texts {
		if got.MatchString(text) != like.MatchString(text) {
			t.Fatalf("%q and %q do not agree on %q", value, like, text)
		}
	}
}

// spelled writes a pattern so that it can stand between slashes.
func spelled(pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch {
		case pattern[i] == '\\' && i+1 < len(pattern):
			b.WriteByte('\\')
			i++
		case pattern[i] == '/':
			b.WriteByte('\\')
		}
		b.WriteByte(pattern[i])
	}
	return b.String()
}

// FuzzRegex looks for a pattern, or a part of a value, that reaches the database as something else than it is.
func FuzzRegex(f *testing.F) {
	seedRegex(f, f)
	f.Fuzz(func(t *testing.T, pattern, text string, fold bool) {
		texts := []string{text, pattern, strings.ToUpper(text), text + "/" + pattern, pattern + "\n" + text, "", "/"}
		flag, flags := "", ""
		if fold {
			flag, flags = "i", "(?i)"
		}
		regex := spelled(pattern)
		if value, ok := regexVariable(t, "~ /"+regex+"/"+flag, nil); ok {
			checkRegex(t, value, regexp.MustCompile(flags+regex), texts...)
		}
		part := tahoe.String(pattern)
		quoted := regexp.QuoteMeta(part.Text())
		for op, like := range map[string]string{"contains": quoted, "startswith": `\A` + quoted, "endswith": quoted + `\z`} {
			if value, ok := regexVariable(t, op+" $part", map[string]tahoe.Value{"part": part}); ok {
				checkRegex(t, value, regexp.MustCompile(like), texts...)
			}
		}
	})
}
