package ingest_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/ingest/envelope"
	"github.com/cybexp/cybexp/tahoe"
)

func letters(tb testing.TB, s *ingest.Service, orgs ...tahoe.Hash) []ingest.Letter {
	tb.Helper()
	list, err := s.Letters(tb.Context(), orgs, 0, 100)
	if err != nil {
		tb.Fatal(err)
	}
	return list
}

func TestRecordComesBackFromTheDead(t *testing.T) {
	g := &memory{refuse: "7"}
	s := service(t, openBus(t, t.TempDir()), g)
	run(t, s)
	id := accept(t, s, "cowrie", logins(20)).ID
	finish(t, s, id)
	list := letters(t, s)
	if len(list) != 1 || list[0].Line != 8 || list[0].Upload != id || list[0].Org != org || list[0].Records != 1 ||
		!strings.Contains(list[0].Reason, "cannot be stored") || list[0].Bytes == 0 {
		t.Fatalf("got %+v", list)
	}
	records, err := s.LetterRecords(t.Context(), list[0].ID)
	if err != nil || !slices.Equal(records, []ingest.LetterRecord{{Line: 8, Text: login(7)}}) {
		t.Errorf("got %v, %v", records, err)
	}
	// The graph refuses it still, and then no more.
	if err := s.Retry(t.Context(), list[0].ID); err != nil {
		t.Fatal(err)
	}
	st := finish(t, s, id)
	if st.Dead != 1 || st.Mapped != 19 || st.ProblemTotal != 1 || len(st.Reasons) != 1 || st.Reasons[0].Count != 1 {
		t.Errorf("refused again: got %+v", st)
	}
	again := letters(t, s)
	if len(again) != 1 || again[0].ID == list[0].ID {
		t.Fatalf("refused again: got %+v", again)
	}
	g.mu.Lock()
	g.refuse = "none"
	g.mu.Unlock()
	if err := s.Retry(t.Context(), again[0].ID); err != nil {
		t.Fatal(err)
	}
	st = finish(t, s, id)
	if st.Dead != 0 || st.Mapped != 20 || st.Events != 20 || st.ProblemTotal != 0 || len(st.Reasons) != 0 || len(st.Problems) != 0 {
		t.Errorf("got %+v", st)
	}
	if left := letters(t, s); len(left) != 0 {
		t.Errorf("left: %+v", left)
	}
}

// TestRecordsOfOneLineDieApart has several records on one line, two of which the graph refuses.
func TestRecordsOfOneLineDieApart(t *testing.T) {
	g := &memory{refuse: "7"}
	s := service(t, openBus(t, t.TempDir()), g)
	run(t, s)
	other := strings.Replace(login(7), `"username":"root"`, `"username":"ada"`, 1)
	id := accept(t, s, "cowrie", "["+login(7)+","+login(8)+","+other+"]").ID
	if st := finish(t, s, id); st.Dead != 2 || st.Mapped != 1 || st.ProblemTotal != 2 {
		t.Errorf("got %+v", st)
	}
	list := letters(t, s)
	if len(list) != 2 {
		t.Fatalf("got %+v, want a letter for each", list)
	}
	g.mu.Lock()
	g.refuse = "none"
	g.mu.Unlock()
	if err := s.Retry(t.Context(), list[1].ID); err != nil {
		t.Fatal(err)
	}
	if st := finish(t, s, id); st.Dead != 1 || st.Mapped != 2 || st.ProblemTotal != 1 {
		t.Errorf("one is back: got %+v", st)
	}
}

func TestChunkComesBackWhenItsKeyIsThere(t *testing.T) {
	b, g, dir := openBus(t, t.TempDir()), &memory{}, t.TempDir()
	id := accept(t, service(t, b, g), "cowrie", logins(700)).ID
	s := open(t, ingest.Config{Bus: b, Graph: g, Keys: loadKeys(t, dir), Logger: logger(t)})
	run(t, s)
	if st := finish(t, s, id); st.Dead != 700 {
		t.Fatalf("got %+v", st)
	}
	list := letters(t, s, org)
	if len(list) < 3 || list[0].Line != 0 || list[0].Typetag != "cowrie" {
		t.Fatalf("got %+v", list)
	}
	if _, err := s.LetterRecords(t.Context(), list[0].ID); !errors.Is(err, envelope.ErrSealed) {
		t.Errorf("got %v, want ErrSealed", err)
	}
	if err := s.Discard(t.Context(), list[len(list)-1].ID); err != nil {
		t.Fatal(err)
	}
	k, err := keys()
	if err != nil {
		t.Fatal(err)
	}
	healed := open(t, ingest.Config{Bus: b, Graph: g, Keys: k, Logger: logger(t)})
	lost := list[len(list)-1].Records
	for _, l := range list[:len(list)-1] {
		records, err := healed.LetterRecords(t.Context(), l.ID)
		if err != nil || len(records) != l.Records {
			t.Errorf("got %d records, %v, want %d", len(records), err, l.Records)
		}
	}
	run(t, healed) // beside the one without the key: whoever gets it, a retry ends
	until(t, "all but the deleted chunk are mapped", func() bool {
		for _, l := range letters(t, s) {
			if err := s.Retry(t.Context(), l.ID); err != nil && !errors.Is(err, ingest.ErrNotFound) {
				t.Fatal(err)
			}
		}
		st, err := s.Upload(t.Context(), id)
		return err == nil && st.Done && st.Mapped == 700-lost && st.Dead == lost
	})
}

func TestLettersAreOfTheirOrganisation(t *testing.T) {
	s := service(t, openBus(t, t.TempDir()), &memory{refuse: "7"})
	run(t, s)
	finish(t, s, accept(t, s, "cowrie", logins(20)).ID)
	if list := letters(t, s, tahoe.OrgHash("another")); len(list) != 0 {
		t.Errorf("another's: got %+v", list)
	}
	if list := letters(t, s, tahoe.OrgHash("another"), org); len(list) != 1 {
		t.Errorf("got %+v, want one", list)
	}
	if list, err := s.Letters(t.Context(), []tahoe.Hash{}, 0, 100); err != nil || len(list) != 0 {
		t.Errorf("of no organisation: got %+v, %v", list, err)
	}
	for _, err := range []error{s.Retry(t.Context(), 99), second(s.Letter(t.Context(), 99))} {
		if !errors.Is(err, ingest.ErrNotFound) {
			t.Errorf("unknown: got %v, want ErrNotFound", err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestOldDeadLettersAreForgotten deletes those of before a time between two.
func TestOldDeadLettersAreForgotten(t *testing.T) {
	g := &memory{refuse: "7"}
	s := service(t, openBus(t, t.TempDir()), g)
	run(t, s)
	ids := make([]string, 2)
	for i := range ids {
		ids[i] = accept(t, s, "cowrie", login(7)).ID
		finish(t, s, ids[i])
	}
	list := letters(t, s)
	if len(list) != 2 || !list[0].Time.Before(list[1].Time) {
		t.Fatalf("got %+v", list)
	}
	if n, err := s.ForgetDead(t.Context(), list[1].Time); n != 1 || err != nil {
		t.Errorf("forgot %d, %v", n, err)
	}
	if left := letters(t, s); len(left) != 1 || left[0].ID != list[1].ID {
		t.Errorf("left: %+v", left)
	}
	if st := finish(t, s, ids[0]); st.Dead != 1 {
		t.Errorf("the upload of one that is forgotten: %+v", st)
	}
	if n, err := s.ForgetDead(t.Context(), list[1].Time.Add(time.Second)); n != 1 || err != nil {
		t.Errorf("forgot %d, %v", n, err)
	}
}
