package indicator

import (
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cybexp/cybexp/spelling"
)

// Instance is the sub-type that Find gives to what may be the hash of an instance, Any to what may be a value of any sub-type.
const (
	Instance = "instance"
	Any      = "any"
)

// forms are what Of does not tell, because in records the field does.
var forms = []struct {
	subType string
	form    *regexp.Regexp
}{
	{"cve_id", regexp.MustCompile(`^(?i)cve-\d{4}-\d{4,19}$`)},
	{"asn", regexp.MustCompile(`^(?i)asn?\d{1,10}$`)},
	{"ssdeep", regexp.MustCompile(`^\d{1,10}:[A-Za-z0-9/+]{3,128}:[A-Za-z0-9/+]{3,128}$`)},
	{"mac_addr", regexp.MustCompile(`^(?i)(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}$`)},
}

// pathForm is a path of Windows or Unix, of a share too; fileForm a name of a file with an ending.
var (
	pathForm = regexp.MustCompile(`^(?:[A-Za-z]:\\|\\\\[^\\\s]+\\|%[A-Za-z]+%\\|~?/[^/\s])[^\x00-\x1f"<>|]*$`)
	fileForm = regexp.MustCompile(`^[^\x00-\x1f"<>|/\\:*?]*[^\x00-\x1f"<>|/\\:*?.\s]\.([A-Za-z0-9]{1,5})$`)
)

// Find finds the indicators in text that somebody has pasted, several lines of it perhaps, each once and at most so many. What may be two
// things is told as both, the likelier first: the host of a URL stands behind it.
func Find(text string, most int) []Indicator {
	f := &finder{most: most, have: map[Indicator]bool{}}
	for line := range strings.Lines(text) {
		if f.line(strings.TrimSpace(line)); len(f.out) == most {
			break
		}
	}
	return f.out
}

// maxWord is the longest word that is looked at: URLs may be long.
const maxWord = 8 << 10

type finder struct {
	most int
	out  []Indicator
	have map[Indicator]bool
}

// line looks at a line as a whole, and if that is nothing, at its words.
func (f *finder) line(line string) {
	if len(line) <= maxWord && f.word(line) {
		return
	}
	for word := range strings.FieldsFuncSeq(line, isGap) {
		if len(word) <= maxWord && !f.word(trimWord(word)) {
			if key, value, ok := strings.Cut(word, "="); ok && key != "" { // src=192.0.2.7
				f.word(trimWord(value))
			}
		}
	}
}

// isGap says what stands between words. A comma may stand in a URL, but people put it between indicators more often.
func isGap(c rune) bool { return strings.ContainsRune(" \t,;|<>\"'`", c) }

// trimWord takes off what surrounds an indicator in a sentence. A bracket that disguises a dot stays.
func trimWord(word string) string {
	return TrimURL(strings.TrimLeft(word, "([{*-"))
}

// word adds what a word names.
func (f *finder) word(text string) bool {
	text = strings.TrimSpace(text)
	if text == "" || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return false
	}
	for _, form := range forms {
		if value := spelling.Of(form.subType, text); form.form.MatchString(text) {
			if form.subType == "asn" {
				value = spelling.Of("asn", strings.TrimLeft(text, "ASNasn"))
			}
			return f.add(form.subType, value, "")
		}
	}
	found, ok := WithPort(text)
	if ok && (found.SubType != "url" || !strings.ContainsAny(text, " \t")) { // a URL has no spaces, and a disguise may
		f.add(found.SubType, found.Value, found.Port)
		f.also(found)
		return true
	}
	return f.file(text)
}

// file adds a path, and the name of the file at its end.
func (f *finder) file(text string) bool {
	path := pathForm.MatchString(text)
	if path {
		f.add(Any, text, "")
	} else if !isFile(text) {
		return false
	}
	return f.add("filename", text[strings.LastIndexAny(text, `/\`)+1:], "")
}

func isFile(text string) bool {
	m := fileForm.FindStringSubmatch(text)
	return m != nil && fileEndings[strings.ToLower(m[1])]
}

// also adds what else an indicator may be, or what it holds.
func (f *finder) also(found Indicator) {
	switch found.SubType {
	case "sha256":
		f.add(Instance, found.Value, "")
	case "md5": // fingerprints of TLS and SSH are as long
		f.add(Any, found.Value, "")
	case "email_addr":
		f.add("domain", found.Value[strings.LastIndexByte(found.Value, '@')+1:], "")
	case "url":
		u, err := url.Parse(found.Value)
		if err != nil || u.Hostname() == "" {
			return
		}
		if subType, host := Address(u.Hostname()); subType != "domain" || IsDomain(host) {
			f.add(subType, host, u.Port())
		}
	case "cidr":
		if p, err := netip.ParsePrefix(found.Value); err == nil && p.IsSingleIP() {
			subType, value := Address(p.Addr().String())
			f.add(subType, value, "")
		}
	}
}

func (f *finder) add(subType, value, port string) bool {
	key := Indicator{SubType: subType, Value: value}
	if value != "" && len(f.out) < f.most && !f.have[key] {
		f.have[key] = true
		f.out = append(f.out, Indicator{subType, value, port})
	}
	return true
}

// TrimURL takes off the marks that end a sentence or a bracket around a URL in it.
func TrimURL(text string) string {
	for {
		cut := strings.TrimRight(text, `.,;:!?'*_|`)
		for _, pair := range []string{"()", "[]", "{}"} {
			if strings.HasSuffix(cut, pair[1:]) && strings.Count(cut, pair[:1]) < strings.Count(cut, pair[1:]) {
				cut = cut[:len(cut)-1]
			}
		}
		if cut == text {
			return text
		}
		text = cut
	}
}
