package bus

import (
	"errors"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Errors that a caller may want to tell apart.
var (
	ErrInUse    = errors.New("data folder is in use by another process")
	ErrExists   = errors.New("key exists already")
	ErrNotFound = errors.New("not found")
	ErrConflict = errors.New("key was changed by somebody else")
	ErrFull     = errors.New("queue is full")
	ErrLaneFull = errors.New("lane of the queue is full")
	ErrTooLarge = errors.New("message is too large")
	ErrClosed   = errors.New("bus is closed")
)

// Permanent marks an error that trying again will not mend: Consume dead-letters the message at once.
func Permanent(err error) error { return permanent{err} }

type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// fault turns the errors of the client into ours.
func fault(err error) error {
	var api *jetstream.APIError
	switch {
	case errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, jetstream.ErrConnectionClosed):
		return ErrClosed
	case errors.Is(err, nats.ErrMaxPayload):
		return ErrTooLarge
	case errors.As(err, &api) && strings.Contains(api.Description, "messages per subject"): // it has no code of its own
		return ErrLaneFull
	case errors.As(err, &api) && (api.ErrorCode == codeStoreFailed || api.ErrorCode == codeNoStorage || api.ErrorCode == codeNoResources):
		return ErrFull
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return ErrNotFound
	case errors.As(err, &api) && outdated(api):
		return ErrConflict
	}
	return err
}

// outdated tells whether a write was refused because it expected another state.
func outdated(api *jetstream.APIError) bool {
	return api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant // of what is replicated
}

// The server's answers to a message that a stream with a limit, an account or a disk cannot take.
const (
	codeStoreFailed = 10077
	codeNoStorage   = 10047
	codeNoResources = 10023
)
