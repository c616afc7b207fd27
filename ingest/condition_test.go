package ingest_test

import (
	"testing"
	"time"

	"github.com/cybexp/cybexp/ingest"
)

// TestWhenSomebodyShouldLook has the borders of the alerts CybexpLakeOld and CybexpDiskLow, which deploy/prometheus/alerts_test.yml has too.
func TestWhenSomebodyShouldLook(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for age, want := range map[time.Duration]bool{0: false, 900 * time.Second: false, 901 * time.Second: true} {
		if got := ingest.Late(now.Add(-age), now); got != want {
			t.Errorf("waiting for %s is late: %v", age, got)
		}
	}
	for _, c := range []struct {
		free, minFree uint64
		want          bool
	}{
		{5368709119, 1 << 30, true},
		{5368709120, 1 << 30, false},
		{20<<30 - 1, 10 << 30, true}, // who keeps more free is warned earlier
		{20 << 30, 10 << 30, false},
	} {
		if got := ingest.Tight(c.free, c.minFree); got != c.want {
			t.Errorf("%d bytes free, %d to be left: tight %v", c.free, c.minFree, got)
		}
	}
}
