package source

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Errors that a caller may want to tell apart. A Store returns ErrNotFound and ErrConflict too.
var (
	ErrInvalid  = errors.New("invalid source")
	ErrExists   = errors.New("the organisation has a source of this name")
	ErrNotFound = errors.New("no such source")
	ErrConflict = errors.New("was changed by somebody else")
)

// invalid says what is wrong with a source that somebody wants to add.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrInvalid, fmt.Errorf(format, args...))
}

// statusError is an answer of a server that is no success.
type statusError struct {
	Code  int
	After time.Duration // what the server said about when to come back; 0 if nothing
}

func (e *statusError) Error() string { return fmt.Sprintf("the server answered %d", e.Code) }

// clean is what of an error may be told to people and to the log: no address, which may hold a key, and nothing that makes a second line.
func clean(err error, secret string) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	text := err.Error()
	if secret != "" {
		text = strings.ReplaceAll(text, secret, "…")
		text = strings.ReplaceAll(text, url.PathEscape(secret), "…")
	}
	text = strings.ToValidUTF8(strings.Map(printable, text), "?")
	if runes := []rune(text); len(runes) > maxTold {
		text = string(runes[:maxTold]) + "…"
	}
	return text
}

// maxTold is how many characters of an error are kept.
const maxTold = 300

func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return ' '
	}
	return r
}
