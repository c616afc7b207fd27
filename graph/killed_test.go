package graph_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
)

// killedEnv tells a child which Dgraph it works on. It gets operations as lines of JSON, and prints a line after each.
const killedEnv = "GRAPH_TEST_KILLED"

// child is a process that changes the graph until it is killed.
type child struct {
	cmd *exec.Cmd
	did chan string // a line when it is ready, and one after each operation
}

// startChild runs a test of this package as a child.
func startChild(t *testing.T, name string, list []operation) *child {
	t.Helper()
	var input strings.Builder
	for _, o := range list {
		if err := json.NewEncoder(&input).Encode(o); err != nil {
			t.Fatal(err)
		}
	}
	c := &child{exec.Command(os.Args[0], "-test.run=^"+name+"$"), make(chan string, len(list)+2)}
	c.cmd.Env = append(os.Environ(), killedEnv+"="+testdgraph.Target(t))
	c.cmd.Stdin, c.cmd.Stderr = strings.NewReader(input.String()), os.Stderr
	out, err := c.cmd.StdoutPipe()
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(c.did)
		for s := bufio.NewScanner(out); s.Scan(); {
			c.did <- s.Text()
		}
	}()
	if line := <-c.did; line != "ready" {
		t.Fatalf("the child says %q", line)
	}
	return c
}

// killAfter kills the child some time later, and returns how many operations it did for sure.
func (c *child) killAfter(t *testing.T, d time.Duration) (done int) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	for living := true; living; {
		select {
		case line, ok := <-c.did:
			if ok && line != "done" {
				t.Fatalf("the child says %q", line)
			}
			if living = ok; ok {
				done++
			}
			continue
		case <-timer.C:
		}
		if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		for line := range c.did {
			if line == "done" {
				done++
			}
		}
		living = false
	}
	_ = c.cmd.Wait()
	return done
}

// beChild does what a child is asked for, if this process is one.
func beChild(t *testing.T, u *universe) {
	t.Helper()
	target := os.Getenv(killedEnv)
	if target == "" {
		return
	}
	s, err := graph.Open(t.Context(), graph.Config{Target: target, HotDegree: universeHot})
	u.check(err)
	s.InSmallSteps(2)
	u.check(s.Ready(t.Context()))
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var o operation
		u.check(json.Unmarshal(lines.Bytes(), &o))
		if _, _, err := o.do(context.Background(), s, u); err != nil {
			fmt.Println(err)
			break
		}
		fmt.Println("done")
	}
	os.Exit(0)
}

// killedIn are the operations that children are given first, in turn.
var killedIn = []string{"Edit", "Classify", "RemoveEvents", "SetContext", "RemoveUploads"}

const (
	killedRounds     = 25
	killedOperations = 6 // that a child is given
	killedAlpha      = 8 // every how many rounds Dgraph is killed too
)

// TestKilledChangesAreMadeOrNot kills processes while they remove, edit and judge, and now and then Dgraph before it has forgotten its log. What a process had not told to be done is done again by
// another one, which remembers the graph as it was before; then the graph is the model's.
func TestKilledChangesAreMadeOrNot(t *testing.T) {
	u := newUniverse(t, 99)
	beChild(t, u)
	testdgraph.Renew(t)
	s := u.open(t)
	cut := map[string]int{} // in which operations processes were killed
	for round := range killedRounds {
		for len(u.model.events) < 40 {
			u.both(t, s, u.write())
		}
		u.model.compare(t)
		var list []operation
		for len(list) < killedOperations && len(u.model.events) > 0 {
			if o, ok := u.change(); ok && (len(list) > 0 || o.Name == killedIn[round%len(killedIn)]) {
				u.model.apply(u, o)
				list = append(list, o)
			}
		}
		c := startChild(t, "TestKilledChangesAreMadeOrNot", list)
		most := []int{20, 400}[round%2] // milliseconds: about as long as the first operation takes, or all of them
		done := c.killAfter(t, time.Duration(u.rng.IntN(most))*time.Millisecond)
		if done < len(list) {
			cut[list[done].Name]++
		}
		if round%killedAlpha == killedAlpha-1 {
			killAlpha(t, s)
		}
		for i, o := range list[done:] {
			_, _, err := o.do(t.Context(), s, u)
			if i == 0 && o.Name == "Edit" && errors.Is(err, graph.ErrNotFound) {
				err = nil // it was done
			}
			if err != nil {
				t.Fatalf("%v: %v", o, err)
			}
		}
		u.model.compare(t)
		checkLedgers(t)
		checkWhole(t)
	}
	t.Logf("killed in %v", cut)
	if len(cut) < 3 {
		t.Errorf("processes were killed in %v only", cut)
	}
	for _, org := range universeOrgs {
		u.both(t, s, operation{Name: "RemoveOrg", Orgs: []string{org}})
	}
	checkNothingIsLeft(t)
}

// compare compares the graph with the model.
func (m *model) compare(t *testing.T) {
	t.Helper()
	if diff := cmp.Diff(m.dump(), stored(t)); diff != "" {
		t.Fatalf("graph differs (-want +got):\n%.3000s", diff)
	}
}

// TestKilledRemovalOfAnOrganisationGoesOn kills process after process that removes all of an organisation, which takes several transactions, until one is done.
func TestKilledRemovalOfAnOrganisationGoesOn(t *testing.T) {
	u := newUniverse(t, 98)
	beChild(t, u)
	testdgraph.Renew(t)
	s := u.open(t)
	all := operation{Name: "Write"}
	for i := range 13 {
		raw, err := tahoe.NewRaw("r", tahoe.Int(int64(i)), universeOrgs[i/12], "UTC")
		u.check(err)
		r := tahoe.Record{Raw: raw, State: tahoe.Mapped}
		for n := range 100 {
			e, err := tahoe.NewEvent("e", raw.OrgID(), float64(i), u.attribute("n", tahoe.Int(int64(n%7))), u.attribute("m", tahoe.Int(int64(100*i+n))))
			u.check(err)
			r.Events = append(r.Events, e)
		}
		all.records = append(all.records, r)
	}
	u.both(t, s, all)
	removal, kills := operation{Name: "RemoveOrg", Orgs: universeOrgs[:1]}, 0
	for { // each has more time than the one before, so that one comes to the end however slow the machine is
		within := time.Duration(20+u.rng.IntN(100)+100*kills) * time.Millisecond
		if startChild(t, "TestKilledRemovalOfAnOrganisationGoesOn", []operation{removal}).killAfter(t, within) == 1 {
			break
		}
		kills++
		checkWhole(t)
	}
	if kills < 2 {
		t.Errorf("only %d processes were killed", kills)
	}
	u.model.apply(u, removal)
	u.model.compare(t)
	u.both(t, s, all) // which remembers what is gone
	u.model.compare(t)
	checkLedgers(t)
}
