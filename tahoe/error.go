package tahoe

import "errors"

// The faults that making an instance or reading a value can have. Errors of this package wrap exactly one of them.
var (
	// ErrSubType is a sub_type that is not an identifier.
	ErrSubType = errors.New("invalid sub_type")
	// ErrData is data that the kind of instance cannot hold.
	ErrData = errors.New("invalid data")
	// ErrSyntax is text that is not JSON.
	ErrSyntax = errors.New("invalid JSON")
	// ErrNotFinite is NaN or an infinity.
	ErrNotFinite = errors.New("number is not finite")
	// ErrTooDeep is data nested deeper than MaxDepth.
	ErrTooDeep = errors.New("nested too deep")
	// ErrTooLarge is data whose text would be longer than MaxCanonical, or JSON text longer than MaxText.
	ErrTooLarge = errors.New("too large")
	// ErrCategory is a word that names no category or context.
	ErrCategory = errors.New("invalid category")
	// ErrContext is a context given to an instance that is not in the event.
	ErrContext = errors.New("invalid context")
	// ErrMarking is a word that names no marking.
	ErrMarking = errors.New("invalid marking")
	// ErrHash is text that is not a hash.
	ErrHash = errors.New("invalid hash")
	// ErrCollision is two different instances with one hash: sub_type and data stand side by side without a mark between them.
	ErrCollision = errors.New("two instances with one hash")
)
