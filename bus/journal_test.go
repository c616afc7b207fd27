package bus_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cybexp/cybexp/bus"
)

func journal(t *testing.T, b *bus.Bus) *bus.Journal {
	t.Helper()
	j, err := b.Journal(t.Context(), "deeds", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// mustAppend adds a record after the newest.
func mustAppend(t *testing.T, j *bus.Journal, topic string, after uint64, record string) {
	t.Helper()
	if ok, err := j.Append(t.Context(), topic, after, []byte(record)); err != nil || !ok {
		t.Fatalf("append after %d: got %v, %v", after, ok, err)
	}
}

func TestAJournalIsReadByTopic(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	j := journal(t, b)
	if n, record, err := j.Last(t.Context()); n != 0 || record != nil || err != nil {
		t.Errorf("empty: got %d %q, %v", n, record, err)
	}
	for i, topic := range []string{"a", "a.b", "b", "a"} {
		mustAppend(t, j, topic, uint64(i), fmt.Sprint(i))
	}
	j = journal(t, b) // opened again it is the same
	middle := time.Now()
	mustAppend(t, j, "a.b", 4, "4")
	topics, err := j.Topics(t.Context())
	if slices.Sort(topics); err != nil || !slices.Equal(topics, []string{"a", "a.b", "b"}) {
		t.Errorf("topics: got %q, %v", topics, err)
	}
	for name, c := range map[string]struct {
		topics []string
		after  uint64
		since  time.Time
		n      int
		want   string
	}{
		"all":               {n: 10, want: "01234"},
		"two topics":        {topics: []string{"a", "b"}, n: 10, want: "023"},
		"after a number":    {topics: []string{"a", "a.b"}, after: 2, n: 10, want: "34"},
		"the first two":     {topics: []string{"a", "a.b"}, n: 2, want: "01"},
		"from a time on":    {since: middle, n: 10, want: "4"},
		"of nobody":         {topics: []string{"c"}, n: 10},
		"after the newest":  {after: 5, n: 10},
		"after a long time": {since: middle.Add(time.Hour), n: 10},
	} {
		t.Run(name, func(t *testing.T) {
			records, err := j.Range(t.Context(), c.topics, c.after, c.since, c.n)
			got := make([]string, len(records))
			for i, r := range records {
				got[i] = string(r)
			}
			if all := strings.Join(got, ""); err != nil || all != c.want {
				t.Errorf("got %q, %v, want %q", all, err, c.want)
			}
		})
	}
	if n, record, err := j.Last(t.Context()); n != 5 || string(record) != "4" || err != nil {
		t.Errorf("the newest: got %d %q, %v", n, record, err)
	}
}

func TestAJournalOnlyGrows(t *testing.T) {
	b := open(t, t.TempDir())
	j := journal(t, b)
	mustAppend(t, j, "a", 0, "first")
	for _, after := range []uint64{0, 2} {
		if ok, err := j.Append(t.Context(), "a", after, []byte("other")); ok || err != nil {
			t.Errorf("after %d: got %v, %v", after, ok, err)
		}
	}
	s, err := b.Stream(t.Context(), bus.StreamConfig{Name: "deeds", Subjects: []string{"deeds.>"}, MaxAge: time.Hour})
	if err == nil { // whoever opens it as any stream
		err = s.Delete(t.Context(), 1)
	}
	if err == nil {
		t.Error("a record was deleted")
	}
	if s != nil && s.Purge(t.Context(), "deeds.>") == nil {
		t.Error("the journal was emptied")
	}
	if records, err := j.Range(t.Context(), nil, 0, time.Time{}, 10); err != nil || len(records) != 1 || string(records[0]) != "first" {
		t.Errorf("got %q, %v", records, err)
	}
}
