package dgraphd

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// maxLog bounds a log file; the one before it is kept as NAME.1.
const maxLog = 8 << 20

// tailSize is how much of the end of a log goes into an error.
const tailSize = 2 << 10

// logFile is a writer to a file of bounded size. It remembers the last that was written.
type logFile struct {
	path string

	mu   sync.Mutex
	file *os.File
	size int64
	tail []byte
}

func openLog(path string) (*logFile, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	l := &logFile{path: path}
	if err := l.open(); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *logFile) open() error {
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return fmt.Errorf("open log: %w", err)
	}
	l.file, l.size = f, info.Size()
	return nil
}

// Write never fails: a full disk must not stop the process whose log it is.
func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = append(l.tail, p...)
	if n := len(l.tail) - tailSize; n > 0 {
		l.tail = append(l.tail[:0], l.tail[n:]...)
	}
	if l.size > 0 && l.size+int64(len(p)) > maxLog {
		l.rotate()
	}
	if l.file != nil {
		n, _ := l.file.Write(p)
		l.size += int64(n)
	}
	return len(p), nil
}

func (l *logFile) rotate() {
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
	if os.Rename(l.path, l.path+".1") != nil {
		_ = os.Truncate(l.path, 0) // what is left is to write on
	}
	if l.open() != nil {
		l.file = nil
	}
}

// Tail returns the last whole lines that were written.
func (l *logFile) Tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := string(l.tail)
	if len(l.tail) == tailSize {
		if _, rest, ok := strings.Cut(s, "\n"); ok {
			s = rest
		}
	}
	return strings.TrimSpace(s)
}

func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}
