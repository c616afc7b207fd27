package filter_test

import "testing"

// FuzzTAHOE maps anything that is JSON.
func FuzzTAHOE(f *testing.F) { fuzz(f, "tahoe") }
