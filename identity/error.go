package identity

import (
	"errors"
	"fmt"
	"time"
)

// Errors about users and organisations. A Store returns ErrNotFound and ErrConflict too.
var (
	ErrInvalid  = errors.New("not valid")
	ErrExists   = errors.New("exists already")
	ErrNotFound = errors.New("not found")
	ErrConflict = errors.New("was changed by somebody else")
	ErrRole     = errors.New("role cannot be changed so") // see MemberError
	ErrPassword = errors.New("password is not accepted")  // by the rules for new ones
)

// ErrSignIn is the one answer to an address that nobody has, a user who has no password, and a wrong password.
var ErrSignIn = errors.New("wrong e-mail address or password")

// WaitError tells who failed to sign in too often how long to wait before the next try is looked at.
type WaitError struct{ Wait time.Duration }

func (e *WaitError) Error() string {
	return fmt.Sprintf("too many failed tries: wait %d s", e.Seconds())
}

// Seconds is the wait in whole seconds, not too few.
func (e *WaitError) Seconds() time.Duration { return (e.Wait + time.Second - 1) / time.Second }

// ErrToken is the reason why Authenticate refuses; the others, which wrap it, say more.
var (
	ErrToken          = errors.New("invalid token")
	ErrTokenForm      = fmt.Errorf("%w: not of our making", ErrToken)
	ErrTokenAlgorithm = fmt.Errorf("%w: signed in a way that is not accepted", ErrToken)
	ErrTokenSignature = fmt.Errorf("%w: wrong signature", ErrToken)
	ErrTokenExpired   = fmt.Errorf("%w: expired", ErrToken)
	ErrTokenRevoked   = fmt.Errorf("%w: revoked", ErrToken)
	ErrTokenUser      = fmt.Errorf("%w: its user does not exist", ErrToken)
	ErrTokenDisabled  = fmt.Errorf("%w: its user is disabled", ErrToken)
)
