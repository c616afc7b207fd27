package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
)

// input is a file of an import.
type input struct {
	io.Reader
	name   string
	size   int64 // on disk; 0 is not known
	read   atomic.Int64
	closer io.Closer
}

type inputs []*input

// openInputs opens all files before any is read, so that a wrong name is told at once.
func openInputs(a *app, names []string) (list inputs, err error) {
	defer func() {
		if err != nil {
			list.close()
		}
	}()
	for _, name := range names {
		in, err := a.openArg([]string{name})
		if err != nil {
			return list, err
		}
		s := &input{name: name, closer: in, size: sizeOf(in)}
		list = append(list, s)
		s.Reader = &countedReader{in, &s.read}
		if f, ok := in.(*os.File); ok {
			if info, err := f.Stat(); err == nil && info.IsDir() {
				return list, fmt.Errorf("%s is a folder", name)
			}
		}
		if strings.HasSuffix(name, ".gz") {
			if s.Reader, err = gzip.NewReader(s.Reader); err != nil {
				return list, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return list, nil
}

func (l inputs) close() {
	for _, s := range l {
		_ = s.closer.Close() // nothing was written
	}
}

// share tells how much of the files has been read, where that can be known.
func (l inputs) share() string {
	var read, size int64
	for _, s := range l {
		if s.size == 0 {
			return ""
		}
		read, size = read+s.read.Load(), size+s.size
	}
	return fmt.Sprintf(" (%d %% of %d MiB)", read*100/size, size>>20)
}

type countedReader struct {
	r io.Reader
	n *atomic.Int64
}

// Read counts what it reads.
func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}
