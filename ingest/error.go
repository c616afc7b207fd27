package ingest

import (
	"errors"

	"github.com/cybexp/cybexp/ingest/envelope"
)

// Errors that a caller may want to tell apart.
var (
	ErrInvalid  = errors.New("invalid upload")
	ErrTaken    = errors.New("upload ID belongs to another upload")
	ErrBusy     = errors.New("too much is waiting to be worked on")
	ErrNotFound = errors.New("no such upload")
	ErrBody     = errors.New("upload broke off")
	ErrSealed   = envelope.ErrSealed // no key of this process opens it
)
