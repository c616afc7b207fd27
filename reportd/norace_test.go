//go:build !race

package reportd_test

import "time"

// patience is how long a watch may take to tell.
func patience() time.Duration { return time.Second }
