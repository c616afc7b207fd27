// Package spelling gives values one spelling, so that the same thing, seen by two, is one attribute: case of host names and hashes, the
// text of IP addresses, dots that were made harmless. It is used before values are hashed, and by those who look for them.
package spelling

import (
	"net"
	"net/netip"
	"regexp"
	"strings"

	"golang.org/x/net/idna"

	"github.com/cybexp/cybexp/tahoe"
)

// Value is [Of] for any value: what is no text stays as it is.
func Value(subType string, v tahoe.Value) tahoe.Value {
	text, ok := v.Str()
	if !ok {
		return v
	}
	return tahoe.String(Of(subType, text))
}

// Of gives the one spelling under which a value of a sub-type is hashed, so that the same thing seen by two has one vertex. It
// touches only sub-types whose format leaves no doubt, and within them only values that are of the format; all else stays as it came.
//
//	Of("hostname", "WWW.Example[.]COM.")  =>  "www.example.com"
//	Of("url", "hxxps://Evil[.]example/A") =>  "https://evil.example/A"
//	Of("ipv6", "2001:DB8:0:0::1")         =>  "2001:db8::1"
func Of(subType, text string) string {
	switch subType {
	case "ipv4", "ipv6", "ip":
		return normalIP(text)
	case "cidr":
		return normalCIDR(text)
	case "domain", "hostname":
		return normalHost(text)
	case "url", "uri":
		return URL(text)
	case "email_addr":
		return Email(text)
	case "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha512_224", "sha512_256", "sha3_224", "sha3_256",
		"sha3_384", "sha3_512", "authentihash", "imphash", "pehash", "ja3",
		"ja3s", "hassh", "jarm":
		return normalHash(text)
	case "mac_addr":
		return normalMAC(text)
	case "tag":
		if lower := strings.ToLower(text); strings.HasPrefix(lower, "tlp:") {
			return lower
		}
	case "asn":
		return normalASN(text)
	case "cve_id":
		return strings.ToUpper(strings.TrimSpace(text))
	}
	return text
}

// normalIP also takes off brackets and the zone, which means something on one machine only.
func normalIP(text string) string {
	bare := refang(strings.TrimSpace(text))
	ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(bare, "["), "]"))
	if err != nil {
		return text
	}
	return ip.WithZone("").String()
}

// normalCIDR keeps the bits of the host, if any are set: which network was meant is not ours to say.
func normalCIDR(text string) string {
	net, err := netip.ParsePrefix(refang(strings.TrimSpace(text)))
	if err != nil {
		return text
	}
	return net.String()
}

// normalHost makes lower case and, of names in other scripts, the ASCII form that DNS has.
func normalHost(text string) string {
	host := refang(strings.TrimSpace(text))
	if len(host) > 1 {
		host = strings.TrimSuffix(host, ".")
	}
	if isASCII(host) {
		return strings.ToLower(host)
	}
	if ascii, err := idna.Lookup.ToASCII(host); err == nil {
		return ascii
	}
	return host
}

// URL is [Of] for a URL: it leaves path, query and user as they are. Where scheme or host were made harmless, so was the rest.
func URL(text string) string {
	scheme, rest, ok := CutScheme(strings.TrimSpace(text))
	if !ok {
		return text
	}
	end := strings.IndexAny(rest, `/?#\`)
	if end < 0 {
		end = len(rest)
	}
	authority, path := rest[:end], rest[end:]
	armed := refang(authority)
	fanged := fangedScheme(scheme)
	if armed != authority || fanged != strings.ToLower(scheme) {
		path = refang(path)
	}
	user := ""
	if at := strings.LastIndexByte(armed, '@'); at >= 0 {
		user, armed = armed[:at+1], armed[at+1:]
	}
	host, port := CutPort(armed)
	if strings.HasPrefix(host, "[") {
		if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
			host = "[" + ip.String() + "]"
		}
	} else {
		host = normalHost(host)
	}
	return fanged + "://" + user + host + port + path
}

// CutScheme splits scheme://rest, where the mark between them may be in brackets.
func CutScheme(text string) (scheme, rest string, ok bool) {
	i := schemeMark.FindStringIndex(text)
	if i == nil {
		return "", text, false
	}
	scheme = text[:i[0]]
	for _, c := range scheme {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("+-.*", c) {
			return "", text, false
		}
	}
	return scheme, text[i[1]:], scheme != ""
}

// schemeMark is :// and its disguises.
var schemeMark = regexp.MustCompile(`\[://\]|\[:\]//|:\[//\]|\[:/\]/|://`)

// fangedScheme gives the scheme that hxxp and its like stand for, in lower case.
func fangedScheme(scheme string) string {
	switch scheme = strings.ToLower(scheme); scheme {
	case "hxxp", "hxtp", "htxp", "h**p", "hxp", "xxxp":
		return "http"
	case "hxxps", "hxtps", "htxps", "h**ps", "hxps", "xxxps":
		return "https"
	case "fxp":
		return "ftp"
	}
	return scheme
}

// CutPort splits host:port; port has its colon, or is empty.
func CutPort(authority string) (host, port string) {
	i := strings.LastIndexByte(authority, ':')
	if i < 0 || strings.Trim(authority[i+1:], "0123456789") != "" {
		return authority, ""
	}
	return authority[:i], authority[i:]
}

// Email is [Of] for a mail address: it leaves the part before the @ as it is: whose mailbox that is, is for the host to say.
func Email(text string) string {
	text = refang(strings.TrimSpace(text))
	at := strings.LastIndexByte(text, '@')
	if at < 0 {
		return text
	}
	return text[:at+1] + normalHost(text[at+1:])
}

func normalHash(text string) string {
	digits := strings.TrimSpace(text)
	if !IsHex(digits) {
		return text
	}
	return strings.ToLower(digits)
}

// normalASN writes the number of an autonomous system as AS64496.
func normalASN(text string) string {
	digits := strings.TrimSpace(strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(text)), "AS"))
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return text
	}
	return "AS" + digits
}

func normalMAC(text string) string {
	mac, err := net.ParseMAC(strings.TrimSpace(text))
	if err != nil {
		return text
	}
	return mac.String()
}

// disguises are what people write for dots, colons and at signs so that nobody clicks on them.
var disguises = []struct {
	pattern *regexp.Regexp
	mark    string
}{
	{regexp.MustCompile(`(?i)[\[({]\s*(?:\.|dot)\s*[\])}]`), "."},
	{regexp.MustCompile(`\\\.|\[\.|\.\]`), "."},
	{regexp.MustCompile(`(?i)[\[({]\s*(?:@|at)\s*[\])}]`), "@"},
	{regexp.MustCompile(`\[:\]`), ":"},
	{regexp.MustCompile(`\[/\]`), "/"},
}

// refang takes the disguise off.
func refang(text string) string {
	if !strings.ContainsAny(text, `[({\]`) { // each has one of these
		return text
	}
	for _, d := range disguises {
		text = d.pattern.ReplaceAllString(text, d.mark)
	}
	return text
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}

// IsHex says whether a text is hexadecimal digits.
func IsHex(text string) bool {
	return text != "" && strings.Trim(text, "0123456789abcdefABCDEF") == ""
}
