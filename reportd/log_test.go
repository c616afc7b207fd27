package reportd

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/bus"
)

func openLog(t *testing.T, maxBytes int64) frameLog {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	s, err := b.Stream(t.Context(), bus.StreamConfig{
		Name: "frames", Subjects: []string{frameSubject + "*"}, Storage: bus.Memory, MaxBytes: maxBytes,
	})
	if err != nil {
		t.Fatal(err)
	}
	return frameLog{stream: s, subject: frameSubject + "r"}
}

func (l frameLog) mustAppend(t *testing.T, f Frame, epoch uint64) {
	t.Helper()
	if _, err := l.append(t.Context(), f, epoch); err != nil {
		t.Fatal(err)
	}
}

func (l frameLog) mustBegin(t *testing.T) uint64 {
	t.Helper()
	epoch, err := l.begin(t.Context(), statusFrame("r", StatusProcessing, 0))
	if err != nil {
		t.Fatal(err)
	}
	return epoch
}

// numbers makes the rows from, from+1, … to.
func numbers(from, to int) Frame {
	var rows []json.RawMessage
	for i := from; i <= to; i++ {
		rows = append(rows, json.RawMessage(fmt.Sprint(i)))
	}
	return rowsFrame(uint64(from-1), rows)
}

// story reads a log up to its last frame, as text.
func (l frameLog) story(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for e, err := range l.read(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Type == TypeRows {
			rows, err := e.Rows()
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "%s ", rows)
			continue
		}
		fmt.Fprintf(&b, "%s ", e.Type)
		if e.Last() {
			break
		}
	}
	return strings.TrimSpace(b.String())
}

func TestReplacedWorkerWritesInVain(t *testing.T) {
	l := openLog(t, 0)
	l.mustAppend(t, statusFrame("r", StatusWait, 1), 0)
	first := l.mustBegin(t)
	l.mustAppend(t, numbers(1, 2), first)
	second := l.mustBegin(t)
	l.mustAppend(t, numbers(3, 4), first)
	l.mustAppend(t, endFrame(End{Status: StatusReady, Rows: 4}), first)
	l.mustAppend(t, numbers(3, 5), second)
	l.mustAppend(t, endFrame(End{Status: StatusReady, Rows: 5}), second)
	if got, want := l.story(t), "status status [1 2] status [3 4 5] end"; got != want {
		t.Errorf("log says %q, want %q", got, want)
	}
}

func TestNewAttemptKnowsWhatWasShown(t *testing.T) {
	l := openLog(t, 0)
	first := l.mustBegin(t)
	l.mustAppend(t, newFrame(TypeHeader, Header{Type: TypeHeader, Snapshot: "42"}), first)
	l.mustAppend(t, numbers(1, 3), first)
	second := l.mustBegin(t)
	l.mustAppend(t, numbers(4, 9), first) // too late
	got, err := l.until(t.Context(), second)
	if want := (past{snapshot: 42, header: true, rows: 3}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestLogWithoutItsBeginningIsExpired(t *testing.T) {
	l := openLog(t, 2000)
	epoch := l.mustBegin(t)
	for i := range 100 {
		l.mustAppend(t, numbers(i+1, i+1), epoch)
	}
	for _, err := range l.read(t.Context()) {
		if !errors.Is(err, ErrExpired) {
			t.Errorf("got %v, want ErrExpired", err)
		}
		return
	}
}

func TestRowsAreCutToWhatIsAskedFor(t *testing.T) {
	for _, test := range []struct {
		after, limit uint64
		want         string
	}{
		{0, 100, "[11 12 13 14]"},
		{10, 4, "[11 12 13 14]"},
		{11, 100, "[12 13 14]"},
		{10, 1, "[11]"},
		{12, 1, "[13]"},
	} {
		f, err := numbers(11, 14).cut(test.after, test.limit)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := f.Rows()
		if got := fmt.Sprintf("%s", rows); err != nil || got != test.want {
			t.Errorf("after %d, at most %d: got %s, %v, want %s", test.after, test.limit, got, err, test.want)
		}
	}
}

func TestFramesHoldWhatFits(t *testing.T) {
	big := json.RawMessage(`"` + strings.Repeat("x", frameBytes) + `"`)
	small := json.RawMessage(`1`)
	for _, test := range []struct {
		name string
		rows []json.RawMessage
		want int
	}{
		{"few", []json.RawMessage{small, small}, 2},
		{"one that is too big", []json.RawMessage{big, small}, 1},
		{"one before a big one", []json.RawMessage{small, big}, 1},
		{"many", make([]json.RawMessage, 1200), 500},
	} {
		if got := fit(test.rows); got != test.want {
			t.Errorf("%s: %d rows in a frame, want %d", test.name, got, test.want)
		}
	}
}
