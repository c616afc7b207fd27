package bus_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/cybexp/cybexp/bus"
)

func TestListGivesHeadersOnly(t *testing.T) {
	s := frames(t, open(t, t.TempDir()))
	if got, err := s.List(t.Context(), "f.>", 0, 10); err != nil || len(got) != 0 {
		t.Errorf("empty: got %v, %v", got, err)
	}
	var newest uint64
	for i := range 5 {
		var err error
		if newest, err = s.Publish(t.Context(), fmt.Sprint("f.", i%2), map[string]string{"N": fmt.Sprint(i)}, make([]byte, 100+i)); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		subject string
		after   uint64
		n       int
		want    string
	}{
		"all":               {"f.>", 0, 10, "0:100 1:101 2:102 3:103 4:104 "},
		"two":               {"f.>", 0, 2, "0:100 1:101 "},
		"of a subject":      {"f.1", 0, 10, "1:101 3:103 "},
		"after the third":   {"f.>", newest - 2, 10, "3:103 4:104 "},
		"after the newest":  {"f.>", newest, 10, ""},
		"of nobody":         {"f.9", 0, 10, ""},
		"none is asked for": {"f.>", 0, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			list, err := s.List(t.Context(), c.subject, c.after, c.n)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, m := range list {
				got += m.Header["N"] + ":" + m.Header[bus.HeaderSize] + " "
				if len(m.Data) > 0 {
					t.Errorf("%d bytes of data came along", len(m.Data))
				}
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestMessagesAreGotAndDeleted(t *testing.T) {
	s := stream(t, open(t, t.TempDir()), bus.StreamConfig{Name: "g", Subjects: []string{"g.>"}, Latest: true})
	var last uint64
	for i := range 3 {
		var err error
		if last, err = s.Publish(t.Context(), "g.a", nil, []byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if m, err := s.Newest(t.Context(), "g.a"); err != nil || m.Sequence != last || m.Data[0] != 2 {
		t.Errorf("newest: got %+v, %v", m, err)
	}
	if got, err := s.Subjects(t.Context(), "g.*"); err != nil || got["g.a"] != 1 {
		t.Errorf("got %v, %v, want the latest message only", got, err)
	}
	if m, err := s.Get(t.Context(), last); err != nil || m.Subject != "g.a" || m.Time.IsZero() {
		t.Errorf("got %+v, %v", m, err)
	}
	if st, err := s.State(t.Context()); err != nil || st.Oldest.IsZero() {
		t.Errorf("got %+v, %v, want the time of the oldest", st, err)
	}
	for range 2 {
		if err := s.Delete(t.Context(), last); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
	if _, err := s.Get(t.Context(), last); !errors.Is(err, bus.ErrNotFound) {
		t.Errorf("deleted: got %v", err)
	}
	if _, err := s.Newest(t.Context(), "g.a"); !errors.Is(err, bus.ErrNotFound) {
		t.Errorf("newest of none: got %v", err)
	}
}

func TestFreeSpaceIsKnownOfTheOwnDisk(t *testing.T) {
	if free, known, err := open(t, t.TempDir()).Free(); err != nil || known != (free > 0) {
		t.Errorf("got %d, %v, %v", free, known, err)
	}
}
