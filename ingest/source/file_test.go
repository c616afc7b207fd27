package source_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cybexp/cybexp/ingest/source"
)

// logFile is a file that something else writes.
type logFile struct {
	t *testing.T
	f *os.File
}

func writer(t *testing.T, path string) *logFile {
	t.Helper()
	f := must(os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600))(t)
	t.Cleanup(func() { _ = f.Close() })
	return &logFile{t, f}
}

func (l *logFile) write(text string) {
	l.t.Helper()
	_ = must(l.f.WriteString(text))(l.t)
}

// files is a rig with a folder that sources may read.
func files(t *testing.T) (*rig, string, func(...func(*source.Config)) *source.Service) {
	t.Helper()
	r, dir := newRig(t), t.TempDir()
	return r, dir, func(tune ...func(*source.Config)) *source.Service {
		return r.service(append(tune, func(c *source.Config) { c.Files = dir })...)
	}
}

func tailOf(path string) source.Source {
	return source.Source{Kind: source.File, Settings: source.Settings{Path: path}}
}

func TestTailTakesWholeLines(t *testing.T) {
	r, dir, service := files(t)
	log := writer(t, filepath.Join(dir, "a.log"))
	log.write("one\ntw")
	s := service()
	src := r.add(s, tailOf("a.log"), "")
	stop := r.start(s.Run)
	r.await("one")
	log.write("o\nthree\n")
	r.await("one", "two", "three")
	r.took(s, src, 3)
	stop()
	log.write("four\n")
	r.start(service().Run)
	r.await("one", "two", "three", "four")
	r.took(s, src, 4)
}

// TestTailFollowsRotation moves the file away in the middle of a line, which its writer ends afterwards.
func TestTailFollowsRotation(t *testing.T) {
	r, dir, service := files(t)
	path := filepath.Join(dir, "a.log")
	old := writer(t, path)
	old.write("one\ntw")
	s := service(func(c *source.Config) { c.Rotation = 5 * time.Second })
	src := r.add(s, tailOf("a.log"), "")
	r.start(s.Run)
	r.await("one")
	check(t, os.Rename(path, path+".1"))
	next := writer(t, path)
	next.write("four\n")
	r.await("one", "four")
	old.write("o\nthree, not ended")
	r.await("one", "two", "three, not ended", "four")
	next.write("five\n")
	r.await("one", "two", "three, not ended", "four", "five")
	r.took(s, src, 5)
}

// TestTailFollowsRotationThatNobodySaw moves files while no process runs.
func TestTailFollowsRotationThatNobodySaw(t *testing.T) {
	r, dir, service := files(t)
	path := filepath.Join(dir, "a.log")
	old := writer(t, path)
	old.write("one\n")
	s := service()
	src := r.add(s, tailOf("a.log"), "")
	stop := r.start(s.Run)
	r.await("one")
	r.took(s, src, 1)
	stop()
	old.write("two\n")
	check(t, os.Rename(path, path+".1"))
	writer(t, path).write("three\n")
	writer(t, path+".2").write("not ours\n")
	r.start(service().Run)
	r.await("one", "two", "three")
	r.took(s, src, 3)
}

// TestTailSeesThatAFileWasCut cuts files as copytruncate does: to nothing, and so that it is as long again at the next look.
func TestTailSeesThatAFileWasCut(t *testing.T) {
	for name, after := range map[string]string{"shorter": "two\n", "as long": "two two\n", "longer": "two two two\n"} {
		t.Run(name, func(t *testing.T) {
			r, dir, service := files(t)
			path := filepath.Join(dir, "a.log")
			log := writer(t, path)
			log.write("one one\nhalf a li")
			s := service()
			src := r.add(s, tailOf("a.log"), "")
			stop := r.start(s.Run)
			r.await("one one")
			r.took(s, src, 1)
			stop()
			check(t, os.Truncate(path, 0))
			log.write(after)
			stop = r.start(service().Run)
			r.await("one one", strings.TrimSpace(after))
			check(t, os.Truncate(path, 0)) // and under the eyes of a process that runs
			log.write("3\n")
			r.await("one one", strings.TrimSpace(after), "3")
			r.took(s, src, 3)
			stop()
		})
	}
}

func TestFolderIsWatched(t *testing.T) {
	r, dir, service := files(t)
	check(t, os.MkdirAll(filepath.Join(dir, "in", "below"), 0o700))
	outside := filepath.Join(t.TempDir(), "secret")
	writer(t, outside).write("secret\n")
	check(t, os.Symlink(outside, filepath.Join(dir, "in", "link")))
	check(t, os.Symlink("a", filepath.Join(dir, "in", "inside")))
	writer(t, filepath.Join(dir, "in", "a")).write("one\n")
	writer(t, filepath.Join(dir, "in", ".hidden")).write("hidden\n")
	writer(t, filepath.Join(dir, "in", "below", "b")).write("below\n")
	s := service()
	r.add(s, tailOf("in"), "")
	r.start(s.Run)
	r.await("one")
	writer(t, filepath.Join(dir, "in", "c")).write("two\n")
	r.await("one", "two")
}

func TestZeekLinesKeepTheirHeader(t *testing.T) {
	r, dir, service := files(t)
	log := writer(t, filepath.Join(dir, "dns.log"))
	log.write("#separator \\x09\n#path\tdns\n#fields\tts\tquery\n#types\ttime\tstring\n1.5\ta.example\n")
	s := service()
	src := tailOf("dns.log")
	src.Typetag = "zeek"
	r.add(s, src, "")
	r.start(s.Run)
	want := func(n int, query string) string { return fmt.Sprintf(`{"_path":"dns","query":%q,"ts":%d.5}`, query, n) }
	r.await(want(1, "a.example"))
	log.write("2.5\tb.example\n")
	r.await(want(1, "a.example"), want(2, "b.example"))
}

// TestWholeFilesAreSentWhenTheyRest sends a file in one piece, and again when it has changed; one that is broken harms no other.
func TestWholeFilesAreSentWhenTheyRest(t *testing.T) {
	r, dir, service := files(t)
	writer(t, filepath.Join(dir, "a.csv")).write("date,domain\n2024-01-01,a.example\n")
	check(t, os.WriteFile(filepath.Join(dir, "b.csv.gz"), zip(t, "domain\nb.example\n")[:20], 0o600))
	s := service()
	src := source.Source{Kind: source.File, Typetag: "csv", Settings: source.Settings{Path: "*.csv*", Mode: "whole"}}
	src = r.add(s, src, "")
	stop := r.start(s.Run)
	a := `{"date":"2024-01-01","domain":"a.example"}`
	r.await(a)
	r.took(s, src, 1)
	eventually(t, "a note of what is broken", func() bool { return strings.Contains(r.status(s, src).Note, "b.csv.gz") })
	stop()
	check(t, os.WriteFile(filepath.Join(dir, "b.csv.gz"), zip(t, "domain\nb.example\n"), 0o600))
	r.start(service().Run)
	r.await(a, `{"domain":"b.example"}`)
	r.took(s, src, 2)
}

func TestFilesNeedLeave(t *testing.T) {
	r := newRig(t)
	s := r.service()
	src := r.add(s, tailOf("a.log"), "")
	r.start(s.Run)
	eventually(t, "the reason", func() bool { return strings.Contains(r.status(s, src).Error, "--sources-files") })
}
