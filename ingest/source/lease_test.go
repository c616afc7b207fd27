package source_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cybexp/cybexp/ingest/source"
)

// cut is a store that can be cut off, as by a network that parts or a process that dies.
type cut struct {
	source.Store

	off atomic.Bool
}

var errCut = errors.New("cut off")

func (c *cut) Set(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	if c.off.Load() {
		return 0, errCut
	}
	return c.Store.Set(ctx, key, value, revision)
}

// TestOneProcessRunsASource starts two over one bus, ends the one that runs it, and then cuts off the other.
func TestOneProcessRunsASource(t *testing.T) {
	r := newRig(t)
	url := serve(t, func(w http.ResponseWriter, q *http.Request) { fmt.Fprintln(w, q.UserAgent()) })
	leases := map[string]*cut{}
	process := func(name string) *source.Service {
		leases[name] = &cut{Store: r.service().Leases}
		return r.service(func(c *source.Config) { c.Holder, c.Agent, c.Leases = name, name, leases[name] })
	}
	a, b := process("a"), process("b")
	stops := map[string]func(){"a": r.start(a.Run), "b": r.start(b.Run)}
	src := r.add(a, httpSource(url), "")
	var first string
	eventually(t, "one runs it", func() bool { first = r.status(a, src).Where; return first != "" })
	r.await(first)
	second := map[string]string{"a": "b", "b": "a"}[first]
	stops[first]()
	r.await(first, second) // at once: the lease was given back
	third := process("c")
	r.start(third.Run)
	if got := r.status(third, src).Where; got != second {
		t.Errorf("%q runs it, want %q", got, second)
	}
	leases[second].off.Store(true) // as good as dead for the others
	r.await(first, second, "c")
	if got := r.status(third, src).Where; got != "c" {
		t.Errorf("%q runs it, want c", got)
	}
	eventually(t, "the one that was cut off notices", func() bool { return strings.Contains(r.log.String(), "runs elsewhere now") })
}

// TestKilledAfterTheIntakeHasIt loses the process between the acknowledgement and the position: everything comes again, and nothing is
// missing.
func TestKilledAfterTheIntakeHasIt(t *testing.T) {
	r := newRig(t)
	text := "one\n"
	url := serve(t, func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		if q.Header.Get("If-None-Match") != "" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		fmt.Fprint(w, text)
	})
	dying := &cut{Store: r.service().Store}
	s := r.service(func(c *source.Config) { c.Store = dying })
	src := r.add(s, httpSource(url), "")
	dying.off.Store(true)
	stop := r.start(s.Run)
	r.await("one")
	stop()
	if got := r.status(s, src); got.Records != 0 || !got.Success.IsZero() {
		t.Errorf("the process that died told %+v", got)
	}
	next := r.service()
	r.start(next.Run)
	r.took(next, src, 1)
	eventually(t, "the same came twice", func() bool { r.records.mu.Lock(); defer r.records.mu.Unlock(); return r.records.seen["one"] == 2 })
}

// down is an intake that takes nothing for a while.
type down struct {
	source.Intake

	off atomic.Bool
}

func (d *down) Accept(ctx context.Context, u source.Upload, body io.Reader) (source.Receipt, error) {
	if d.off.Load() {
		return source.Receipt{}, errCut
	}
	return d.Intake.Accept(ctx, u, body)
}

// TestIntakeThatIsDown keeps positions where they are.
func TestIntakeThatIsDown(t *testing.T) {
	r := newRig(t)
	in := &down{Intake: r.service().Intake}
	in.off.Store(true)
	s := r.service(func(c *source.Config) { c.Intake = in })
	src := r.add(s, httpSource(serve(t, func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		if q.Header.Get("If-None-Match") != "" {
			t.Error("the position moved on before the intake had anything")
		}
		fmt.Fprintln(w, "one")
	})), "")
	stop := r.start(s.Run)
	eventually(t, "failures", func() bool { st := r.status(s, src); return st.Failures > 2 && st.Error == errCut.Error() })
	stop()
	in.off.Store(false)
	s = r.service(func(c *source.Config) { c.Intake = in; c.MinPeriod = 1 })
	stop = r.start(s.Run)
	r.await("one")
	stop()
}
