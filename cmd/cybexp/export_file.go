package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cybexp/cybexp/ingest"
)

// exportFile is where an export goes. Of a file that broke off it has the whole lines alone, and as long as it is not whole its name ends in .part.
type exportFile struct {
	name string   // "" for standard output
	f    *os.File // nil for standard output
	out  *bufio.Writer
	size int64
	last string // hash of the last record
}

// openExport opens the output.
func (a *app) openExport(o *exportOptions) (*exportFile, error) {
	if o.file == "-" {
		return &exportFile{out: bufio.NewWriter(a.stdout)}, nil
	}
	part := o.file + ".part"
	_, err := os.Lstat(o.file)
	switch there := err == nil; {
	case there && !o.resume:
		return nil, fmt.Errorf("%s exists already, and is not replaced; --resume goes on with it if it broke off", o.file)
	case there:
		if _, err := os.Lstat(part); err == nil {
			return nil, fmt.Errorf("there are both %s and %s: remove one of them", o.file, part)
		}
		if err := os.Rename(o.file, part); err != nil {
			return nil, err
		}
	}
	flags := os.O_RDWR | os.O_CREATE
	if !o.resume {
		flags |= os.O_TRUNC
	}
	f, err := os.OpenFile(part, flags, 0o600)
	if err != nil {
		return nil, err
	}
	x := &exportFile{name: o.file, f: f, out: bufio.NewWriterSize(f, 1<<20)}
	if err := x.mend(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return x, nil
}

// resumable tells whether what is written can be gone on with.
func (x *exportFile) resumable() bool { return x.f != nil }

func (x *exportFile) write(line []byte) error {
	x.size += int64(len(line)) + 1
	_, err := x.out.Write(line)
	return errors.Join(err, x.out.WriteByte('\n'))
}

// tail is what is read of a line to go on behind it.
type tail struct {
	Hash string `json:"_hash"`
	More bool   `json:"more"`
}

// mend cuts off what is no whole record at the end, and finds the last one that is.
func (x *exportFile) mend() error {
	if x.f == nil {
		return nil
	}
	if err := x.out.Flush(); err != nil {
		return err
	}
	end, err := x.f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if end, _, err = x.lineBefore(end, false); err != nil {
		return err
	}
	return x.cut(end, "")
}

// back cuts off the last record, too.
func (x *exportFile) back() error {
	if err := x.mend(); err != nil {
		return err
	}
	return x.cut(x.size, x.last)
}

// cut ends the file at end, where a line ends, or before: without lines of a record whose rest is not there, and without those of the hash drop.
func (x *exportFile) cut(end int64, drop string) error {
	x.last = ""
	for end > 0 {
		start, line, err := x.lineBefore(end, true)
		if err != nil {
			return err
		}
		var t tail
		if json.Unmarshal(line, &t) != nil || t.Hash == "" {
			return fmt.Errorf("%s.part is no export: its line at byte %d has no hash", x.name, start)
		}
		if t.More {
			drop = t.Hash
		}
		if t.Hash != drop {
			x.last = t.Hash
			break
		}
		end = start
	}
	if err := x.f.Truncate(end); err != nil {
		return err
	}
	x.size = end
	_, err := x.f.Seek(end, io.SeekStart)
	return err
}

// lineBefore finds where the line begins that ends at end, with or without its line break, and reads it if that is asked.
func (x *exportFile) lineBefore(end int64, whole bool) (start int64, line []byte, err error) {
	const step = 64 << 10
	var tail []byte
	for start = end; start > 0; {
		n := min(start, step)
		block := make([]byte, n)
		if _, err := x.f.ReadAt(block, start-n); err != nil {
			return 0, nil, fmt.Errorf("read %s: %w", x.f.Name(), err)
		}
		search := block
		if whole && start == end {
			search = block[:n-1] // the break at the end of the line itself
		}
		if i := bytes.LastIndexByte(search, '\n'); i >= 0 {
			return start - n + int64(i) + 1, append(block[i+1:], tail...), nil
		}
		start -= n
		if whole {
			tail = append(block, tail...)
		}
	}
	return 0, tail, nil
}

// hashes are those of all records of the file.
func (x *exportFile) hashes() (map[string]bool, error) {
	seen := map[string]bool{}
	if x.f == nil || x.size == 0 {
		return seen, nil
	}
	lines := newLines(io.NewSectionReader(x.f, 0, x.size))
	for {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			return seen, nil
		}
		if err != nil {
			return nil, err
		}
		var t tail
		if json.Unmarshal(line, &t) == nil {
			seen[t.Hash] = true
		}
	}
}

// close ends the export. A whole one gets its name.
func (x *exportFile) close(whole bool) error {
	err := x.out.Flush()
	if x.f == nil {
		return err
	}
	if err = errors.Join(err, x.f.Sync(), x.f.Close()); err != nil || !whole {
		return err
	}
	return os.Rename(x.f.Name(), x.name)
}

// lines reads whole lines of any length up to that of a record.
type lines struct {
	in *bufio.Reader
	n  int // lines that were read
}

func newLines(r io.Reader) *lines { return &lines{in: bufio.NewReaderSize(r, 256<<10)} }

// next reads a line, without its break. The last one may lack that if it is whole otherwise; io.EOF is after it.
func (l *lines) next() ([]byte, error) {
	var line []byte
	for {
		part, err := l.in.ReadSlice('\n')
		if line == nil && err == nil {
			l.n++
			return part[:len(part)-1], nil
		}
		line = append(line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull) && len(line) <= ingest.DefaultConfig().MaxRecord+1:
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("line %d is longer than %s", l.n+1, byteText(int64(ingest.DefaultConfig().MaxRecord)))
		case errors.Is(err, io.EOF) && len(line) > 0:
			l.n++
			return line, nil
		case err != nil:
			return nil, err
		default:
			l.n++
			return line[:len(line)-1], nil
		}
	}
}
