package benchgraph

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cybexp/cybexp/graph/dgraphd"
)

// Resident is how many bytes of memory a process holds, from Linux' /proc.
func Resident(pid int) (int64, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "statm"))
	if err != nil {
		return 0, err
	}
	words := strings.Fields(string(text))
	if len(words) < 2 {
		return 0, errors.New("statm has no second number")
	}
	pages, err := strconv.ParseInt(words[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// DiskUse is how many bytes the files of a folder take on the disk: files that are mapped are sparse. A file that goes meanwhile does
// not count.
func DiskUse(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return ignoreGone(err)
		}
		info, err := d.Info()
		if err != nil {
			return ignoreGone(err)
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			sum += st.Blocks * 512
		}
		return nil
	})
	return sum, err
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// ticks is how many make a second of a process' time in /proc, which Linux never changed.
const ticks = 100

// CPU is how much time processors have spent on a process, this one for 0, from Linux' /proc.
func CPU(pid int) (time.Duration, error) {
	name := "self"
	if pid != 0 {
		name = strconv.Itoa(pid)
	}
	text, err := os.ReadFile(filepath.Join("/proc", name, "stat"))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ") // behind the name of the program
	words := strings.Fields(rest)
	if len(words) < 13 {
		return 0, errors.New("stat is too short")
	}
	user, err := strconv.ParseInt(words[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(words[12], 10, 64)
	return time.Duration(user+system) * time.Second / ticks, err
}

// Rest waits until an alpha has done what is left to do after writes: it rolls lists up for some seconds.
func Rest(tb testing.TB, server *dgraphd.Server) {
	tb.Helper()
	const look, little = 500 * time.Millisecond, 30 * time.Millisecond
	_, alpha := server.PIDs()
	before, err := CPU(alpha)
	for quiet := 0; quiet < 2 && err == nil; {
		time.Sleep(look)
		var now time.Duration
		if now, err = CPU(alpha); now-before > little {
			quiet = 0
		} else {
			quiet++
		}
		before = now
	}
	if err != nil {
		tb.Fatal(err)
	}
}
