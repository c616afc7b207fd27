package tdql_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/tdql"
)

// long is a query of many stages, tests and values that has about so many bytes.
func long(bytes int) string {
	var b strings.Builder
	b.WriteString("ipv4 (1.1.1.1")
	for i := 0; b.Len() < bytes/3; i++ {
		fmt.Fprintf(&b, ", 10.0.%d.%d", i/250%250, i%250)
	}
	b.WriteString(") | events last 30d where port = 22")
	for i := 0; b.Len() < 2*bytes/3; i++ {
		fmt.Fprintf(&b, " or url under evil%d.com and not src.port in (%d, 23)", i, i)
	}
	for b.Len() < bytes-20 {
		b.WriteString(" | attributes url | events category malicious")
	}
	b.WriteString(" | count by day")
	return b.String()
}

// benchQueries are a short, a typical and a long query, by the names of the benchmarks.
var benchQueries = []struct{ name, text string }{
	{"short", "ipv4 1.1.1.1"},
	{"typical", "ipv4 1.1.1.1 | events last 30d category malicious | attributes url | top 20"},
	{"10KB", long(10 << 10)},
}

// stageNames are the steps from text to program, and back to text.
var stageNames = []string{"parse", "check", "compile", "format"}

// stageOf returns a function that runs one stage on a query; what it needs is ready.
func stageOf(tb testing.TB, stage, text string) func() {
	tb.Helper()
	env := testEnv()
	q, err := tdql.Parse(text)
	if err != nil {
		tb.Fatal(err)
	}
	plan, _, err := tdql.Check(q, env)
	if err != nil {
		tb.Fatal(err)
	}
	return map[string]func(){
		"parse":   func() { _, err = tdql.Parse(text) },
		"check":   func() { _, _, err = tdql.Check(q, env) },
		"compile": func() { _, err = tdql.Compile(plan) },
		"format":  func() { _ = q.String() },
	}[stage]
}

// BenchmarkStages measures each stage by itself.
func BenchmarkStages(b *testing.B) {
	for _, stage := range stageNames {
		for _, q := range benchQueries {
			b.Run(stage+"/"+q.name, func(b *testing.B) {
				run := stageOf(b, stage, q.text)
				b.ReportAllocs()
				b.SetBytes(int64(len(q.text)))
				for b.Loop() {
					run()
				}
			})
		}
	}
}

// BenchmarkQuery takes a typical query from text to program.
func BenchmarkQuery(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := faultsOf(asked{text: benchQueries[1].text}, testEnv()); err != nil {
			b.Fatal(err)
		}
	}
}
