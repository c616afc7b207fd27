package dgraphd

import "syscall"

// childAttr has a child die with us, and keeps a terminal's Ctrl-C for us alone, so that we stop the children in order.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
