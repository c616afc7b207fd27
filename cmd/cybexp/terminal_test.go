package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/ingest"
)

// TestBulkImportSpeaksToWhoListens tells a person in words, and a program in JSON.
func TestBulkImportSpeaksToWhoListens(t *testing.T) {
	r := &importRun{bulk: graph.NewBulk(), status: ingest.Status{Received: 3, Mapped: 3, Events: 2}}
	var words, out strings.Builder
	if err := (&app{stdout: &out, stderr: &words}).tellImport(r, time.Second); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(words.String(), "3 of 3 records mapped to 2 events\n") || !strings.HasPrefix(out.String(), "{") || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("a program is told %q and %q", out.String(), words.String())
	}

	screen, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer screen.Close()
	if err := (&app{stdout: tty, stderr: tty}).tellImport(r, time.Second); err != nil {
		t.Fatal(err)
	}
	if err := tty.Close(); err != nil {
		t.Fatal(err)
	}
	seen, _ := io.ReadAll(screen) // nobody has the terminal any more, which is an error
	if want := strings.ReplaceAll(words.String(), "\n", "\r\n"); string(seen) != want {
		t.Errorf("a person sees %q, want %q", seen, want)
	}
}
