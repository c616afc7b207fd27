package tdql

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/cybexp/cybexp/tahoe"
)

// match is what a test asks of one value besides equality.
type match struct {
	op     string // has, ~, contains, startswith, endswith, under, in, <, <=, > or >=
	text   string // the pattern, the part, or the domain
	fold   bool   // ~ in any case
	net    netip.Prefix
	number tahoe.Value
}

// spell writes the match as it follows the path; has stands before it.
func (m match) spell() string {
	switch m.op {
	case "has":
		return ""
	case "~":
		if m.fold {
			return " ~ /" + m.text + "/i"
		}
		return " ~ /" + m.text + "/"
	case "in":
		return " in " + m.net.String()
	case "<", "<=", ">", ">=":
		return " " + m.op + " " + m.number.Text()
	}
	return " " + m.op + " " + literalText(tahoe.String(m.text))
}

// maxRegex is the longest regular expression, in bytes.
const maxRegex = 1000

var errRegex = errors.New("not a regular expression")

// parseRegex reads /…/ or /…/i.
func parseRegex(token string) (match, error) {
	end := strings.LastIndexByte(token, '/')
	m := match{op: "~", text: token[1:end], fold: token[end+1:] == "i"}
	if _, err := m.regex(); err != nil || end < 2 || !m.fold && token[end+1:] != "" {
		return match{}, errRegex
	}
	return m, nil
}

// regex is the pattern as a tree. Its size is bounded, so that a small text is not a huge machine.
func (m match) regex() (*syntax.Regexp, error) {
	text := regexp.QuoteMeta(m.text)
	flags := syntax.Perl
	switch m.op {
	case "~":
		text = m.text
		if m.fold {
			flags |= syntax.FoldCase
		}
	case "startswith":
		text = `\A` + text
	case "endswith":
		text += `\z`
	}
	if len(m.text) > maxRegex {
		return nil, errRegex
	}
	if _, err := regexp.Compile(text); err != nil {
		return nil, errRegex
	}
	return syntax.Parse(text, flags)
}

// dqlRegex spells a regular expression as the value of a variable of DQL, which cuts it at slashes: between the two outer ones
// there is none. It is the only way from a pattern to the database.
func dqlRegex(re *syntax.Regexp) string {
	return "/" + strings.ReplaceAll(re.String(), "/", `\x2f`) + "/"
}

// trigrams says whether every text that a pattern matches has three letters in a row that are known before, so that the index
// can find it. It may say no where there are some.
func trigrams(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpLiteral:
		n := 0
		for _, r := range re.Rune {
			n += utf8.RuneLen(r)
			if re.Flags&syntax.FoldCase != 0 && r >= utf8.RuneSelf {
				return false
			}
		}
		return n >= 3 && n == len(string(re.Rune))
	case syntax.OpCapture, syntax.OpPlus:
		return trigrams(re.Sub[0])
	case syntax.OpRepeat:
		return re.Min > 0 && trigrams(re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			if trigrams(sub) {
				return true
			}
		}
		return false
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			if !trigrams(sub) {
				return false
			}
		}
		return true
	case syntax.OpNoMatch, syntax.OpEmptyMatch, syntax.OpCharClass, syntax.OpAnyCharNotNL, syntax.OpAnyChar, syntax.OpBeginLine,
		syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary, syntax.OpStar, syntax.OpQuest:
	}
	return false
}

// indexed says whether an index finds the values, so that no set needs to be read.
func (m match) indexed() bool {
	switch m.op {
	case "~", "contains", "startswith", "endswith":
		re, err := m.regex()
		return err == nil && trigrams(re)
	}
	return true
}

// parseNet reads a network, or an address as the network that has only it.
func parseNet(text string) (netip.Prefix, error) {
	net, err := netip.ParsePrefix(text)
	if err != nil {
		var one netip.Addr
		if one, err = netip.ParseAddr(text); err != nil || one.Zone() != "" {
			return net, errors.New("not a network")
		}
		return netip.PrefixFrom(one.Unmap(), one.Unmap().BitLen()), nil
	}
	if a := net.Addr(); a.Is4In6() {
		if net.Bits() < 96 {
			return net.Masked(), nil
		}
		net = netip.PrefixFrom(a.Unmap(), net.Bits()-96)
	}
	return net.Masked(), nil
}

// netRange is the first and the last address of a network as the graph orders them: 32 hex digits, IPv4 as ::ffff:a.b.c.d.
func netRange(net netip.Prefix) (low, high string) {
	first := net.Addr().As16()
	bits := net.Bits()
	if net.Addr().Is4() {
		bits += 96
	}
	last := first
	for i := bits; i < 128; i++ {
		last[i/8] |= 0x80 >> (i % 8)
	}
	return hex.EncodeToString(first[:]), hex.EncodeToString(last[:])
}

// parseDomain reads a domain, also as *.example.com, .example.com, or in a URL or an address; "" when there is none.
func parseDomain(text string) string {
	if _, rest, ok := strings.Cut(text, "://"); ok {
		text = rest
	}
	if i := strings.IndexAny(text, "/?#"); i >= 0 {
		text = text[:i]
	}
	text = text[strings.LastIndexByte(text, '@')+1:]
	text = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(text, "*"), "."), ".")
	if i := strings.LastIndexByte(text, ':'); i >= 0 && strings.Trim(text[i+1:], "0123456789") == "" {
		text = text[:i]
	}
	text = strings.ToLower(text)
	for label := range strings.SplitSeq(text, ".") {
		if label == "" || strings.ContainsFunc(label, func(r rune) bool { return r <= ' ' || r == 0x7f || r == utf8.RuneError || r == ':' }) {
			return ""
		}
	}
	if len(text) > 253 {
		return ""
	}
	return text
}

// hostRange bounds the hosts at or below a domain as the graph orders them: labels from the right, each with a dot after it.
// The slash is what follows the dot.
func hostRange(domain string) (low, high string) {
	labels := strings.Split(domain, ".")
	var b strings.Builder
	for i := len(labels) - 1; i >= 0; i-- {
		b.WriteString(labels[i] + ".")
	}
	low = b.String()
	return low, low[:len(low)-1] + "/"
}
