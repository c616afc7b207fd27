// Package backup is the file that a backup is: a tar archive of any files, whose last one, manifest.json, says what the others are and how they
// hash. It knows nothing of what the files mean, and reads no more into memory than the manifest.
//
//	w := backup.NewWriter(out, backup.Manifest{Program: "v1.2.0", Made: now})
//	err := w.AddFolder("bus/lake", dir)
//	err = w.Close()
//	…
//	m, err := backup.Unpack(in, dir)    // all of it is there and unharmed, or err says what is not
package backup

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Format is the version of what is written here. What has a later one cannot be read.
const Format = 1

// ManifestName is the last file of a backup.
const ManifestName = "manifest.json"

const (
	maxManifest = 64 << 20
	maxFiles    = 100_000
)

var (
	// ErrDamaged is what Unpack's error wraps when the backup is not as it was written.
	ErrDamaged = errors.New("the backup is damaged")
	// ErrNewer is returned for a backup of a later Format.
	ErrNewer = errors.New("the backup was made by a newer version of cybexp")
)

// Manifest says what a backup is.
type Manifest struct {
	Format  int       `json:"format"`
	Program string    `json:"program"` // version of what made it
	Schema  int       `json:"schema"`  // version of the graph's
	Layout  int       `json:"layout"`  // version of the rest
	Made    time.Time `json:"made"`
	Files   []File    `json:"files"`
}

// File is one of the files: its name with slashes, its length in bytes, and its SHA-256 in hex.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Size is the length of all files in bytes.
func (m Manifest) Size() (bytes int64) {
	for _, f := range m.Files {
		bytes += f.Size
	}
	return bytes
}

// Writer writes a backup.
type Writer struct {
	tar      *tar.Writer
	manifest Manifest
}

// NewWriter begins a backup. What m says of Format and Files is replaced.
func NewWriter(w io.Writer, m Manifest) *Writer {
	m.Format, m.Files = Format, nil
	return &Writer{tar: tar.NewWriter(w), manifest: m}
}

// AddFile writes a file under a name, which has slashes.
func (w *Writer) AddFile(name, file string) error {
	if err := w.add(name, file); err != nil {
		return fmt.Errorf("add %s: %w", name, err)
	}
	return nil
}

func (w *Writer) add(name, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := w.header(name, info.Size()); err != nil {
		return err
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(w.tar, sum), io.LimitReader(f, info.Size()))
	if err != nil {
		return err
	}
	if n != info.Size() {
		return fmt.Errorf("it had %d bytes and now has %d", info.Size(), n)
	}
	w.manifest.Files = append(w.manifest.Files, File{Name: name, Size: n, SHA256: hex.EncodeToString(sum.Sum(nil))})
	return nil
}

func (w *Writer) header(name string, size int64) error {
	return w.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: w.manifest.Made})
}

// AddFolder writes all files of a folder and its subfolders, under a name that goes before theirs.
func (w *Writer) AddFolder(name, dir string) error {
	return filepath.WalkDir(dir, func(file string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		rest, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		return w.AddFile(path.Join(name, filepath.ToSlash(rest)), file)
	})
}

// Close writes the manifest and the end. A backup without it is not whole.
func (w *Writer) Close() error {
	text, err := json.MarshalIndent(w.manifest, "", "  ")
	if err != nil {
		return err
	}
	if err := w.header(ManifestName, int64(len(text))); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	if _, err := w.tar.Write(text); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	return w.tar.Close()
}

// Unpack puts the files of a backup into a folder, which should be empty, and checks that they are those of the manifest, whole and unharmed. It writes
// nowhere else, whatever the backup says.
func Unpack(r io.Reader, dir string) (Manifest, error) {
	u := unpacking{dir: dir, sums: map[string]File{}}
	for in := tar.NewReader(r); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return Manifest{}, fmt.Errorf("%w: its end is missing", ErrDamaged)
		}
		if err != nil {
			return Manifest{}, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		if h.Name == ManifestName {
			return u.check(in)
		}
		if err := u.file(h, in); err != nil {
			return Manifest{}, err
		}
	}
}

// unpacking is what has been unpacked so far.
type unpacking struct {
	dir  string
	sums map[string]File
}

func (u *unpacking) file(h *tar.Header, in io.Reader) error {
	name := h.Name
	_, twice := u.sums[name]
	if h.Typeflag != tar.TypeReg || !fs.ValidPath(name) || !filepath.IsLocal(filepath.FromSlash(name)) || strings.ContainsAny(name, "\\\x00") || twice || len(u.sums) >= maxFiles {
		return fmt.Errorf("%w: %.100q does not belong into it", ErrDamaged, name)
	}
	file := filepath.Join(u.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("unpack %.100q: %w", name, err)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("unpack %.100q: %w", name, err)
	}
	sum := sha256.New()
	out := &failing{w: f}
	n, err := io.Copy(io.MultiWriter(out, sum), in)
	if err := errors.Join(out.err, f.Close()); err != nil {
		return fmt.Errorf("unpack %.100q: %w", name, err)
	}
	if err != nil {
		return fmt.Errorf("%w: %.100q: %w", ErrDamaged, name, err)
	}
	u.sums[name] = File{Name: name, Size: n, SHA256: hex.EncodeToString(sum.Sum(nil))}
	return nil
}

// failing remembers that writing failed, as opposed to reading.
type failing struct {
	w   io.Writer
	err error
}

func (f *failing) Write(p []byte) (n int, err error) {
	n, f.err = f.w.Write(p)
	return n, f.err
}

// check reads the manifest and holds the files to it.
func (u *unpacking) check(in io.Reader) (m Manifest, err error) {
	text, err := io.ReadAll(io.LimitReader(in, maxManifest))
	if err != nil {
		return m, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("%w: its manifest cannot be read: %w", ErrDamaged, err)
	}
	if m.Format > Format {
		return m, fmt.Errorf("%w, %.40q: restore it with that one", ErrNewer, m.Program)
	}
	if m.Format < 1 {
		return m, fmt.Errorf("%w: its manifest does not say what it is", ErrDamaged)
	}
	rest := maps.Clone(u.sums)
	for _, want := range m.Files {
		got, ok := rest[want.Name]
		switch {
		case !ok:
			return m, fmt.Errorf("%w: %.100q is missing", ErrDamaged, want.Name)
		case got != want:
			return m, fmt.Errorf("%w: %.100q is not what was written", ErrDamaged, want.Name)
		}
		delete(rest, want.Name)
	}
	if len(rest) > 0 {
		return m, fmt.Errorf("%w: %.100q does not belong into it", ErrDamaged, slices.Sorted(maps.Keys(rest))[0])
	}
	return m, nil
}
