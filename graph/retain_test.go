package graph_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
)

// agedEnv tells a child which Dgraph it removes old events from until it kills itself, and agedBefore up to when.
const (
	agedEnv    = "GRAPH_TEST_AGED"
	agedBefore = "GRAPH_TEST_AGED_BEFORE"
)

// aged divides records at the time of the event in their middle: the events that are too old then, and what is left of the records. Raws came when their
// events happened.
func aged(g *generator, records []tahoe.Record, org string) (before time.Time, gone []tahoe.Hash, left []tahoe.Record) {
	var times []time.Time
	for i := range records {
		records[i].Received = float64(records[i].Events[0].Time().UnixMicro()) / 1e6
		for _, e := range records[i].Events {
			times = append(times, e.Time())
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	before = times[len(times)/2]
	for _, r := range records {
		for _, e := range r.Events {
			if e.Time().Before(before) && (org == "" || e.OrgID() == org) {
				gone = append(gone, e.Hash())
			}
		}
	}
	is := set(gone)
	left = slices.DeleteFunc(without(g, records, is), func(r tahoe.Record) bool {
		return len(r.Events) == 0
	})
	return before, gone, left
}

// TestAgedEventsGoAndNothingElse removes what is older than the half, in a process that is killed on the way and in one that goes on.
func TestAgedEventsGoAndNothingElse(t *testing.T) {
	if target := os.Getenv(agedEnv); target != "" {
		dieRemoving(t, target)
	}
	testdgraph.Wipe(t)
	s := open(t, graph.Config{HotDegree: 20})
	g := newGenerator(t, 35)
	records := g.records(1300)
	before, gone, left := aged(g, records, "")
	write(t, s, records...)
	until(t, "ledgers", func() bool { _, counted := checkLedgers(t); return counted >= 1 })

	child := exec.Command(os.Args[0], "-test.run=^TestAgedEventsGoAndNothingElse$")
	child.Env = append(os.Environ(), agedEnv+"="+testdgraph.Target(t), agedBefore+"="+strconv.FormatInt(before.UnixMicro(), 10))
	out, err := child.CombinedOutput()
	var killed *exec.ExitError
	if !errors.As(err, &killed) || killed.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the child was not killed: %v\n%s", err, out)
	}
	half := bytes.Count(out, []byte("batch"))
	if still := len(stored(t)); half == 0 || still <= len(expected(left)) || still >= len(expected(records)) {
		t.Fatalf("%d vertices after %d batches: that shows nothing", still, half)
	}
	checkLedgers(t)

	sum, err := s.RemoveAged(t.Context(), graph.Aged{Before: before}, nil)
	if err != nil {
		t.Fatal(err)
	}
	checkWithoutTimes(t, left)
	checkLedgers(t)
	if sum.Events == 0 || sum.Events >= len(gone) {
		t.Errorf("the second process removed %+v of %d events", sum, len(gone))
	}
	if again, err := s.RemoveAged(t.Context(), graph.Aged{Before: before}, nil); err != nil || again != (graph.Removed{}) {
		t.Errorf("once more: %+v %v", again, err)
	}
}

// TestAgedEventsAreRemovedOnce has another process remove all that is too old after the first change, which the first one had found, too.
func TestAgedEventsAreRemovedOnce(t *testing.T) {
	s := testdgraph.Open(t).InSmallSteps(100)
	g := newGenerator(t, 37)
	records := g.records(600)
	before, gone, left := aged(g, records, "")
	write(t, s, records...)
	other := testdgraph.Connect(t)
	var theirs graph.Removed
	sum, err := s.RemoveAged(t.Context(), graph.Aged{Before: before}, func(graph.Removed) {
		if theirs.Events > 0 {
			return
		}
		var err error
		if theirs, err = other.RemoveAged(t.Context(), graph.Aged{Before: before}, nil); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	checkWithoutTimes(t, left)
	if sum.Events == 0 || theirs.Events == 0 || sum.Events+theirs.Events != len(gone) {
		t.Errorf("one removed %d and the other %d of %d events", sum.Events, theirs.Events, len(gone))
	}
}

// sessionTimes are what a session keeps of the events that it had, too.
var sessionTimes = regexp.MustCompile(`\b(start|end|duration)=\S+ ?`)

// checkWithoutTimes is check, but for the times of sessions.
func checkWithoutTimes(t *testing.T, records []tahoe.Record) {
	t.Helper()
	want, got := expected(records), stored(t)
	for _, d := range []dump{want, got} {
		for hash, text := range d {
			d[hash] = sessionTimes.ReplaceAllString(text, "")
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("graph differs (-want +got):\n%.3000s", diff)
	}
}

// dieRemoving removes what is too old, and kills its process after the first transaction.
func dieRemoving(t *testing.T, target string) {
	t.Helper()
	micros, err := strconv.ParseInt(os.Getenv(agedBefore), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	s, err := graph.Open(t.Context(), graph.Config{Target: target, HotDegree: 20})
	if err != nil {
		t.Fatal(err)
	}
	batches := 0
	_, err = s.RemoveAged(t.Context(), graph.Aged{Before: time.UnixMicro(micros)}, func(graph.Removed) {
		fmt.Println("batch")
		if batches++; batches == 1 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	})
	t.Fatal(err) // it is never told
}

// TestAgedEventsOfOneOrganisationGo leaves those of others, and raws that others uploaded too.
func TestAgedEventsOfOneOrganisationGo(t *testing.T) {
	s := testdgraph.Open(t)
	g := newGenerator(t, 36)
	records := g.records(300)
	before, gone, _ := aged(g, records, g.orgs[0])
	left := slices.DeleteFunc(without(g, records, set(gone)), func(r tahoe.Record) bool { return len(r.Events) == 0 && r.Raw.OrgID() == g.orgs[0] })
	write(t, s, records...)
	sum, err := s.RemoveAged(t.Context(), graph.Aged{Before: before, Org: g.orgs[0]}, nil)
	if err != nil {
		t.Fatal(err)
	}
	checkWithoutTimes(t, left)
	if sum.Events != len(gone) || sum.Raws == 0 {
		t.Errorf("removed %+v, want %d events", sum, len(gone))
	}
}

// TestAgedRawsGo has raws that gave no event: one that is too old, one that is not, and one whose session has an event that stays.
func TestAgedRawsGo(t *testing.T) {
	s := testdgraph.Open(t)
	g := newGenerator(t, 37)
	now := time.Now()
	came := func(r tahoe.Record, age time.Duration) tahoe.Record {
		r.Received = float64(now.Add(-age).UnixMicro()) / 1e6
		return r
	}
	e := event(g, g.attribute("ipv4", tahoe.String("198.51.100.7")))
	session, err := tahoe.NewSession("s", g.attribute("id", tahoe.String("7")))
	g.check(err)
	session.AddEvent(e)
	raw := func(text string) *tahoe.Raw {
		r, err := tahoe.NewRaw("test", tahoe.String(text), g.orgs[0], "UTC")
		g.check(err)
		return r
	}
	fresh := came(tahoe.Record{Raw: raw("fresh"), State: tahoe.Kept}, time.Hour)
	closing := came(tahoe.Record{Raw: raw("closing"), State: tahoe.Mapped, Sessions: []*tahoe.Session{session}}, 48*time.Hour)
	old := came(tahoe.Record{Raw: raw("old"), State: tahoe.Invalid}, 48*time.Hour)
	write(t, s, fresh, closing, old)
	sum, err := s.RemoveAged(t.Context(), graph.Aged{Before: e.Time().Add(-time.Hour)}, nil)
	if err != nil || sum != (graph.Removed{}) {
		t.Fatalf("nothing is too old, but went: %+v %v", sum, err)
	}
	// The event is of 1970, so by now it is too old itself; the raw that tells of it goes with it.
	sum, err = s.RemoveAged(t.Context(), graph.Aged{Before: now.Add(-24 * time.Hour)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	check(t, []tahoe.Record{fresh})
	if sum.Raws != 2 || sum.Events != 1 || sum.Sessions != 1 {
		t.Errorf("removed %+v", sum)
	}
}
