//go:build unix

package source

import (
	"fmt"
	"io/fs"
	"syscall"
)

// fileNumber names a file whatever it is called; empty if the system has no such thing.
func fileNumber(info fs.FileInfo) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}
