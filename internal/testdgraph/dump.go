package testdgraph

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/graph"
)

// Dump reads all of the graph at an alpha's HTTP address, predicate by predicate: a hash to what stands at its vertex, the other ends of
// edges as their hashes, in order. It fails when a hash has two vertices.
func Dump(tb testing.TB, base string) map[string]string {
	tb.Helper()
	fields := []string{"dgraph.type"}
	for line := range strings.Lines(graph.Predicates) {
		name, kind, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			continue
		}
		if strings.HasPrefix(kind, "[uid]") || strings.HasPrefix(kind, "uid") {
			name += " { hash }"
		}
		fields = append(fields, name)
	}
	var answer struct {
		Data   struct{ Q []map[string]any }
		Errors []any
	}
	query := "{ q(func: has(hash)) { " + strings.Join(fields, " ") + " } }"
	res, err := http.Post(base+"/query?ro=true", "application/dql", strings.NewReader(query))
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	if err != nil || len(answer.Errors) > 0 {
		tb.Fatalf("%s answers %.300s: %v", query, text, err)
	}
	dump := make(map[string]string, len(answer.Data.Q))
	for _, vertex := range answer.Data.Q {
		hash := fmt.Sprint(vertex["hash"])
		if dump[hash] != "" {
			tb.Fatalf("hash %s has two vertices", hash)
		}
		dump[hash] = dumpVertex(vertex)
	}
	return dump
}

// dumpVertex is a vertex as text, one line a predicate.
func dumpVertex(vertex map[string]any) string {
	var lines []string
	for name, v := range vertex {
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		var values []string
		for _, v := range list {
			if to, ok := v.(map[string]any); ok {
				v = to["hash"]
			}
			values = append(values, fmt.Sprint(v))
		}
		slices.Sort(values)
		lines = append(lines, name+": "+strings.Join(values, " "))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
