//go:build !unix

package source

import "io/fs"

// fileNumber names a file whatever it is called; empty if the system has no such thing.
func fileNumber(fs.FileInfo) string { return "" }
