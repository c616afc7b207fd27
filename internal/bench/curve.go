package main

import (
	"fmt"
	"math"
	"strings"
)

// point is a measurement of the growth benchmark: seconds for a thousand questions of a graph of so many events.
type point struct{ Events, Counts, Scans float64 }

// growth finds the points among the rows, smallest graph first.
func growth(rows []row) []point {
	var list []point
	for _, r := range rows {
		var n float64
		if _, err := fmt.Sscanf(r.what, "reportd Growth/events=%g", &n); err != nil {
			continue
		}
		counts, ok := r.figure("s/1000-counts")
		scans, also := r.figure("s/1000-scans")
		if ok && also {
			list = append(list, point{n, counts.value, scans.value})
		}
	}
	return list
}

// Sizes of the drawing.
const (
	width, height          = 640, 400
	left, right, top, down = 80, 20, 50, 60
)

// curve draws both times over the size of the graph, both axes by powers of ten.
func curve(points []point) string {
	low, high := math.Inf(1), math.Inf(-1)
	for _, p := range points {
		low, high = min(low, p.Counts, p.Scans), max(high, p.Counts, p.Scans)
	}
	axes := axes{
		x0: math.Floor(math.Log10(points[0].Events)), x1: math.Ceil(math.Log10(points[len(points)-1].Events)),
		y0: math.Floor(math.Log10(low)), y1: math.Ceil(math.Log10(high)),
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n", width, height)
	b.WriteString("<title>Time for 1,000 counts over the size of the graph</title>\n")
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", width, height)
	axes.grid(&b)
	axes.line(&b, points, "#c0392b", "no index (a few, times their share)", 0, func(p point) float64 { return p.Scans })
	axes.line(&b, points, "#1f6fb2", "count, as it is", 1, func(p point) float64 { return p.Counts })
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">e-mail events in the graph</text>`+"\n", (left+width-right)/2, height-15)
	fmt.Fprintf(&b, `<text transform="translate(22 %d) rotate(-90)" text-anchor="middle">seconds for 1,000 questions</text>`+"\n", (top+height-down)/2)
	b.WriteString("</svg>\n")
	return b.String()
}

// axes are bounds as powers of ten.
type axes struct{ x0, x1, y0, y1 float64 }

func (a axes) x(v float64) float64 {
	return left + (math.Log10(v)-a.x0)/max(a.x1-a.x0, 1)*(width-left-right)
}

func (a axes) y(v float64) float64 {
	return height - down - (math.Log10(v)-a.y0)/max(a.y1-a.y0, 1)*(height-top-down)
}

func (a axes) grid(b *strings.Builder) {
	for e := a.x0; e <= a.x1; e++ {
		x := a.x(math.Pow(10, e))
		fmt.Fprintf(b, `<path d="M%.1f %dV%d" stroke="#ddd"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", x, top, height-down, x, height-down+20, power(e))
	}
	for e := a.y0; e <= a.y1; e++ {
		y := a.y(math.Pow(10, e))
		fmt.Fprintf(b, `<path d="M%d %.1fH%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n", left, y, width-right, left-8, y+4, power(e))
	}
}

// power is a power of ten as people write it, with commas.
func power(e float64) string {
	if e < 0 {
		return fmt.Sprintf("%.*f", int(-e), math.Pow(10, e))
	}
	digits := "1" + strings.Repeat("0", int(e))
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func (a axes) line(b *strings.Builder, points []point, colour, name string, place int, value func(point) float64) {
	var path []string
	for _, p := range points {
		x, y := a.x(p.Events), a.y(value(p))
		path = append(path, fmt.Sprintf("%.1f,%.1f", x, y))
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="4" fill="%s"><title>%.3g s</title></circle>`+"\n", x, y, colour, value(p))
	}
	fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(path, " "), colour)
	fmt.Fprintf(b, `<text x="%d" y="%d" fill="%s">● %s</text>`+"\n", left+place*280, top-20, colour, name)
}
