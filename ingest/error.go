package ingest

import "errors"

// Errors that a caller may want to tell apart.
var (
	ErrInvalid  = errors.New("invalid upload")
	ErrTaken    = errors.New("upload ID belongs to another upload")
	ErrBusy     = errors.New("too much is waiting to be worked on")
	ErrNotFound = errors.New("no such upload")
	ErrBody     = errors.New("upload broke off")
)
