package endtoend_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/retention"
	"github.com/cybexp/cybexp/tahoe"
)

// TestRetentionRemovesWhatIsTooOld sends old events for two organisations, of which one's are not kept for so long.
func TestRetentionRemovesWhatIsTooOld(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	p := up(t, data)
	for n, org := range []string{"acme", "demo"} {
		p.must("org", "create", org)
		p.send(stormFile(t, dir, n), org)
	}
	p.stop()
	p = up(t, data, "--retain", "99Y,acme=1h")
	acme := tahoe.OrgHash("acme").String()
	eventually(t, time.Minute, "nothing is acme's", func() bool {
		for _, text := range dump(t, p.alphaHTTP()) {
			if strings.Contains(text, acme) {
				return false
			}
		}
		return true
	})
	for n, want := range []int{0, stormLines} {
		if got := p.count("count ipv4 " + stormAddress(n)); got != want {
			t.Errorf("%s has %d events, want %d", stormAddress(n), got, want)
		}
	}
}

// TestRemovalsChangeNothingElse takes an upload back, and all of an organisation, which is broken off by a kill: each time the graph is the one of before, though the
// other organisation has some of the same.
func TestRemovalsChangeNothingElse(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	p := up(t, data)
	for _, org := range []string{"acme", "demo"} {
		p.must("org", "create", org)
	}
	p.send(stormFile(t, dir, 0), "acme")
	before := dump(t, p.alphaHTTP())
	same := func() {
		t.Helper()
		if diff := cmp.Diff(before, dump(t, p.alphaHTTP())); diff != "" {
			t.Errorf("the graph differs (-before +after): %.3000s", diff)
		}
	}
	first := p.send(stormFile(t, dir, 0), "demo")
	p.must("delete", "upload", "--yes", first["id"].(string))
	same()

	for n := range 3 { // fewer events than open a ledger
		p.send(stormFile(t, dir, n), "demo")
	}
	demo := tahoe.OrgHash("demo").String()
	var job retention.Job
	p.client().call(http.MethodDelete, "/orgs/demo/data", nil, &job)
	eventually(t, time.Minute, "the removal has begun", func() bool {
		return p.count("events org demo | count") < 3*stormLines
	})
	p.kill()
	p = up(t, data)
	eventually(t, 2*time.Minute, "the removal has ended", func() bool {
		job = retention.Job{}
		p.client().call(http.MethodGet, "/removals/organisation-"+demo, nil, &job)
		return job.State == retention.Finished
	})
	same()
}
