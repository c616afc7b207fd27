package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// maxFiles is how many files one source follows.
const maxFiles = 10_000

// fileMark is how far a file has come. A file is the same as long as its number on the disk and its beginning are; names move.
type fileMark struct {
	Name   string    `json:"name"`
	Number string    `json:"number,omitempty"` // of device and inode, where the system has such
	Offset int64     `json:"offset"`           // tail: all before it is in the lake; whole: the size that is
	Begins string    `json:"begins,omitempty"` // tail: hash of the first bytes before Offset
	Time   time.Time `json:"time,omitzero"`    // whole: of the last change
}

// filesMark is the position in a folder.
type filesMark struct {
	Files []fileMark `json:"files"`
}

// followFiles follows files until ctx ends. The files are looked at every period: a watch of the system would tell of a change sooner,
// but not on network file systems, and not when it has too much to tell, so that one would have to look in any case.
func (o *outlet) followFiles(ctx context.Context) error {
	if o.svc.Files == "" {
		return errors.New("this server reads no files: --sources-files names the folder that it may read")
	}
	root, err := os.OpenRoot(o.svc.Files) // no .. and no link leads out of it
	if err != nil {
		return fmt.Errorf("open folder: %w", err)
	}
	defer root.Close()
	var mark filesMark
	if err := o.position(&mark); err != nil {
		return err
	}
	f := &folder{outlet: o, root: root}
	if o.src.Mode == "whole" {
		return o.lookAgain(ctx, (&wholes{folder: f, done: mark.Files, seen: map[string]fs.FileInfo{}}).look)
	}
	t := &tails{folder: f, lost: mark.Files}
	defer t.close()
	return o.lookAgain(ctx, t.look)
}

// reopenAfter is after how many failures in a row files are opened anew. Until then those that were deleted since are still at hand.
const reopenAfter = 5

// lookAgain looks at files every period, and after a failure when it is time to.
func (o *outlet) lookAgain(ctx context.Context, look func(context.Context) error) error {
	for failures := 0; ; {
		err := look(ctx)
		if ctx.Err() != nil || errors.Is(err, errLost) {
			return errors.Join(err, ctx.Err())
		}
		pause := time.Duration(o.src.Period)
		if err == nil {
			failures = 0
			o.caughtUp()
			err = o.alive(ctx)
		} else if failures++; failures < reopenAfter {
			var next time.Time
			next, err = o.ended(ctx, err)
			pause = next.Sub(o.svc.Now())
		}
		if err != nil {
			return err
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// folder is where the files of a source are.
type folder struct {
	*outlet

	root *os.Root
}

// list gives the regular files that the source's path names: itself, those in it if it is a folder, or those that fit it as a pattern.
func (f *folder) list() ([]string, error) {
	pattern := f.src.Path
	if info, err := f.root.Stat(pattern); err == nil {
		if info.Mode().IsRegular() {
			return []string{pattern}, nil
		}
		if info.IsDir() {
			pattern = path.Join(pattern, "*")
		}
	}
	names, err := fs.Glob(f.root.FS(), pattern)
	if err != nil {
		return nil, fmt.Errorf("list files: %w", err)
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		info, err := f.root.Stat(name)
		return err != nil || !info.Mode().IsRegular() || f.passedOver(path.Base(name))
	})
	if len(names) > maxFiles {
		return nil, fmt.Errorf("there are %d files, more than %d", len(names), maxFiles)
	}
	return names, nil
}

// passedOver tells files that a pattern does not mean: hidden ones, those being written by editors, and, where lines are followed, archives.
func (f *folder) passedOver(base string) bool {
	if strings.HasPrefix(base, ".") || strings.HasSuffix(base, "~") {
		return true
	}
	ends := []string{".tmp", ".swp", ".part"}
	if f.src.Mode == "tail" {
		ends = append(ends, ".gz", ".bz2", ".xz", ".zst", ".zip")
	}
	return slices.Contains(ends, path.Ext(base))
}

// wholes sends files as a whole, each when it has come to rest, and again when it has changed.
type wholes struct {
	*folder

	done []fileMark
	seen map[string]fs.FileInfo // at the last look
}

func (w *wholes) look(ctx context.Context) error {
	names, err := w.list()
	if err != nil {
		return err
	}
	w.done = slices.DeleteFunc(w.done, func(m fileMark) bool { return !slices.Contains(names, m.Name) })
	seen := map[string]fs.FileInfo{}
	for _, name := range names {
		info, err := w.root.Stat(name)
		if err != nil {
			continue // gone since
		}
		seen[name] = info
		rests := w.seen[name] != nil && same(w.seen[name], info)
		if !rests || w.has(name, info) {
			continue
		}
		if err := w.sendFile(ctx, name, info); err != nil {
			return err
		}
	}
	w.seen = seen
	return nil
}

func same(a, b fs.FileInfo) bool { return a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) }

func (w *wholes) has(name string, info fs.FileInfo) bool {
	return slices.ContainsFunc(w.done, func(m fileMark) bool {
		return m.Name == name && m.Offset == info.Size() && m.Time.Equal(info.ModTime())
	})
}

func (w *wholes) sendFile(ctx context.Context, name string, info fs.FileInfo) error {
	file, err := w.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open file: %w", err)
	}
	defer file.Close()
	body := &blamed{}
	if body.r, body.fault = decompress(file); body.fault == nil {
		err = w.send(ctx, body)
	}
	switch {
	case body.fault != nil: // it keeps no other file from being sent, and is tried again when it changes
		w.note(fmt.Sprintf("%q cannot be read: %v", name, body.fault))
	case err != nil:
		return err
	}
	w.done = slices.DeleteFunc(w.done, func(m fileMark) bool { return m.Name == name })
	w.done = append(w.done, fileMark{Name: name, Offset: info.Size(), Time: info.ModTime()})
	return w.commit(ctx, filesMark{w.done})
}

// blamed is a reader that remembers its own fault, so that it is told from one of who reads.
type blamed struct {
	r     io.Reader
	fault error
}

func (b *blamed) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.fault = err
	}
	return n, err
}

// readAt reads as much of a file as there is.
func readAt(file io.ReaderAt, p []byte, at int64) (int, error) {
	n, err := file.ReadAt(p, at)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}
