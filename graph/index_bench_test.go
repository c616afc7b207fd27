package graph_test

import (
	"regexp"
	"testing"
	"time"

	"github.com/cybexp/cybexp"
	"github.com/cybexp/cybexp/graph/dgraphd"
	"github.com/cybexp/cybexp/internal/benchgraph"
)

// lessSchema are changes to the schema, each of which takes one index or reverse edge away.
var lessSchema = []struct{ name, pattern string }{
	{"nothing", ``},
	{"sub_type-exact", ` @search\(by: \[exact\]\)( @dgraph\(pred: "sub_type"\))`},
	{"value-trigram", `(@search\(by: \[hash), trigram(\]\) @dgraph\(pred: "value"\))`},
	{"value", ` @search\(by: \[hash, trigram\]\)( @dgraph\(pred: "value"\))`},
	{"ip-host-number", ` @search(?:\(by: \[exact\]\))?( @dgraph\(pred: "(?:ip|host|number)"\))`},
	{"audience", ` @search\(by: \[exact\]\)( @dgraph\(pred: "audience"\))`},
	{"timestamp", ` @search\(by: \[hour\]\)( @dgraph\(pred: "timestamp"\))`},
	{"category", ` @search\(by: \[exact\]\)( @dgraph\(pred: "category"\))`},
	{"session-times", ` @search(?:\(by: \[hour\]\))?( @dgraph\(pred: "span_(?:start|end|duration)"\))`},
	{"raw-audiences-state", ` @search\(by: \[exact\]\)( @dgraph\(pred: "(?:audiences|state)"\))`},
	{"reverse-ref", `(?m)^  "[^"]*"\n  events: \[Event\] @dgraph\(pred: "~ref"\)()$`},
	{"reverse-ocref-sattr", `(?m)^  "[^"]*"\n  (?:parents|identifies): \[(?:Object|Session)\] @dgraph\(pred: "~(?:ocref|sattr)"\)()$`},
	{"reverse-sref-rref", `(?m)^  (?:sessions|raws): \[(?:Session|Raw)\] @dgraph\(pred: "~[sr]ref"\)()$`},
	{"reverse-contexts", `(?m)^  "[^"]*"\n  (?:mal|ben)Events: \[Event\] @dgraph\(pred: "~(?:mal|ben)_ref"\)()$`},
}

// BenchmarkIndexCost writes the same records with the whole schema, and with one index less: the processor time of Dgraph that
// a record then takes less is what the index costs. Of several runs it reports the difference of the best, since other work on the machine
// only adds.
func BenchmarkIndexCost(b *testing.B) {
	records := newGenerator(b, 7).records(5000)
	want := contents(records)
	least := map[string]float64{}
	for b.Loop() {
		for _, w := range lessSchema {
			sdl := cybexp.Schema
			if w.pattern != "" {
				if sdl = regexp.MustCompile(w.pattern).ReplaceAllString(sdl, "$1$2"); sdl == cybexp.Schema {
					b.Fatalf("%s: the schema has nothing like it", w.name)
				}
			}
			took := freshWith(b, sdl, want, func(server *dgraphd.Server) { writeAll(b, server, records, 1, len(records)) })
			cost := float64(took.cpu.Microseconds()) / float64(len(records))
			if known, ok := least[w.name]; !ok || cost < known {
				least[w.name] = cost
			}
		}
	}
	whole := least[lessSchema[0].name]
	b.ReportMetric(whole, "µs/record")
	for _, w := range lessSchema[1:] {
		b.ReportMetric(whole-least[w.name], w.name+"-µs/record")
	}
}

// processorTime is what processors have spent on a process.
func processorTime(b *testing.B, pid int) time.Duration {
	b.Helper()
	took, err := benchgraph.CPU(pid)
	if err != nil {
		b.Fatal(err)
	}
	return took
}
