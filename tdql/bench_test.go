package tdql_test

import (
	"testing"

	"github.com/cybexp/cybexp/tdql"
)

const typical = "ipv4 1.1.1.1 | events last 30d category malicious | attributes url | top 20"

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tdql.Parse(typical); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCompile takes a typical query from text to program.
func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	env := testEnv()
	for b.Loop() {
		q, err := tdql.Parse(typical)
		if err != nil {
			b.Fatal(err)
		}
		plan, _, err := tdql.Check(q, env)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := tdql.Compile(plan); err != nil {
			b.Fatal(err)
		}
	}
}
