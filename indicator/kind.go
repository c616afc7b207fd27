// Package indicator tells what kind of thing a text names that nobody has named: an address, a network, a domain, a URL, a hash. What
// analysts made harmless, such as evil[.]example, is understood. It is pure, and knows neither records nor queries.
//
//	indicator.Of("hxxp://Evil[.]example/a")   =>  url http://evil.example/a
//	indicator.Find("see 192.0.2[.]7:22, CVE-2021-44228")
package indicator

import (
	"net/netip"
	"regexp"
	"strings"

	"github.com/cybexp/cybexp/spelling"
)

// Indicator is a value in its normal spelling, and what it is. An address or a domain may have had a port.
type Indicator struct {
	SubType string
	Value   string
	Port    string
}

// Of tells of a value what it is: an address, a network, a domain, a URL, an e-mail address or a hash.
func Of(text string) (Indicator, bool) {
	text = strings.TrimSpace(text)
	if hash, isHash := HashKind(text); isHash {
		return Indicator{SubType: hash, Value: spelling.Of(hash, text)}, true
	}
	for _, subType := range []string{"ipv4", "cidr", "url", "email_addr", "domain"} {
		value := spelling.Of(subType, text)
		if !kinds[subType](value) {
			continue
		}
		if ip, err := netip.ParseAddr(value); err == nil {
			subType, value = Address(ip.String())
		}
		return Indicator{SubType: subType, Value: value}, true
	}
	return Indicator{}, false
}

// WithPort is Of, and also reads host:port.
func WithPort(text string) (Indicator, bool) {
	if found, ok := Of(text); ok {
		return found, true
	}
	host, port := spelling.CutPort(strings.TrimSpace(text))
	if len(port) < 2 || len(port) > 6 {
		return Indicator{}, false
	}
	found, ok := Of(host)
	if !ok || found.SubType != "ipv4" && found.SubType != "ipv6" && found.SubType != "domain" {
		return Indicator{}, false
	}
	found.Port = port[1:]
	return found, true
}

// Address tells what kind of address text is, of which nothing else is thinkable, and gives its usual spelling.
func Address(text string) (subType, value string) {
	bare := strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	ip, err := netip.ParseAddr(bare)
	switch ip = ip.Unmap().WithZone(""); {
	case err == nil && ip.Is4():
		return "ipv4", ip.String()
	case err == nil:
		return "ipv6", ip.String()
	case strings.Contains(text, "/"):
		return "url", text
	}
	return "domain", text
}

// kinds tells of a value in its normal spelling whether it is of the sub-type.
var kinds = map[string]func(string) bool{
	"ipv4":       func(s string) bool { _, err := netip.ParseAddr(s); return err == nil },
	"cidr":       func(s string) bool { _, err := netip.ParsePrefix(s); return err == nil },
	"url":        IsURL,
	"email_addr": IsEmail,
	"domain":     IsDomain,
}

// HashKind tells a hash by its length.
func HashKind(text string) (string, bool) {
	if !spelling.IsHex(text) {
		return "", false
	}
	switch len(text) {
	case 32:
		return "md5", true
	case 40:
		return "sha1", true
	case 64:
		return "sha256", true
	case 128:
		return "sha512", true
	}
	return "", false
}

// IsURL asks for a scheme and a host.
func IsURL(text string) bool {
	scheme, rest, ok := spelling.CutScheme(text)
	return ok && len(scheme) >= 3 && rest != "" && !strings.ContainsAny(rest[:1], "/?# ")
}

var (
	emailForm  = regexp.MustCompile(`^[^\s@<>"(),:;\\]+@([^\s@]+)$`)
	domainForm = regexp.MustCompile(`^(?:[a-z0-9_](?:[a-z0-9_-]{0,62})\.)+(?:[a-z][a-z]{1,62}|xn--[a-z0-9-]{1,59})$`)
)

// IsEmail asks for something before the @ and a domain after it.
func IsEmail(text string) bool {
	m := emailForm.FindStringSubmatch(text)
	return m != nil && IsDomain(m[1])
}

// IsDomain asks for a top-level domain of letters, so that versions and numbers are none, and that it is not the ending of a file.
func IsDomain(text string) bool {
	return len(text) <= 253 && domainForm.MatchString(text) && !fileEndings[text[strings.LastIndexByte(text, '.')+1:]]
}

// fileEndings are those of files that turn up among indicators and are no top-level domains that do.
var fileEndings = func() map[string]bool {
	endings := map[string]bool{}
	for ending := range strings.FieldsSeq(`exe dll doc docx docm xls xlsx xlsm pdf js vbs bat ps txt jpg png gif dat tmp lnk iso rar php html htm json xml csv jar
		apk elf bin msi hta cmd sys one img`) {
		endings[ending] = true
	}
	return endings
}()
