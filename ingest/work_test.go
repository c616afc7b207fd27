package ingest_test

import (
	"errors"
	"testing"

	"github.com/cybexp/cybexp/ingest"
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
