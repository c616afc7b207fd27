package main

import (
	"os"
	"runtime/debug"
)

// spareMemory has garbage collected when the heap has grown by half, not doubled, unless GOGC says otherwise: uploads make much garbage
// and hold little, so that the process stays below 200 MiB however long they are.
func spareMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}
