package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/ingest"
)

// openTerminal makes a terminal, and what reads what a person sees on it.
func openTerminal(t *testing.T) (tty *os.File, screen *bufio.Reader) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tty.Close() })
	return tty, bufio.NewReader(master)
}

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

	tty, screen := openTerminal(t)
	if err := (&app{stdout: tty, stderr: tty}).tellImport(r, time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := tty.WriteString("end\n"); err != nil {
		t.Fatal(err)
	}
	var seen strings.Builder
	for !strings.HasSuffix(seen.String(), "end\r\n") {
		line, err := screen.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		seen.WriteString(line)
	}
	if want := strings.ReplaceAll(words.String()+"end\n", "\n", "\r\n"); seen.String() != want {
		t.Errorf("a person sees %q, want %q", seen.String(), want)
	}
}
