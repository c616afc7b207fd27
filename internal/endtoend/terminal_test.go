package endtoend_test

import (
	"encoding/json"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// reprocessShows runs the filter of the sample again: a person at a terminal sees how far it is and then what became of it, in words alone.
func reprocessShows(t *testing.T, p *platform) {
	t.Helper()
	const done = "finished: 622 raws looked at, 622 mapped to 455 events\n"
	args := []string{"ingest", "reprocess", "--typetag", "cowrie", "--org", "demo"}
	drawn := p.onTerminal(append(args, "--follow")...)
	if !regexp.MustCompile(`(\r\x1b\[K(waiting for its turn|running: \d+ of \d+ raws|finished: 622 of 622 raws))+\r\x1b\[K`).MatchString(drawn) {
		t.Errorf("no progress is in %q", drawn)
	}
	if got := left(drawn); got != done {
		t.Errorf("at the end a person sees %q, want %q", got, done)
	}

	begun := regexp.MustCompile("^job ([a-z0-9]+) has begun; `cybexp ingest reprocess --job ([a-z0-9]+)` shows how far it is\n$").
		FindStringSubmatch(left(p.onTerminal(args...)))
	if begun == nil || begun[1] != begun[2] {
		t.Fatalf("a person who does not wait is told %q", begun)
	}
	if got := left(p.onTerminal("ingest", "reprocess", "--job", begun[1])); got != done {
		t.Errorf("who asks later sees %q, want %q", got, done)
	}

	never := append(args, "--until", "2000-01-01", "--follow")
	if got, want := left(p.onTerminal(never...)), "finished: 622 raws looked at, none of them is of that organisation and time\n"; got != want {
		t.Errorf("of a time without raws a person sees %q, want %q", got, want)
	}
	r := p.cybexp(never...)
	var job struct{ Seen, Mapped int }
	if err := json.Unmarshal([]byte(r.stdout), &job); err != nil || job.Seen != 622 || job.Mapped != 0 || strings.Contains(r.stderr, "\x1b") {
		t.Errorf("a program is told %q and %q: %v", r.stdout, r.stderr, err)
	}
}

// onTerminal runs a command whose output goes to a terminal, and returns what is drawn there.
func (p *platform) onTerminal(args ...string) string {
	p.t.Helper()
	screen, tty, err := pty.Open()
	if err != nil {
		p.t.Fatal(err)
	}
	defer screen.Close()
	cmd := exec.CommandContext(p.t.Context(), program(p.t, "cybexp"), append(args, "--server", p.url, "--data", p.data)...)
	cmd.Stdout, cmd.Stderr = tty, tty
	drawn := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(screen) // that nobody has the terminal any more is an error
		drawn <- strings.ReplaceAll(string(text), "\r\n", "\n")
	}()
	err = cmd.Run()
	_ = tty.Close()
	text := <-drawn
	if err != nil {
		p.t.Fatalf("cybexp %s: %v\n%q", args, err, text)
	}
	return text
}

// left is what is on the screen at the end: a line that is erased is not.
func left(drawn string) string {
	lines := strings.Split(drawn, "\n")
	for i, line := range lines {
		if at := strings.LastIndex(line, erase); at >= 0 {
			lines[i] = line[at+len(erase):]
		}
	}
	return strings.Join(lines, "\n")
}

// erase goes to the beginning of the line and empties it.
const erase = "\r\x1b[K"
