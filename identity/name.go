package identity

import (
	"fmt"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxEmail = 254
	maxName  = 64
	maxTitle = 200
)

// checkEmail wants an address as it stands in an envelope: no display name, no comment.
func checkEmail(email string) error {
	a, err := mail.ParseAddress(email)
	if err != nil || a.Address != email || len(email) > maxEmail || strings.ContainsFunc(email, notPrintable) {
		return fmt.Errorf("%w: %q is no e-mail address", ErrInvalid, email)
	}
	return nil
}

// checkText wants one line of least to most printable characters, no space at either end.
func checkText(what, s string, least, most int) error {
	n := utf8.RuneCountInString(s)
	switch {
	case n < least || n > most:
		return fmt.Errorf("%w: %s must have %d to %d characters, not %d", ErrInvalid, what, least, most, n)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, notPrintable):
		return fmt.Errorf("%w: %s %q has characters that cannot be printed", ErrInvalid, what, s)
	case strings.TrimSpace(s) != s:
		return fmt.Errorf("%w: %s %q begins or ends with a space", ErrInvalid, what, s)
	}
	return nil
}

func notPrintable(r rune) bool { return !unicode.IsPrint(r) }
