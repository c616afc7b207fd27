//go:build linux || darwin

package bus

import (
	"fmt"
	"syscall"
)

// Free is how many bytes are free on the disk of the embedded server. It is not known of a cluster's, which refuses with ErrFull.
func (b *Bus) Free() (bytes uint64, known bool, err error) {
	if b.dir == "" {
		return 0, false, nil
	}
	var st syscall.Statfs_t
	if err := syscall.Statfs(b.dir, &st); err != nil {
		return 0, false, fmt.Errorf("look at disk of %s: %w", b.dir, err)
	}
	return st.Bavail * uint64(st.Bsize), true, nil
}
