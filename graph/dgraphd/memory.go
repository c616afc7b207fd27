package dgraphd

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Bounds of the memory that a Dgraph gets by default, in MiB.
const (
	leastMemory = 600
	mostMemory  = 16 << 10
)

// memoryShare is what a Dgraph gets by default of so many bytes: a quarter, since the platform, the bus and the pages of its files want some too.
func memoryShare(bytes uint64) int {
	return int(min(max(bytes/4>>20, leastMemory), mostMemory)) //nolint:gosec // bounded
}

// memoryLimit is how many bytes this process and its children may use: the machine's memory, or the limit of a control group if that is
// lower. It is 0 where neither can be told.
func memoryLimit() uint64 {
	limit := memoryTotal("/proc/meminfo")
	for _, group := range controlGroups("/proc/self/cgroup") {
		for ; ; group = filepath.Dir(group) {
			for _, file := range []string{
				filepath.Join("/sys/fs/cgroup", group, "memory.max"),
				filepath.Join("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes"),
			} {
				if n := readLimit(file); n > 0 && (limit == 0 || n < limit) {
					limit = n
				}
			}
			if group == "/" || group == "." {
				break
			}
		}
	}
	return limit
}

// memoryTotal reads the line "MemTotal: N kB".
func memoryTotal(path string) uint64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) == 3 && words[0] == "MemTotal:" && words[2] == "kB" {
			n, _ := strconv.ParseUint(words[1], 10, 54)
			return n << 10
		}
	}
	return 0
}

// controlGroups reads the paths of the groups that can limit memory: lines of number, controllers and path; no controllers
// stand for all of them.
func controlGroups(path string) []string {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var groups []string
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		parts := strings.SplitN(lines.Text(), ":", 3)
		if len(parts) == 3 && (parts[1] == "" || strings.Contains(","+parts[1]+",", ",memory,")) {
			groups = append(groups, filepath.Clean("/"+parts[2]))
		}
	}
	return groups
}

// readLimit reads a number of bytes; 0 is none, as "max" is.
func readLimit(path string) uint64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
