package dgraphd

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestMemoryIsAShareOfTheMachineWithinBounds(t *testing.T) {
	for _, c := range []struct {
		name  string
		bytes uint64
		want  int
	}{
		{"unknown", 0, 600},
		{"a small machine", 1 << 30, 600},
		{"a laptop", 16 << 30, 4096},
		{"a server", 512 << 30, 16384},
	} {
		if got := memoryShare(c.bytes); got != c.want {
			t.Errorf("%s: got %d MiB, want %d", c.name, got, c.want)
		}
	}
	if limit := memoryLimit(); limit < 64<<20 {
		t.Errorf("this machine has %d bytes", limit)
	}
}

func TestMemoryLimitsAreRead(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if got := memoryTotal(file("meminfo", "MemFree:  5 kB\nMemTotal:       24681396 kB\n")); got != 24681396<<10 {
		t.Errorf("total: got %d", got)
	}
	if got := memoryTotal(file("nonsense", "MemTotal: lots\n")); got != 0 {
		t.Errorf("no total: got %d", got)
	}
	groups := file("cgroup", "12:cpu,cpuacct:/a\n5:memory:/b/c\n0::/system.slice/d.scope\nrubbish\n")
	if got, want := controlGroups(groups), []string{"/b/c", "/system.slice/d.scope"}; !slices.Equal(got, want) {
		t.Errorf("groups: got %q, want %q", got, want)
	}
	for text, want := range map[string]uint64{"max\n": 0, "1073741824\n": 1 << 30, "": 0} {
		if got := readLimit(file("limit", text)); got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
	if got := readLimit(filepath.Join(dir, "absent")); got != 0 {
		t.Errorf("no file: got %d", got)
	}
}
