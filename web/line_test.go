package web_test

import (
	"net"
	"sync"
	"testing"
)

// line is a TCP proxy that breaks once, after it has carried some bytes to the browser.
type line struct {
	net.Listener

	mu    sync.Mutex
	conns []net.Conn
	left  int // bytes until it breaks; negative is never
}

func newLine(t *testing.T, target string) *line {
	t.Helper()
	l := &line{Listener: must(net.Listen("tcp", "127.0.0.1:0"))(t), left: -1}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", target)
			if err != nil {
				_ = near.Close()
				continue
			}
			l.mu.Lock()
			l.conns = append(l.conns, near, far)
			l.mu.Unlock()
			wg.Go(func() { l.carry(near, far, l.breaks) })
			wg.Go(func() { l.carry(far, near, func(int) bool { return false }) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); l.cut(); wg.Wait() })
	return l
}

// carry copies until either side is closed or the line breaks.
func (l *line) carry(to, from net.Conn, breaks func(int) bool) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 1<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if breaks(n) {
			l.cut()
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// breakAfter makes the line break when n more bytes have passed.
func (l *line) breakAfter(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left = n
}

func (l *line) breaks(n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left < 0 {
		return false
	}
	l.left -= n
	return l.left < 0
}

// cut closes what is open.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.conns {
		_ = conn.Close()
	}
	l.conns = nil
}

// unbroken tells whether the line has not broken yet.
func (l *line) unbroken() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.left >= 0
}
