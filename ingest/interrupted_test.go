package ingest_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cybexp/cybexp/ingest"
)

// TestUploadCutOffByTheServersDeath kills a process while it accepts, and sends the upload again.
func TestUploadCutOffByTheServersDeath(t *testing.T) {
	const env = "INGEST_TEST_ACCEPT"
	u := ingest.Upload{ID: "cut", Typetag: "cowrie", Org: org}
	if spec := os.Getenv(env); spec != "" {
		dir, keyDir, _ := strings.Cut(spec, " ")
		s := open(t, ingest.Config{Bus: openBus(t, dir), Keys: loadKeys(t, keyDir)})
		_, err := s.Accept(context.Background(), u, &generator{n: 900_000, end: func() {}})
		t.Fatal(err)
	}
	dir, keyDir := t.TempDir(), t.TempDir()
	k := loadKeys(t, keyDir)
	cmd := exec.Command(os.Args[0], "-test.run=^TestUploadCutOffByTheServersDeath$")
	cmd.Env = append(os.Environ(), env+"="+dir+" "+keyDir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "child has written much", func() bool { return folderSize(t, dir) > 1<<20 })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()

	g := &memory{}
	s := open(t, ingest.Config{Bus: openBus(t, dir), Graph: g, Keys: k, Logger: logger(t), Silence: 200 * time.Millisecond})
	var before ingest.Status
	until(t, "it is told", func() bool {
		var err error
		if before, err = s.Upload(t.Context(), u.ID); err != nil {
			t.Fatal(err)
		}
		return before.State == ingest.Interrupted
	})
	if before.Received < 1000 || before.Done || before.Failed == "" || before.Pending == 0 {
		t.Errorf("before it is worked on: got %+v", before)
	}
	run(t, s)
	after := finish(t, s, u.ID)
	if after.State != ingest.Interrupted || after.Mapped != before.Received || after.Received != before.Received {
		t.Errorf("got %+v, want the %d records that are safe", after, before.Received)
	}
	receipt, err := s.Accept(t.Context(), u, strings.NewReader(logins(after.Received+100)))
	if err != nil || receipt.Records != after.Received+100 {
		t.Fatalf("sent again: got %+v, %v", receipt, err)
	}
	if st := finish(t, s, u.ID); st.State != ingest.Finished || st.Failed != "" || st.Mapped != receipt.Records {
		t.Errorf("sent again: got %+v", st)
	}
}

func folderSize(tb testing.TB, dir string) (size int64) {
	tb.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // the child moves files about
		}
		if info, err := d.Info(); err == nil {
			size += info.Size()
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return size
}

// TestWhoSendsAgainTakesOver has two senders of one upload, the first of which hangs.
func TestWhoSendsAgainTakesOver(t *testing.T) {
	s := open(t, ingest.Config{Bus: openBus(t, t.TempDir()), Graph: &memory{}, Keys: sharedKeys(t), Logger: logger(t), Silence: 90 * time.Millisecond})
	run(t, s)
	u := ingest.Upload{ID: "twice", Typetag: "cowrie", Org: org}
	r, w := io.Pipe()
	first := make(chan error, 1)
	go func() {
		_, err := s.Accept(context.Background(), u, r)
		first <- err
	}()
	if _, err := w.Write([]byte(login(1) + "\n")); err != nil {
		t.Fatal(err)
	}
	until(t, "the first lives", func() bool { st, err := s.Upload(t.Context(), u.ID); return err == nil && st.State == ingest.Receiving })
	if _, err := s.Accept(t.Context(), u, strings.NewReader(logins(5))); err != nil {
		t.Fatal(err)
	}
	go func() { // it is read on until it is told
		for i := 0; ; i++ {
			if _, err := w.Write([]byte(login(i) + "\n")); err != nil {
				return
			}
		}
	}()
	err := <-first
	_ = r.Close()
	if !errors.Is(err, ingest.ErrTaken) {
		t.Errorf("the first: got %v, want ErrTaken", err)
	}
	if st := finish(t, s, u.ID); st.Mapped != 5 || st.State != ingest.Finished {
		t.Errorf("got %+v", st)
	}
}

func TestFullLakeHoldsBack(t *testing.T) {
	b := openBus(t, t.TempDir())
	s := open(t, ingest.Config{Bus: b, Graph: &memory{}, Keys: sharedKeys(t), Logger: logger(t), Backlog: 200 << 10})
	u := ingest.Upload{ID: "large", Typetag: "cowrie", Org: org}
	all, half := logins(20_000), len(logins(10_000))
	gate := make(gate)
	done := make(chan error, 1)
	go func() {
		_, err := s.Accept(context.Background(), u, io.MultiReader(strings.NewReader(all[:half]), gate, strings.NewReader(all[half:])))
		done <- err
	}()
	until(t, "the lake is full", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // one that has begun would wait too
		defer cancel()
		_, err := s.Accept(ctx, ingest.Upload{Typetag: "cowrie", Org: org}, strings.NewReader("x"))
		return errors.Is(err, ingest.ErrBusy)
	})
	full := time.Now()
	until(t, "it looks for room again", func() bool { return time.Since(full) > 300*time.Millisecond })
	close(gate)
	select {
	case err := <-done:
		t.Fatalf("it went on: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	run(t, s)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if st := finish(t, s, u.ID); st.Mapped != 20_000 {
		t.Errorf("got %+v", st)
	}
}

// gate is a reader that ends when it is closed, and gives nothing.
type gate chan struct{}

func (g gate) Read([]byte) (int, error) {
	<-g
	return 0, io.EOF
}

// TestLakeTakesSoMuch fills lakes to the limit, which they take, and with one more chunk beyond it.
func TestLakeTakesSoMuch(t *testing.T) {
	const atLeast = 16 << 10
	long := func() string { return strings.TrimSuffix(login(1), "}") + `,"padding":"` + randomText(300<<10) + `"}` }
	for name, c := range map[string]struct {
		backlog uint64
		record  func() string
		chunks  uint64 // in a lake that takes no more
		says    string
	}{
		"small chunks":          {4 * atLeast, func() string { return login(1) }, 5, "5 chunks are waiting"},
		"small chunks, and one": {4*atLeast - 1, func() string { return login(1) }, 4, "4 chunks are waiting"},
		"long chunks":           {1 << 20, long, 4, "1 MiB are waiting"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, ingest.Config{Bus: openBus(t, t.TempDir()), Graph: &memory{}, Keys: sharedKeys(t), Logger: logger(t), Backlog: c.backlog})
			var last ingest.Receipt
			for range c.chunks {
				last = accept(t, s, "cowrie", c.record())
			}
			more := ingest.Upload{Typetag: "cowrie", Org: org}
			if _, err := s.Accept(t.Context(), more, strings.NewReader("x")); !errors.Is(err, ingest.ErrBusy) || !strings.HasSuffix(err.Error(), c.says) {
				t.Errorf("got %v, want ErrBusy: %s", err, c.says)
			}
			if n, err := s.Backlog(t.Context()); n != c.chunks || err != nil {
				t.Errorf("the lake has %d chunks, %v, want %d", n, err, c.chunks)
			}
			run(t, s)
			finish(t, s, last.ID)
			until(t, "the lake is empty", func() bool { n, err := s.Backlog(t.Context()); return n == 0 && err == nil })
			accept(t, s, "cowrie", c.record())
		})
	}
}

// randomText is so many letters and digits that cannot be packed to less.
func randomText(n int) string {
	raw := make([]byte, n/4*3)
	_, _ = rand.Read(raw)
	return base64.StdEncoding.EncodeToString(raw)
}

func TestLimitsOfAgeAndDisk(t *testing.T) {
	b := openBus(t, t.TempDir())
	accept(t, open(t, ingest.Config{Bus: b, Keys: sharedKeys(t)}), "cowrie", login(1))
	for name, c := range map[string]ingest.Config{
		"age":  {BacklogAge: time.Nanosecond},
		"disk": {MinFree: 1 << 62},
	} {
		c.Bus, c.Keys = b, sharedKeys(t)
		_, err := open(t, c).Accept(t.Context(), ingest.Upload{Typetag: "cowrie", Org: org}, strings.NewReader("x"))
		if !errors.Is(err, ingest.ErrBusy) {
			t.Errorf("%s: got %v, want ErrBusy", name, err)
		}
	}
}

func TestReasonsAreGrouped(t *testing.T) {
	s := service(t, openBus(t, t.TempDir()), &memory{})
	run(t, s)
	var text strings.Builder
	for i := range 900 {
		switch {
		case i%3 == 0:
			text.WriteString("bad\n")
		case i%100 == 1:
			text.WriteString(strings.Replace(login(i), `"timestamp":"2024`, `"timestamp":"x`, 1) + "\n")
		default:
			text.WriteString(login(i) + "\n")
		}
	}
	st := finish(t, s, accept(t, s, "cowrie", text.String()).ID)
	if st.Invalid != 300 || st.Parts != 12 || st.ProblemTotal != 312 || len(st.Reasons) != 3 {
		t.Fatalf("got %+v", st.Reasons)
	}
	r := st.Reasons[0]
	if !r.Record || r.Count != 300 || len(r.Lines) != 5 || r.Lines[0] != 1 || r.Lines[4] != 13 {
		t.Errorf("got %+v", r)
	}
	if r = st.Reasons[1]; r.Record || r.Count != 6 || r.Field != "timestamp" || strings.Contains(r.Message, "2024") || len(r.Lines) != 5 {
		t.Errorf("got %+v", r)
	}
}

func TestManyReasonsAreBounded(t *testing.T) {
	s := service(t, openBus(t, t.TempDir()), &memory{})
	run(t, s)
	var text strings.Builder
	for range 20 {
		for _, c := range "abcdefghijklmnopqrstuvwxyz" {
			for _, d := range "abcdefghij" {
				text.WriteString(`{"eventid":"cowrie.` + string(c) + string(d) + `","timestamp":"2024-01-01T00:00:00Z","session":"s","src_ip":"192.0.2.1","bad` + string(c) + string(d) + "\":{}}\n")
			}
		}
	}
	st := finish(t, s, accept(t, s, "sighting", text.String()).ID)
	sum := 0
	for _, r := range st.Reasons {
		sum += r.Count
	}
	if len(st.Reasons) > 51 || sum != st.ProblemTotal || len(st.Problems) > 100 {
		t.Errorf("got %d reasons of %d problems, %d in all, and %d problems", len(st.Reasons), sum, st.ProblemTotal, len(st.Problems))
	}
}
