//go:build race

package reportd_test

import "time"

// patience is how long a watch may take to tell, five times as long under the race detector.
func patience() time.Duration { return 5 * time.Second }
