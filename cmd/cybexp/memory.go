package main

import (
	"os"
	"runtime/debug"
)

// spareMemory has garbage collected when the heap has grown by half, not doubled, unless GOGC says otherwise: uploads and what is made of them are much
// garbage, and little of it is held at a time (docs/adr/0043). What that comes to is measured in docs/ingest.md and held by TestUploadInBoundedMemory.
func spareMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}
