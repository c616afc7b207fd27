package reportd_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cybexp/cybexp/reportd"
)

// TestTranscripts replays what clients send, and compares what comes back. The example in docs/protocol.md is one of them. In a
// transcript "> " is sent and "< " is received; after an operation begins, everything up to its last frame is received. The
// values that differ each time are in capitals. UPDATE_GOLDEN=1 writes what comes back now.
func TestTranscripts(t *testing.T) {
	store := seeded(t)
	paths, err := filepath.Glob("testdata/transcripts/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, path := range append(paths, "../docs/protocol.md") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			r := start(t, openBus(t), store, func(c *reportd.Config) {
				c.Now = func() time.Time { return time.Unix(1_700_000_000, 0) }
			})
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.SplitAfter(string(text), "\n")
			got := strings.Join((&replay{client: r.dial(t, "")}).lines(lines), "")
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(text) {
				t.Errorf("%s is not what happens now, which is:\n%s", path, got)
			}
		})
	}
}

// replay is a client that plays a transcript.
type replay struct {
	*client
	report string // the newest report's id, for REPORT in what is sent
}

// lines returns the transcript with what is received now in place of what was.
func (p *replay) lines(lines []string) []string {
	var out []string
	for _, line := range lines {
		text := strings.TrimLeft(line, " ")
		indent := line[:len(line)-len(text)]
		if strings.HasPrefix(text, "< ") || strings.HasPrefix(text, "<close") {
			continue
		}
		out = append(out, line)
		if m, ok := strings.CutPrefix(text, "> "); ok {
			for _, f := range p.play(strings.TrimSpace(m)) {
				out = append(out, indent+f+"\n")
			}
		}
	}
	return out
}

// play sends one message and returns what it brings.
func (p *replay) play(text string) []string {
	p.tb.Helper()
	var m struct{ Op, ID string }
	_ = json.Unmarshal([]byte(text), &m) // what is not JSON is closed on
	p.send(strings.ReplaceAll(text, "REPORT", p.report))
	var out []string
	for m.Op != "auth" {
		f, err := p.read()
		if err != nil {
			return append(out, fmt.Sprintf("<close %v", err))
		}
		if f.Report != "" {
			p.report = f.Report
		}
		if f.Type != "progress" {
			out = append(out, "< "+constant(f.raw))
		}
		if f.Type == "pong" || f.ID == m.ID && (f.Type == "end" || f.Type == "error") {
			break
		}
	}
	return out
}

var changing = regexp.MustCompile(`"(report|snapshot)":"[^"]*"|"(elapsed_ms|position)":\d+`)

// constant puts a name in place of each value that differs each time.
func constant(frame string) string {
	return changing.ReplaceAllStringFunc(frame, func(s string) string {
		name, _, _ := strings.Cut(strings.Trim(s, `"`), `"`)
		switch name {
		case "elapsed_ms":
			return `"elapsed_ms":MS`
		case "position":
			return `"position":N`
		}
		return fmt.Sprintf(`%q:%q`, name, strings.ToUpper(name))
	})
}
