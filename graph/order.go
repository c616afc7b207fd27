package graph

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/cybexp/cybexp/tahoe"
)

// Ordered forms of an attribute's value, so that a network, a domain or a span of numbers is one stretch of an index. Only
// attributes that have such a form pay for it.

// addressKey is an IP address as 32 hex digits, IPv4 as ::ffff:a.b.c.d, so that all addresses are in one order; "" for what is
// not an address.
func addressKey(text string) string {
	if len(text) < 2 || len(text) > 45 || !strings.ContainsAny(text, ".:") || strings.IndexByte("0123456789abcdefABCDEF:", text[0]) < 0 {
		return ""
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return ""
	}
	b := a.As16()
	return fmt.Sprintf("%x", b)
}

// hostSubTypes are the sub-types of attributes that name a host.
var hostSubTypes = map[string]bool{
	"domain": true, "hostname": true, "host": true, "fqdn": true, "url": true, "uri": true, "email_addr": true, "email": true,
}

// maxHost is the longest name of a host.
const maxHost = 253

// hostKey is the host that an attribute names, its labels from the right, each with a dot after it: www.example.com becomes
// com.example.www. so that all hosts below a domain stand together. It is "" when there is none, or it is an address.
func hostKey(subType, text string) string {
	if !hostSubTypes[subType] {
		return ""
	}
	host := hostOf(text)
	if host == "" || len(host) > maxHost || addressKey(host) != "" {
		return ""
	}
	labels := strings.Split(host, ".")
	var b strings.Builder
	b.Grow(len(host) + 1)
	for i := len(labels) - 1; i >= 0; i-- {
		if labels[i] == "" || strings.ContainsFunc(labels[i], notInHost) {
			return ""
		}
		b.WriteString(labels[i])
		b.WriteByte('.')
	}
	return b.String()
}

func notInHost(r rune) bool {
	return r <= ' ' || r == 0x7f || r == utf8.RuneError || r == ':' || r == '/'
}

// hostOf takes the host out of a URL, a mail address or a name, in lower case.
func hostOf(text string) string {
	if _, rest, ok := strings.Cut(text, "://"); ok {
		text = rest
	}
	if i := strings.IndexAny(text, `/\?#`); i >= 0 {
		text = text[:i]
	}
	text = text[strings.LastIndexByte(text, '@')+1:]
	if i := strings.LastIndexByte(text, ':'); i >= 0 && strings.Trim(text[i+1:], "0123456789") == "" {
		text = text[:i]
	}
	return strings.ToLower(strings.TrimSuffix(text, "."))
}

// maxNumber is the largest number that Dgraph's index keeps in order.
const maxNumber = 1 << 62

// numberKey is the value as a number, when it is one that can be ordered.
func numberKey(v tahoe.Value) (float64, bool) {
	f, ok := v.Number()
	return f, ok && math.Abs(f) <= maxNumber
}
