package filter

import (
	"net/netip"
	"regexp"
	"strings"

	"github.com/cybexp/cybexp/spelling"
)

// kindOf tells of a value that nobody has named what it is: an address, a network, a domain, a URL, an e-mail address or a hash, also
// in disguise. The text comes back in its normal spelling.
func kindOf(text string) (subType, value string, ok bool) {
	text = strings.TrimSpace(text)
	if hash, isHash := hashKind(text); isHash {
		return hash, spelling.Of(hash, text), true
	}
	for _, subType := range []string{"ipv4", "cidr", "url", "email_addr", "domain"} {
		value := spelling.Of(subType, text)
		if !kinds[subType](value) {
			continue
		}
		if ip, err := netip.ParseAddr(value); err == nil {
			kind, spelling := classify(ip.String())
			return kind, spelling, true
		}
		return subType, value, true
	}
	return "", "", false
}

// kinds tells of a value in its normal spelling whether it is of the sub-type.
var kinds = map[string]func(string) bool{
	"ipv4":       func(s string) bool { _, err := netip.ParseAddr(s); return err == nil },
	"cidr":       func(s string) bool { _, err := netip.ParsePrefix(s); return err == nil },
	"url":        isURL,
	"email_addr": isEmail,
	"domain":     isDomain,
}

// hashKind tells a hash by its length.
func hashKind(text string) (string, bool) {
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

func isURL(text string) bool {
	scheme, rest, ok := spelling.CutScheme(text)
	return ok && len(scheme) >= 3 && rest != "" && !strings.ContainsAny(rest[:1], "/?# ")
}

var (
	emailForm  = regexp.MustCompile(`^[^\s@<>"(),:;\\]+@([^\s@]+)$`)
	domainForm = regexp.MustCompile(`^(?:[a-z0-9_](?:[a-z0-9_-]{0,62})\.)+(?:[a-z][a-z]{1,62}|xn--[a-z0-9-]{1,59})$`)
)

func isEmail(text string) bool {
	m := emailForm.FindStringSubmatch(text)
	return m != nil && isDomain(m[1])
}

// isDomain asks for a top-level domain of letters, so that versions and numbers are none, and that it is not the ending of a file.
func isDomain(text string) bool {
	if len(text) > 253 || !domainForm.MatchString(text) {
		return false
	}
	switch text[strings.LastIndexByte(text, '.')+1:] {
	case "exe", "dll", "doc", "docx", "docm", "xls", "xlsx", "xlsm", "pdf", "js", "vbs", "bat", "ps", "txt", "jpg", "png", "gif", "dat", "tmp",
		"lnk", "iso", "rar", "php", "html", "htm", "json", "xml", "csv", "jar", "apk", "elf", "bin", "msi", "hta", "cmd", "sys", "one", "img":
		return false
	}
	return true
}
