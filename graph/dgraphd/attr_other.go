//go:build unix && !linux

package dgraphd

import "syscall"

// childAttr keeps a terminal's Ctrl-C for us alone, so that we stop the children in order.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
