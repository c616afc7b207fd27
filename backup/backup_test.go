package backup_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/backup"
)

// contents are the files of the backup that tests make.
var contents = map[string]string{"bus/lake/stream.tar": strings.Repeat("sealed ", 1000), "bus/lake/meta": "{}", "keys/priv.pem": "secret", "empty": ""}

// made writes a backup of contents.
func made(tb testing.TB) []byte {
	tb.Helper()
	dir := tb.TempDir()
	for name, text := range contents {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
			tb.Fatal(err)
		}
	}
	var out bytes.Buffer
	w := backup.NewWriter(&out, backup.Manifest{Program: "v1", Schema: 2, Made: time.Unix(1e9, 0).UTC()})
	err := errors.Join(w.AddFolder("bus/lake", filepath.Join(dir, "bus", "lake")), w.AddFolder("keys", filepath.Join(dir, "keys")),
		w.AddFile("empty", filepath.Join(dir, "empty")), w.Close())
	if err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func TestUnpackGivesWhatWasAdded(t *testing.T) {
	dir := t.TempDir()
	m, err := backup.Unpack(bytes.NewReader(made(t)), dir)
	if err != nil {
		t.Fatal(err)
	}
	if m.Program != "v1" || m.Schema != 2 || m.Format != backup.Format || len(m.Files) != len(contents) {
		t.Errorf("manifest %+v", m)
	}
	got := map[string]string{}
	for _, f := range m.Files {
		file := filepath.Join(dir, f.Name)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got[f.Name] = string(text)
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", file, info.Mode(), err)
		}
	}
	if diff := cmp.Diff(contents, got); diff != "" {
		t.Error(diff)
	}
}

// TestUnpackRefusesADamagedBackup cuts a backup everywhere, and turns each of its bytes that matter.
func TestUnpackRefusesADamagedBackup(t *testing.T) {
	whole := made(t)
	end := bytes.LastIndex(whole, []byte("}")) + 1 // of the manifest; zeros follow
	for n := 0; n < end; n += 97 {
		if _, err := backup.Unpack(bytes.NewReader(whole[:n]), t.TempDir()); !errors.Is(err, backup.ErrDamaged) {
			t.Fatalf("cut to %d of %d bytes: %v", n, end, err)
		}
	}
	for name, text := range contents {
		at := bytes.Index(whole, []byte(text))
		if text == "" || at < 0 {
			continue
		}
		hurt := bytes.Clone(whole)
		hurt[at+len(text)-1] ^= 1
		if _, err := backup.Unpack(bytes.NewReader(hurt), t.TempDir()); !errors.Is(err, backup.ErrDamaged) || !strings.Contains(err.Error(), name) {
			t.Errorf("a byte of %s is another: %v", name, err)
		}
	}
}

func TestUnpackRefusesWhatItCannotRead(t *testing.T) {
	for name, c := range map[string]struct {
		files []tar.Header
		m     backup.Manifest
		want  error
	}{
		"a later format":        {m: backup.Manifest{Format: backup.Format + 1}, want: backup.ErrNewer},
		"no format":             {m: backup.Manifest{}, want: backup.ErrDamaged},
		"a file too many":       {files: []tar.Header{{Name: "a", Typeflag: tar.TypeReg}}, m: backup.Manifest{Format: 1}, want: backup.ErrDamaged},
		"a file too few":        {m: backup.Manifest{Format: 1, Files: []backup.File{{Name: "a"}}}, want: backup.ErrDamaged},
		"a file twice":          {files: []tar.Header{{Name: "a", Typeflag: tar.TypeReg}, {Name: "a", Typeflag: tar.TypeReg}}, want: backup.ErrDamaged},
		"a file outside":        {files: []tar.Header{{Name: "../a", Typeflag: tar.TypeReg}}, want: backup.ErrDamaged},
		"an absolute name":      {files: []tar.Header{{Name: "/a", Typeflag: tar.TypeReg}}, want: backup.ErrDamaged},
		"a link":                {files: []tar.Header{{Name: "a", Linkname: "/etc", Typeflag: tar.TypeSymlink}}, want: backup.ErrDamaged},
		"a folder":              {files: []tar.Header{{Name: "a/", Typeflag: tar.TypeDir}}, want: backup.ErrDamaged},
		"a name of two folders": {files: []tar.Header{{Name: "a/../../b", Typeflag: tar.TypeReg}}, want: backup.ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			w := tar.NewWriter(&out)
			text, err := json.Marshal(c.m)
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range append(c.files, tar.Header{Name: backup.ManifestName, Typeflag: tar.TypeReg, Size: int64(len(text))}) {
				if err := w.WriteHeader(&h); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := w.Write(text); err != nil {
				t.Fatal(err)
			}
			outside := t.TempDir()
			dir := filepath.Join(outside, "in")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if _, err := backup.Unpack(&out, dir); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if list, err := os.ReadDir(outside); err != nil || len(list) != 1 {
				t.Errorf("outside: %v %v", list, err)
			}
		})
	}
}

// FuzzUnpack holds that nothing makes Unpack panic, or write outside its folder.
func FuzzUnpack(f *testing.F) {
	f.Add(made(f))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, text []byte) {
		outside := t.TempDir()
		dir := filepath.Join(outside, "in")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		_, _ = backup.Unpack(io.LimitReader(bytes.NewReader(text), 1<<20), dir)
		if list, err := os.ReadDir(outside); err != nil || len(list) != 1 {
			t.Fatalf("outside: %v %v", list, err)
		}
	})
}
