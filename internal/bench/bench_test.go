package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestBenchmarksBecomeATableOfRatios(t *testing.T) {
	rows := benchRows(strings.Join([]string{
		"goos: linux",
		"pkg: github.com/cybexp/cybexp/reportd",
		"BenchmarkHotCount/events=1000/all-2 \t 20\t 0 ns/op\t 2.500 median-ms\t 50.00 naive-ms\t 20.00 x-naive",
		"BenchmarkWrite-2  1  17 ns/op  2000 events/s  1000 live-events/s",
		"BenchmarkAttributeHash-2  100  812.5 ns/op",
		"PASS",
	}, "\n"))
	if len(rows) != 3 {
		t.Fatalf("got %d rows", len(rows))
	}
	list := comparisons(rows)
	if len(list) != 2 || list[0].what != "reportd HotCount/events=1000/all" || list[0].ratio != 20 || list[1].ratio != 2 {
		t.Errorf("got %+v", list)
	}
	if got := rows[0].rest() + rows[2].rest(); got != "812 ns/op" {
		t.Errorf("what is left over: %q", got)
	}
	page := markdown(rows)
	for _, want := range []string{"| reportd HotCount/events=1000/all | 2.50 median-ms | 50.00 median-ms | 20.00 |", "| reportd AttributeHash | 812 ns/op |"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
}

func TestTheCurveIsAWellFormedDrawingWithinItsBounds(t *testing.T) {
	rows := []row{
		{"reportd Growth/events=1000", []figure{{3, "s/1000-counts"}, {40, "s/1000-scans"}}},
		{"reportd Growth/events=1000000", []figure{{4, "s/1000-counts"}, {50_000, "s/1000-scans"}}},
		{"reportd SocketCount", []figure{{4, "socket-ms"}}},
	}
	points := growth(rows)
	if len(points) != 2 || points[1].Events != 1e6 || points[1].Scans != 50_000 {
		t.Fatalf("got %+v", points)
	}
	text := curve(points)
	lines := 0
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "polyline" {
			lines++
		}
	}
	if lines != 2 || !strings.Contains(text, "1,000,000") {
		t.Errorf("%d lines in\n%s", lines, text)
	}
	a := axes{3, 6, 0, 5}
	if a.x(1e3) != left || a.x(1e6) != width-right || a.y(1) != height-down || a.y(1e5) != top {
		t.Errorf("axes end at %v, %v, %v, %v", a.x(1e3), a.x(1e6), a.y(1), a.y(1e5))
	}
}
