package ingest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/tahoe"
)

func TestGraphThatFailsIsTriedAgain(t *testing.T) {
	down := 2
	g := &memory{down: func() error {
		if down--; down >= 0 {
			return errors.New("no connection")
		}
		return nil
	}}
	s := service(t, openBus(t, t.TempDir()), g)
	run(t, s)
	if st := finish(t, s, accept(t, s, "cowrie", logins(20)).ID); st.Mapped != 20 || st.Dead != 0 {
		t.Errorf("got %+v", st)
	}
}

func TestRecordThatTheGraphRefusesHoldsUpNoOther(t *testing.T) {
	g := &memory{refuse: "7"}
	s := service(t, openBus(t, t.TempDir()), g)
	run(t, s)
	st := finish(t, s, accept(t, s, "cowrie", logins(20)).ID)
	if st.Mapped != 19 || st.Dead != 1 || len(g.raws) != 19 || st.ProblemTotal != 1 || st.Problems[0].Line != 8 {
		t.Errorf("got %+v and %d raws", st, len(g.raws))
	}
	if n, err := s.Dead(t.Context()); n != 1 || err != nil {
		t.Errorf("got %d, %v dead, want 1", n, err)
	}
}

// hanging is a graph that takes its time for ever, and says when it is asked.
type hanging struct{}

func (hanging) Write(ctx context.Context, _ []tahoe.Record) (int, error) {
	fmt.Println("writing")
	<-ctx.Done()
	return 0, ctx.Err()
}

// TestCrashesAreNoRefusals kills the process that works on a chunk again and again. When the graph then refuses a good record once or
// twice, that record still has its chance: what a process that died might have said does not count.
func TestCrashesAreNoRefusals(t *testing.T) {
	const env = "INGEST_TEST_HANG"
	if spec := os.Getenv(env); spec != "" {
		dir, keyDir, _ := strings.Cut(spec, " ")
		c := ingest.Config{Bus: openBus(t, dir), Graph: hanging{}, Keys: loadKeys(t, keyDir), Silence: 300 * time.Millisecond}
		t.Fatal(open(t, c).Run(context.Background()))
	}
	dir, keyDir := t.TempDir(), t.TempDir()
	c := ingest.Config{Bus: openBus(t, dir), Keys: loadKeys(t, keyDir), Logger: logger(t), Silence: 300 * time.Millisecond}
	id := accept(t, open(t, c), "cowrie", logins(20)).ID
	if err := c.Bus.Close(); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		dieAtWork(t, env+"="+dir+" "+keyDir)
	}
	var mu sync.Mutex
	refusals := 2
	c.Bus = openBus(t, dir)
	c.Graph = &memory{down: func() error {
		mu.Lock()
		defer mu.Unlock()
		if refusals--; refusals >= 0 {
			return refused{7}
		}
		return nil
	}}
	s := open(t, c)
	run(t, s)
	if st := finish(t, s, id); st.Mapped != 20 || st.Dead != 0 {
		t.Errorf("got %+v", st)
	}
	if list := letters(t, s); len(list) != 0 {
		t.Errorf("given up: %+v", list)
	}
}

// dieAtWork runs the test in a process of its own, and kills it while it writes.
func dieAtWork(t *testing.T, env string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), env)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "writing" {
		continue
	}
	if lines.Text() != "writing" {
		t.Error("the child ended before it wrote")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
}

func TestChunkThatCannotBeOpenedIsADeadLetter(t *testing.T) {
	b, g := openBus(t, t.TempDir()), &memory{}
	lost := accept(t, service(t, b, g), "cowrie", logins(20))
	other, err := ingest.LoadOrCreateKeys(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s, err := ingest.New(t.Context(), ingest.Config{Bus: b, Graph: g, Keys: other, Logger: logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	run(t, s)
	good := accept(t, s, "cowrie", logins(5))
	if st := finish(t, s, lost.ID); st.Dead != 20 || st.Mapped != 0 || st.ProblemTotal != 1 {
		t.Errorf("got %+v", st)
	}
	if st := finish(t, s, good.ID); st.Mapped != 5 {
		t.Errorf("the next: got %+v", st)
	}
	until(t, "kept as a dead letter", func() bool { n, err := s.Dead(t.Context()); return err == nil && n == 1 })
}
