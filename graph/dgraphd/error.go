package dgraphd

import "errors"

var (
	// ErrFolderInUse is returned when another process runs a Dgraph on the same data folder.
	ErrFolderInUse = errors.New("data folder in use")
	// ErrPortTaken is returned when a port that Dgraph needs is taken.
	ErrPortTaken = errors.New("port taken")
)
