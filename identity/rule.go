package identity

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a new password. There are no others: length is what makes one hard to guess, and rules of composition make people write
// Passw0rd! (NIST SP 800-63B).
const (
	minPassword = 12  // characters
	maxPassword = 256 // bytes
)

//go:embed common.txt
var commonText string

// common are stems that people make passwords of, in small letters.
var common = strings.Fields(commonText)

// CheckPassword tells why a new password of the user is not accepted: an error that wraps ErrPassword, or nil.
func CheckPassword(u User, password string) error {
	n := utf8.RuneCountInString(password)
	switch {
	case !utf8.ValidString(password) || strings.ContainsFunc(password, unicode.IsControl):
		return fmt.Errorf("%w: it has characters that cannot be typed", ErrPassword)
	case n < minPassword:
		return fmt.Errorf("%w: it has %d characters, and needs %d; some words are easier to remember than signs", ErrPassword, n, minPassword)
	case len(password) > maxPassword:
		return fmt.Errorf("%w: it has %d bytes, more than %d", ErrPassword, len(password), maxPassword)
	case guessable(u, strings.ToLower(password)):
		return fmt.Errorf("%w: it is among the first that anybody would try", ErrPassword)
	}
	return nil
}

// guessable tells whether a password is a common stem, the user's name or address, or a short pattern, with no more than digits and
// signs around it.
func guessable(u User, password string) bool {
	if repeats(password) || runs(password) {
		return true
	}
	local, _, _ := strings.Cut(u.Email, "@")
	own := []string{strings.ToLower(u.Email), strings.ToLower(local), strings.ToLower(u.Name)}
	other := func(r rune) bool { return !unicode.IsLetter(r) }
	stem, letters := strings.TrimFunc(password, other), strings.Join(strings.FieldsFunc(password, other), "")
	return slices.ContainsFunc([]string{password, stem, letters}, func(s string) bool {
		return s != "" && (slices.Contains(common, s) || slices.Contains(own, s))
	})
}

// repeats tells whether a text is one of up to six characters over and over, such as abcabcabcabc.
func repeats(s string) bool {
	r := []rune(s)
	for n := 1; n <= 6 && 2*n <= len(r); n++ {
		if slices.Equal(r[n:], r[:len(r)-n]) {
			return true
		}
	}
	return false
}

// runs tells whether a text only counts up or down, such as abcdefghijkl or 987654321098.
func runs(s string) bool {
	for _, step := range []int{1, -1} {
		if all := []rune(s); !slices.ContainsFunc(pairsOf(all), func(p [2]rune) bool { return !follows(p, rune(step)) }) {
			return true
		}
	}
	return false
}

func pairsOf(r []rune) [][2]rune {
	pairs := make([][2]rune, 0, len(r))
	for i := 1; i < len(r); i++ {
		pairs = append(pairs, [2]rune{r[i-1], r[i]})
	}
	return pairs
}

// follows counts digits round: after 9 comes 0.
func follows(p [2]rune, step rune) bool {
	if unicode.IsDigit(p[0]) && unicode.IsDigit(p[1]) {
		return (p[0]-'0'+step+10)%10 == p[1]-'0'
	}
	return p[0]+step == p[1]
}
