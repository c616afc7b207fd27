package endtoend_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

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
