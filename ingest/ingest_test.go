package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/tahoe"
)

// refused is an error about one record.
type refused struct{ index int }

func (refused) Error() string { return "cannot be stored" }
func (r refused) Record() int { return r.index }

// memory is a graph of raws and events. It fails if down says so, and refuses a password.
type memory struct {
	mu     sync.Mutex
	raws   map[tahoe.Hash]tahoe.RawState
	events map[tahoe.Hash]bool
	down   func() error
	refuse string
}

func (g *memory) Write(_ context.Context, records []tahoe.Record) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.down != nil {
		if err := g.down(); err != nil {
			return 0, err
		}
	}
	if g.raws == nil {
		g.raws, g.events = map[tahoe.Hash]tahoe.RawState{}, map[tahoe.Hash]bool{}
	}
	var errs []error
	for i, r := range records {
		if v, ok := r.Raw.Data().Get("password"); ok && v.Text() == g.refuse {
			errs = append(errs, refused{i})
			continue
		}
		g.raws[r.Raw.Hash()] = r.State
		for _, e := range r.Events {
			g.events[e.Hash()] = true
		}
	}
	if errs != nil {
		return 0, fmt.Errorf("write: %w", errors.Join(errs...))
	}
	return len(records), nil
}

func (g *memory) states() map[tahoe.RawState]int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := map[tahoe.RawState]int{}
	for _, s := range g.raws {
		n[s]++
	}
	return n
}

// keys are made once: to make them takes a while.
var keys = sync.OnceValues(func() (*ingest.Keys, error) {
	dir, err := os.MkdirTemp("", "keys")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	return ingest.LoadOrCreateKeys(dir)
})

func openBus(tb testing.TB, dir string) *bus.Bus {
	tb.Helper()
	b, err := bus.Open(context.Background(), bus.Config{Dir: dir})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = b.Close() })
	return b
}

func sharedKeys(tb testing.TB) *ingest.Keys {
	tb.Helper()
	k, err := keys()
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func service(tb testing.TB, b *bus.Bus, g ingest.Graph) *ingest.Service {
	tb.Helper()
	return open(tb, ingest.Config{Bus: b, Graph: g, Keys: sharedKeys(tb), Logger: logger(tb), MaxRecord: 256 << 10})
}

func logger(tb testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(tb.Output(), &slog.HandlerOptions{Level: slog.LevelError + 1}))
}

// run works the lake off until the test ends.
func run(tb testing.TB, s *ingest.Service) {
	tb.Helper()
	tb.Cleanup(runUntil(tb, s))
}

// runUntil works the lake off until the function that it returns is called.
func runUntil(tb testing.TB, s *ingest.Service) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			tb.Errorf("run: %v", err)
		}
	}
}

var org = tahoe.OrgHash("acme")

func accept(tb testing.TB, s *ingest.Service, typetag, text string) ingest.Receipt {
	tb.Helper()
	r, err := s.Accept(context.Background(), ingest.Upload{Typetag: typetag, Org: org, Name: "test"}, strings.NewReader(text))
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// finish waits until an upload is done.
func finish(tb testing.TB, s *ingest.Service, id string) ingest.Status {
	tb.Helper()
	return finishLooking(tb, s, id, 5*time.Millisecond)
}

// finishLooking looks now and then whether an upload is done.
func finishLooking(tb testing.TB, s *ingest.Service, id string, every time.Duration) ingest.Status {
	tb.Helper()
	deadline, tick := time.After(5*time.Minute), time.NewTicker(every)
	defer tick.Stop()
	for {
		st, err := s.Upload(context.Background(), id)
		if err != nil {
			tb.Fatal(err)
		}
		if st.Done {
			if st.Received != st.Mapped+st.Kept+st.NotSupported+st.Invalid+st.Dead {
				tb.Errorf("the account of %s does not add up: %+v", id, st)
			}
			return st
		}
		select {
		case <-tick.C:
		case <-deadline:
			tb.Fatalf("upload %s is not done after 5 minutes: %+v", id, st)
		}
	}
}

func login(i int) string {
	return fmt.Sprintf(`{"eventid":"cowrie.login.failed","username":"root","password":"%d","session":"s%d","sensor":"x",`+
		`"src_ip":"192.0.2.%d","timestamp":"2024-01-01T00:00:00.%06dZ"}`, i, i/10, i%250, i)
}

func logins(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(login(i) + "\n")
	}
	return b.String()
}

func TestEveryRecordIsAccountedFor(t *testing.T) {
	g := &memory{}
	s := service(t, openBus(t, t.TempDir()), g)
	text := strings.Join([]string{
		login(1), "", "not JSON at all", `{"no":"eventid"}`, strings.Repeat("x", 300<<10), login(2), "{\"cut\":\"o", login(3), "\xff\xfe",
	}, "\r\n")
	receipt := accept(t, s, "cowrie", text)
	if receipt.Records != 7 || receipt.Rejected != 1 || receipt.Bytes != int64(len(text)) || receipt.ID == "" {
		t.Errorf("got %+v", receipt)
	}
	if n, err := s.Backlog(t.Context()); n != 1 || err != nil {
		t.Errorf("got a backlog of %d, %v, want 1", n, err)
	}
	if st, err := s.Upload(t.Context(), receipt.ID); err != nil || st.Done || st.Pending != 1 || st.Received != 7 {
		t.Errorf("before: got %+v, %v", st, err)
	}
	run(t, s)
	st := finish(t, s, receipt.ID)
	if st.Mapped != 3 || st.Invalid != 4 || st.Rejected != 1 || st.Events != 3 || st.Pending != 0 {
		t.Errorf("got %+v", st)
	}
	if st.ID != receipt.ID || st.Typetag != "cowrie" || st.Org != org || st.Name != "test" {
		t.Errorf("got %+v", st)
	}
	lines := map[int]bool{}
	for _, p := range st.Problems {
		lines[p.Line] = true
	}
	if got := slices.Sorted(maps.Keys(lines)); !slices.Equal(got, []int{3, 4, 5, 7, 9}) || st.ProblemTotal != 5 {
		t.Errorf("got problems %v, %d in all, of lines 3, 4, 5, 7 and 9", st.Problems, st.ProblemTotal)
	}
	if got := g.states(); got[tahoe.Mapped] != 3 || got[tahoe.Invalid] != 4 {
		t.Errorf("got %v in the graph", got)
	}
	if again, err := s.Upload(t.Context(), receipt.ID); err != nil || fmt.Sprint(again) != fmt.Sprint(st) {
		t.Errorf("later: got %+v, %v, want %+v", again, err, st)
	}
}

func TestFormatWithoutFilterIsKept(t *testing.T) {
	g := &memory{}
	s := service(t, openBus(t, t.TempDir()), g)
	run(t, s)
	st := finish(t, s, accept(t, s, "some_format", "{\"a\":1}\nhello\n").ID)
	if st.NotSupported != 2 || st.ProblemTotal != 0 || g.states()[tahoe.NotSupported] != 2 {
		t.Errorf("got %+v and %v in the graph", st, g.states())
	}
}

func TestProblemsAreSampled(t *testing.T) {
	s := service(t, openBus(t, t.TempDir()), &memory{})
	run(t, s)
	st := finish(t, s, accept(t, s, "cowrie", strings.Repeat("bad\n", 1000)).ID)
	if st.Invalid != 1000 || st.ProblemTotal != 1000 || len(st.Problems) != 100 {
		t.Errorf("got %d invalid, %d of %d problems", st.Invalid, len(st.Problems), st.ProblemTotal)
	}
}

func TestUploadTwiceChangesNothing(t *testing.T) {
	g := &memory{}
	s := service(t, openBus(t, t.TempDir()), g)
	run(t, s)
	text := logins(1000)
	one := finish(t, s, accept(t, s, "cowrie", text).ID)
	raws, events := len(g.raws), len(g.events)
	two := finish(t, s, accept(t, s, "cowrie", text).ID)
	if one.Mapped != 1000 || two.Mapped != 1000 || raws != 1000 || events != 1000 || len(g.raws) != raws || len(g.events) != events {
		t.Errorf("got %d and %d mapped, %d raws and %d events, then %d and %d", one.Mapped, two.Mapped, raws, events, len(g.raws), len(g.events))
	}
}

func until(tb testing.TB, what string, cond func() bool) {
	tb.Helper()
	deadline, tick := time.After(60*time.Second), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			tb.Fatalf("not so after 60 s: %s", what)
		}
	}
}

func TestMailIsOneRecord(t *testing.T) {
	s := service(t, openBus(t, t.TempDir()), &memory{})
	if r := accept(t, s, "email", "From: a@example.org\nTo: b@example.org\n\nHello\nthere\n"); r.Records != 1 {
		t.Errorf("got %+v, want 1 record", r)
	}
	if r := accept(t, s, "email", "{\"data\":\"From: a\"}\n{\"data\":\"From: b\"}\n"); r.Records != 2 {
		t.Errorf("got %+v, want 2 records", r)
	}
}

func TestTryKeepsNothing(t *testing.T) {
	u := ingest.Upload{Typetag: "cowrie", Org: org, Timezone: "UTC"}
	text := login(1) + "\nbad\n" + strings.Repeat("x", ingest.DefaultConfig().MaxRecord+1) + "\n" + login(2)
	var got []string
	for o, err := range ingest.Try(u, time.Unix(0, 0), strings.NewReader(text)) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(o.Line, " ", o.Record.State, " ", len(o.Record.Events), " ", len(o.Problems)))
	}
	if want := []string{"1 mapped 1 0", "2 invalid 0 1", "3  0 1", "4 mapped 1 0"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
