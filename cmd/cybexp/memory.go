package main

import (
	"os"
	"runtime/debug"
)

// spareMemory has garbage collected when the heap has grown by half, not doubled, unless GOGC says otherwise: uploads make much garbage
// and hold little. Measured figures are in docs/ingest.md.
func spareMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}
