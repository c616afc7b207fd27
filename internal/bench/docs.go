package main

import (
	"bufio"
	_ "embed" // see docsText
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"text/template"
	"time"

	"github.com/cybexp/cybexp/graph/dgraphd"
)

//go:embed benchmarks.md.tmpl
var docsText string

// writeDocs writes the page of the figures, and the curve when there are points for one.
func writeDocs(o options, rows []row, begun time.Time) error {
	points := growth(rows)
	page := struct {
		Date, Machine, Table string
		Load                 string
		Parts                bool
		Minutes, Dgraph      int
		Curve                []point
	}{
		begun.UTC().Format(time.DateOnly), machine(), markdown(rows), loadAverage(), o.from != "", int(time.Since(begun).Minutes() + 0.5), dgraphd.DefaultConfig().MemoryMiB, points,
	}
	var b strings.Builder
	if err := template.Must(template.New("").Parse(docsText)).Execute(&b, page); err != nil {
		return err
	}
	if len(points) > 1 {
		if err := os.WriteFile(filepath.Join(o.docs, "growth.svg"), []byte(curve(points)), 0o600); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(o.docs, "benchmarks.md"), []byte(b.String()), 0o600)
}

// machine tells what was measured on, without a name.
func machine() string {
	return fmt.Sprintf("%d cores of %s, %s of memory, %s/%s, %s", runtime.NumCPU(), first("/proc/cpuinfo", "model name"), gib(first("/proc/meminfo", "MemTotal")), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// first is what stands behind the first "name :" of a file of /proc.
func first(path, name string) string {
	f, err := os.Open(path)
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func gib(text string) string {
	var kb float64
	if _, err := fmt.Sscanf(text, "%f kB", &kb); err != nil {
		return text
	}
	return fmt.Sprintf("%.0f GiB", kb/(1<<20))
}

// loadAverage is how many processes wanted to run at the end, over fifteen minutes.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if words := strings.Fields(string(text)); err == nil && len(words) > 2 {
		return words[2]
	}
	return "unknown"
}
