package tdql_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// repeated writes a text that ends when it has so many bytes.
func repeated(bytes int, start, again, end string) string {
	var b strings.Builder
	b.WriteString(start)
	for i := 0; b.Len() < bytes; i++ {
		if strings.Contains(again, "%d") {
			fmt.Fprintf(&b, again, i)
		} else {
			b.WriteString(again)
		}
	}
	b.WriteString(end)
	return b.String()
}

// growing are queries, and texts that are none, of any length.
var growing = map[string]func(bytes int) string{
	"many stages, tests and values": long,
	"values":                        func(n int) string { return repeated(n, "ipv4 (1", ", 1.1.%d", ")") },
	"sub-types":                     func(n int) string { return repeated(n, "events a", ", a%d", "") },
	"or":                            func(n int) string { return repeated(n, "events where port = 1", " or url under evil%d.com", "") },
	"and":                           func(n int) string { return repeated(n, "events where port = 1", " and not (port = %d or url = x)", "") },
	"not":                           func(n int) string { return repeated(n, "events where", " not", " port = 1") },
	"hops":                          func(n int) string { return repeated(n, "events", " | attributes | events", "") },
	"hops to the same kind":         func(n int) string { return repeated(n, "events", " | events login", "") },
	"sorts":                         func(n int) string { return repeated(n, "events", " | sort hash, degree desc", "") },
	"limits":                        func(n int) string { return repeated(n, "events", " | limit 5 | attributes | events", "") },
	"comments":                      func(n int) string { return repeated(n, "", "-- events\n", "events") },
	"stray words":                   func(n int) string { return repeated(n, "events", " 7", "") },
	"stages that are none":          func(n int) string { return repeated(n, "events", "|x", "") },
	"paths that nothing compares":   func(n int) string { return repeated(n, "events where a", " and a", "") },
	"stages that a watch refuses":   func(n int) string { return repeated(n, "watch events", "|limit 5", "") },
}

// allocated is how many times, and how many bytes, a function allocates.
func allocated(f func()) (times, bytes float64) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs - before.Mallocs), float64(after.TotalAlloc - before.TotalAlloc)
}

// TestNothingGrowsFasterThanTheText takes texts of two lengths through all stages: what is allocated for four times the text is
// at most so many times as much, with some room for lists that double.
func TestNothingGrowsFasterThanTheText(t *testing.T) {
	const short, factor, room = 8 << 10, 4, 1.5
	for name, text := range growing {
		t.Run(name, func(t *testing.T) {
			var times, bytes [2]float64
			for i, n := range []int{short, factor * short} {
				query := text(n)
				times[i], bytes[i] = allocated(func() { _, _ = faultsOf(asked{text: query}, testEnv()) })
			}
			if times[1] > factor*room*times[0] || bytes[1] > factor*room*bytes[0] {
				t.Errorf("%.0f allocations become %.0f, %.0f bytes become %.0f", times[0], times[1], bytes[0], bytes[1])
			}
		})
	}
}
