package ingest_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/tahoe"
)

func TestOneIDIsOneUpload(t *testing.T) {
	s := service(t, openBus(t, t.TempDir()), &memory{})
	run(t, s)
	u := ingest.Upload{ID: "key-1", Typetag: "cowrie", Org: org}
	broke := errors.New("broke")
	receipt, err := s.Accept(t.Context(), u, io.MultiReader(strings.NewReader(logins(500)+"{\"half"), iotest.ErrReader(broke)))
	if !errors.Is(err, ingest.ErrBody) || !errors.Is(err, broke) || receipt.Records != 500 {
		t.Errorf("broken off: got %+v, %v", receipt, err)
	}
	if st := finish(t, s, u.ID); st.Mapped != 500 || st.Failed == "" {
		t.Errorf("broken off: got %+v", st)
	}
	for range 2 { // the second is not read
		if receipt, err = s.Accept(t.Context(), u, strings.NewReader(logins(700))); err != nil || receipt.Records != 700 {
			t.Errorf("completed: got %+v, %v", receipt, err)
		}
	}
	if st := finish(t, s, u.ID); st.Mapped != 700 || st.Failed != "" {
		t.Errorf("completed: got %+v", st)
	}
	u.Org = tahoe.OrgHash("another")
	if _, err := s.Accept(t.Context(), u, strings.NewReader("x")); !errors.Is(err, ingest.ErrTaken) {
		t.Errorf("another's: got %v, want ErrTaken", err)
	}
}

// A key is one's own: others who use it, or use it for another organisation, send another upload and hear of nothing.
func TestKeysAreTheirUsers(t *testing.T) {
	s := service(t, openBus(t, t.TempDir()), &memory{})
	run(t, s)
	alice := tahoe.OrgHash("alice")
	accept := func(u ingest.Upload, records int) string {
		t.Helper()
		u.Typetag = "cowrie"
		receipt, err := s.Accept(t.Context(), u, strings.NewReader(logins(records)))
		if err != nil || receipt.Records != records {
			t.Errorf("%+v: got %+v, %v", u, receipt, err)
		}
		return receipt.ID
	}
	first := accept(ingest.Upload{Key: "nightly", Org: org, User: alice}, 3)
	others := map[string]ingest.Upload{
		"another user's":             {Key: "nightly", Org: org, User: tahoe.OrgHash("bob")},
		"for another organisation":   {Key: "nightly", Org: tahoe.OrgHash("another"), User: alice},
		"the ID, of somebody else's": {Key: first, Org: tahoe.OrgHash("another"), User: tahoe.OrgHash("bob")},
	}
	for name, u := range others {
		if id := accept(u, 2); id == first {
			t.Errorf("%s: it is the same upload", name)
		}
	}
	for _, key := range []string{"nightly", first} {
		again, err := s.Accept(t.Context(), ingest.Upload{Key: key, Org: org, User: alice, Typetag: "cowrie"}, strings.NewReader("not read"))
		if err != nil || again.ID != first || again.Records != 3 {
			t.Errorf("%s again: got %+v, %v", key, again, err)
		}
	}
	if _, err := s.Accept(t.Context(), ingest.Upload{Key: "a.b", Org: org, Typetag: "cowrie"}, strings.NewReader("")); !errors.Is(err, ingest.ErrInvalid) {
		t.Errorf("a key with a dot: got %v, want ErrInvalid", err)
	}
}

func TestClientThatGoesAwayLeavesAnAccount(t *testing.T) {
	s := service(t, openBus(t, t.TempDir()), &memory{})
	run(t, s)
	ctx, leave := context.WithCancel(t.Context())
	body := io.MultiReader(strings.NewReader(logins(2000)), &generator{n: 2000, end: leave}, strings.NewReader(logins(10)))
	u := ingest.Upload{ID: "gone", Typetag: "cowrie", Org: org}
	if _, err := s.Accept(ctx, u, body); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if st := finish(t, s, u.ID); st.Failed == "" || st.Mapped > 4000 {
		t.Errorf("got %+v", st)
	}
}

func TestUploadsAreChecked(t *testing.T) {
	s := service(t, openBus(t, t.TempDir()), &memory{})
	good := ingest.Upload{Typetag: "cowrie", Org: org, Timezone: "US/Pacific", Name: "UNR Cowrie Honeypot"}
	if _, err := s.Accept(t.Context(), good, strings.NewReader("")); err != nil {
		t.Errorf("good and empty: %v", err)
	}
	for name, spoil := range map[string]func(*ingest.Upload){
		"no typetag":       func(u *ingest.Upload) { u.Typetag = "" },
		"typetag":          func(u *ingest.Upload) { u.Typetag = "unr-honeypot" },
		"typetag subject":  func(u *ingest.Upload) { u.Typetag = "a.>" },
		"no org":           func(u *ingest.Upload) { u.Org = tahoe.Hash{} },
		"zone":             func(u *ingest.Upload) { u.Timezone = "Mars/Olympus" },
		"zone of the host": func(u *ingest.Upload) { u.Timezone = "Local" },
		"zone path":        func(u *ingest.Upload) { u.Timezone = "../../etc/passwd" },
		"ID":               func(u *ingest.Upload) { u.ID = "a.b" },
		"long ID":          func(u *ingest.Upload) { u.ID = strings.Repeat("a", 65) },
		"name":             func(u *ingest.Upload) { u.Name = "a\nb" },
	} {
		u := good
		spoil(&u)
		if _, err := s.Accept(t.Context(), u, strings.NewReader("x")); !errors.Is(err, ingest.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
	for _, id := range []string{"none", "", "a.*", "*"} {
		if _, err := s.Upload(t.Context(), id); !errors.Is(err, ingest.ErrNotFound) {
			t.Errorf("upload %q: got %v, want ErrNotFound", id, err)
		}
	}
}

// TestAccountsAreKeptAsLongAsSaid has a platform come by that keeps them for less time than the one before.
func TestAccountsAreKeptAsLongAsSaid(t *testing.T) {
	b := openBus(t, t.TempDir())
	before := service(t, b, &memory{})
	stop := runUntil(t, before)
	st := finish(t, before, accept(t, before, "cowrie", logins(10)).ID)
	stop()
	if got, err := service(t, b, &memory{}).Upload(t.Context(), st.ID); err != nil || got.Mapped != 10 {
		t.Errorf("got %+v, %v", got, err)
	}
	short := ingest.Config{Bus: b, Graph: &memory{}, Keys: sharedKeys(t), Logger: logger(t), Keep: time.Second, BacklogAge: time.Second}
	after := open(t, short)
	until(t, "the account is gone", func() bool { _, err := after.Upload(t.Context(), st.ID); return errors.Is(err, ingest.ErrNotFound) })
	short.BacklogAge = time.Hour
	if _, err := ingest.New(t.Context(), short); err == nil || !strings.Contains(err.Error(), "less than the 1h0m0s that one may wait") {
		t.Errorf("accounts that go before their uploads are worked on: got %v", err)
	}
}

func TestFullLakeRefuses(t *testing.T) {
	k, err := keys()
	if err != nil {
		t.Fatal(err)
	}
	s, err := ingest.New(t.Context(), ingest.Config{Bus: openBus(t, t.TempDir()), Keys: k, Backlog: 500})
	if err != nil {
		t.Fatal(err)
	}
	accept(t, s, "cowrie", logins(10))
	if _, err := s.Accept(t.Context(), ingest.Upload{Typetag: "cowrie", Org: org}, strings.NewReader("x")); !errors.Is(err, ingest.ErrBusy) {
		t.Errorf("got %v, want ErrBusy", err)
	}
	if err := s.Run(t.Context()); err == nil {
		t.Error("a service without a graph runs")
	}
}

// generator makes n records as they are read.
type generator struct {
	n    int
	rest []byte
	end  func() // called when the last was read
}

func (g *generator) Read(p []byte) (int, error) {
	if len(g.rest) == 0 {
		if g.n == 0 {
			g.end()
			return 0, io.EOF
		}
		g.n--
		g.rest = []byte(login(g.n) + "\n")
	}
	n := copy(p, g.rest)
	g.rest = g.rest[n:]
	return n, nil
}

func TestLargeUploadIsNotHeldInMemory(t *testing.T) {
	s := service(t, openBus(t, t.TempDir()), &memory{})
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before, after := heap(), int64(0)
	body := &generator{n: 200_000, end: func() { after = heap() }}
	r, err := s.Accept(t.Context(), ingest.Upload{Typetag: "cowrie", Org: org}, body)
	if err != nil || r.Bytes < 30<<20 || r.Records != 200_000 {
		t.Errorf("got %+v, %v", r, err)
	}
	if grown := after - before; grown > 20<<20 {
		t.Errorf("at the end of an upload of %d bytes the heap has grown by %d", r.Bytes, grown)
	}
}
