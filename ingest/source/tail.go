package source

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"time"
)

// Bounds of what is read of a file at a time, in bytes.
const (
	tailBatch  = 8 << 20
	tailGlance = 1 << 10  // of its beginning, by which it is known
	tailHeader = 64 << 10 // of the comments at its beginning, which say what its lines mean
)

// tails follows files that grow by lines. A file that is moved away and replaced is followed to its end, the new one from its
// beginning; one that is cut off begins anew. Only whole lines are sent, until nobody will write the rest.
type tails struct {
	*folder

	open []*tail
	lost []fileMark // files of the stored position that have not been found yet
}

// tail is a file that is followed.
type tail struct {
	fileMark

	file  *os.File
	info  fs.FileInfo // when it was opened
	rest  fs.FileInfo // when all of it had been read
	size  int64       // at the last look
	grown time.Time   // when it last was seen to have grown
	moved bool        // it stands no more where the source looks
}

// look reads what came since the last one.
func (t *tails) look(ctx context.Context) error {
	names, err := t.list()
	if err != nil {
		return err
	}
	if err := t.place(names); err != nil {
		return err
	}
	t.findLost(names)
	for _, f := range t.open {
		if err := t.read(ctx, f); err != nil {
			return err
		}
	}
	return t.leave(ctx)
}

// place finds out which files stand where the source looks, and which were moved away.
func (t *tails) place(names []string) error {
	before := map[*tail]bool{}
	for _, f := range t.open {
		before[f], f.moved = f.moved, true
	}
	for _, name := range names {
		if err := t.meet(name); err != nil {
			return err
		}
	}
	for _, f := range t.open {
		if f.moved && !before[f] {
			f.grown = t.svc.Now() // its writer may not have heard of it yet
		}
	}
	return nil
}

func (t *tails) close() {
	for _, f := range t.open {
		f.file.Close()
	}
	t.open = nil
}

// meet opens a file unless it is followed already, under whatever name.
func (t *tails) meet(name string) error {
	info, err := t.root.Stat(name)
	if err != nil {
		return nil // gone since
	}
	for _, f := range t.open {
		if os.SameFile(f.info, info) {
			f.moved, f.Name = false, name
			return nil
		}
	}
	f, err := t.follow(name)
	if err != nil || f == nil {
		return err
	}
	if i := slices.IndexFunc(t.lost, f.continues); i >= 0 {
		f.Offset, f.Begins = t.lost[i].Offset, t.lost[i].Begins
		t.lost = slices.Delete(t.lost, i, i+1)
	}
	t.open = append(t.open, f)
	return nil
}

// follow opens a file; nil if it is gone.
func (t *tails) follow(name string) (*tail, error) {
	file, err := t.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open file: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &tail{fileMark: fileMark{Name: name, Number: fileNumber(info)}, file: file, info: info, size: -1, grown: t.svc.Now()}, nil
}

// continues tells whether f is the file of which the position tells.
func (f *tail) continues(m fileMark) bool {
	if m.Number != f.Number || m.Number == "" && m.Name != f.Name {
		return false
	}
	begins, err := f.fingerprint(m.Offset)
	return err == nil && begins == m.Begins
}

// fingerprint hashes the first bytes of what is before offset; it differs from any other if the file is shorter.
func (f *tail) fingerprint(offset int64) (string, error) {
	head := make([]byte, min(offset, tailGlance))
	n, err := readAt(f.file, head, 0)
	if err != nil {
		return "", fmt.Errorf("read file: %w", err)
	}
	sum := sha256.Sum256(head[:n])
	return hex.EncodeToString(sum[:8]), nil
}

// findLost looks for files of the stored position that were moved away while nobody looked, beside where they stood.
func (t *tails) findLost(names []string) {
	for _, m := range t.lost {
		if m.Number == "" {
			continue
		}
		beside, _ := fs.Glob(t.root.FS(), path.Join(path.Dir(m.Name), "*")) // a folder that cannot be read holds none
		for _, name := range beside {
			info, err := t.root.Stat(name)
			if err != nil || !info.Mode().IsRegular() || slices.Contains(names, name) || fileNumber(info) != m.Number {
				continue
			}
			f, err := t.follow(name)
			if err != nil || f == nil {
				continue
			}
			if !f.continues(m) {
				f.file.Close()
				continue
			}
			f.Offset, f.Begins, f.moved = m.Offset, m.Begins, true
			t.open = append(t.open, f)
			break
		}
	}
	t.lost = nil
}

// read sends what a file has from its offset on, up to the end of its last whole line.
func (t *tails) read(ctx context.Context, f *tail) error {
	for {
		info, err := f.file.Stat()
		if err != nil {
			return fmt.Errorf("look at file: %w", err)
		}
		if f.rest != nil && same(f.rest, info) {
			return nil
		}
		if info.Size() != f.size {
			f.size, f.grown = info.Size(), t.svc.Now()
		}
		if err := f.checkCut(); err != nil {
			return err
		}
		end, err := f.lineEnd()
		if err != nil {
			return err
		}
		if end <= f.Offset {
			f.rest = info
			return nil
		}
		if err := t.sendTo(ctx, f, end); err != nil {
			return err
		}
	}
}

// checkCut begins a file anew that is shorter than it was, or that begins with something else.
func (f *tail) checkCut() error {
	begins, err := f.fingerprint(f.Offset)
	if err != nil {
		return err
	}
	if f.Offset > 0 && (f.size < f.Offset || begins != f.Begins) {
		f.Offset, f.Begins = 0, ""
	}
	return nil
}

// lineEnd finds where the last whole line ends of a batch that begins at the offset; the offset itself if none does.
func (f *tail) lineEnd() (int64, error) {
	buffer := make([]byte, min(tailBatch, max(0, f.size-f.Offset)))
	for at := f.Offset; at < f.size; {
		n, err := readAt(f.file, buffer[:min(int64(len(buffer)), f.size-at)], at)
		if err != nil {
			return 0, fmt.Errorf("read file: %w", err)
		}
		if n == 0 {
			break // it was cut off meanwhile
		}
		if i := bytes.LastIndexByte(buffer[:n], '\n'); i >= 0 {
			return at + int64(i) + 1, nil
		}
		at += int64(n)
	}
	return f.Offset, nil
}

// sendTo sends what is before end and keeps the position.
func (t *tails) sendTo(ctx context.Context, f *tail, end int64) error {
	var body io.Reader = io.NewSectionReader(f.file, f.Offset, end-f.Offset)
	if t.src.Typetag == "zeek" && f.Offset > 0 {
		header, err := f.header()
		if err != nil {
			return err
		}
		body = io.MultiReader(bytes.NewReader(header), body)
	}
	begins, err := f.fingerprint(end) // now: if the file is cut meanwhile, it will not fit
	if err != nil {
		return err
	}
	if err := t.send(ctx, body); err != nil {
		return err
	}
	f.Offset, f.Begins = end, begins
	return t.save(ctx)
}

func (t *tails) save(ctx context.Context) error {
	mark := filesMark{Files: []fileMark{}}
	for _, f := range t.open {
		mark.Files = append(mark.Files, f.fileMark)
	}
	return t.commit(ctx, mark)
}

// header is the comments that the file begins with.
func (f *tail) header() ([]byte, error) {
	head := make([]byte, min(f.Offset, tailHeader))
	n, err := readAt(f.file, head, 0)
	if err != nil {
		return nil, fmt.Errorf("read file: %w", err)
	}
	end := 0
	for end < n && head[end] == '#' {
		length := bytes.IndexByte(head[end:n], '\n')
		if length < 0 {
			break
		}
		end += length + 1
	}
	return head[:end], nil
}

// leave parts with files that were moved away and that nobody has written to for a while. What they have behind their last line is one too.
func (t *tails) leave(ctx context.Context) error {
	var left []*tail
	for _, f := range t.open {
		if f.moved && t.svc.Now().Sub(f.grown) >= t.svc.Rotation {
			left = append(left, f)
		}
	}
	for _, f := range left {
		if f.size > f.Offset {
			if err := t.sendTo(ctx, f, f.size); err != nil {
				return err
			}
		}
		f.file.Close()
		t.open = slices.DeleteFunc(t.open, func(g *tail) bool { return g == f })
	}
	if len(left) == 0 {
		return nil
	}
	return t.save(ctx)
}
