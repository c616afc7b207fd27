package source

import (
	"cmp"
	"net"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones must be known on a machine that has none installed
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"

	"github.com/cybexp/cybexp/tahoe"
)

// Lengths of what people write, in bytes.
const (
	maxName   = 200
	maxText   = 2000
	maxSecret = 4096
	maxFilter = 20
)

// secretMark stands in a URL for the secret.
const secretMark = "{secret}"

// complete fills in what s leaves out and tells what is wrong with it.
func (s *Source) complete(secret string, least time.Duration) error {
	s.Timezone = cmp.Or(s.Timezone, "UTC")
	if s.Name == "" || len(s.Name) > maxName || !oneLine(s.Name) || strings.TrimSpace(s.Name) != s.Name {
		return invalid("the name must be a line of 1 to %d bytes", maxName)
	}
	if s.Org.IsZero() {
		return invalid("no organisation")
	}
	if err := tahoe.ValidSubType(s.Typetag); err != nil {
		return invalid("typetag: %w", err)
	}
	if _, err := time.LoadLocation(s.Timezone); err != nil || s.Timezone == "Local" {
		return invalid("%.60q is no IANA time zone such as America/Los_Angeles", s.Timezone)
	}
	if len(secret) > maxSecret || !httpguts.ValidHeaderFieldValue(secret) {
		return invalid("the secret must be a line of at most %d bytes", maxSecret)
	}
	s.Secret = secret != ""
	if err := s.checkKind(); err != nil {
		return err
	}
	if s.periodic() && (time.Duration(s.Period) < least || time.Duration(s.Period) > maxPeriod) {
		return invalid("the period must be within %v and %v", least, maxPeriod)
	}
	return nil
}

const maxPeriod = 366 * 24 * time.Hour

// periodic tells whether the source is looked at every now and then; others send by themselves.
func (s *Source) periodic() bool {
	return s.Kind == HTTP || s.Kind == MISP || s.Kind == TAXII || s.Kind == File
}

// checkKind wants the settings that the kind needs, and no others.
func (s *Source) checkKind() error {
	var may []string
	var period time.Duration
	var check error
	switch s.Kind {
	case WebSocket:
		may, check = []string{"url", "login", "header", "secret"}, s.checkURL("ws", "wss")
	case HTTP:
		may, period, check = []string{"url", "login", "header", "secret", "period"}, time.Hour, s.checkURL("http", "https")
	case MISP:
		may, period = []string{"url", "login", "header", "secret", "period", "mode", "filter", "since"}, 12*time.Hour
		check = cmp.Or(s.checkURL("http", "https"), s.checkMode("feed", "search"), s.checkFilter())
	case TAXII:
		may, period = []string{"url", "login", "header", "secret", "period", "filter", "since"}, 15*time.Minute
		check = cmp.Or(s.checkURL("http", "https"), s.checkFilter())
	case File:
		may, period = []string{"path", "mode", "period"}, time.Second
		if check = cmp.Or(s.checkMode("tail", "whole"), s.checkPath()); s.Mode == "whole" {
			period = 10 * time.Second // a file that does not change for so long is complete
		}
	case Syslog:
		may, check = []string{"listen"}, s.checkListen()
	case "stdin":
		return invalid("standard input is read where it is: cybexp send -")
	default:
		return invalid("%.40q is no kind of source: there are %s", s.Kind, kindList())
	}
	if extra := s.set(may); extra != "" {
		return invalid("a source of kind %s has no %s", s.Kind, extra)
	}
	s.Period = cmp.Or(s.Period, Period(period))
	return check
}

func kindList() string {
	names := make([]string, len(Kinds()))
	for i, k := range Kinds() {
		names[i] = string(k)
	}
	return strings.Join(names, ", ")
}

// set names a setting that is there and is none of those in may.
func (s *Source) set(may []string) string {
	for _, field := range []struct {
		name string
		set  bool
	}{
		{"url", s.URL != ""}, {"login", s.Login != ""}, {"header", s.Header != ""}, {"secret", s.Secret}, {"mode", s.Mode != ""},
		{"path", s.Path != ""}, {"listen", s.Listen != ""}, {"since", !s.Since.IsZero()}, {"filter", len(s.Filter) > 0},
		{"period", s.Period != 0},
	} {
		if field.set && !slices.Contains(may, field.name) {
			return field.name
		}
	}
	return ""
}

func (s *Source) checkURL(schemes ...string) error {
	u, err := url.Parse(strings.ReplaceAll(s.URL, secretMark, "secret"))
	switch {
	case err != nil || u.Host == "" || u.Opaque != "" || len(s.URL) > maxText || !oneLine(s.URL):
		return invalid("a source of kind %s needs a URL such as %s://feed.example.org/list", s.Kind, schemes[len(schemes)-1])
	case !slices.Contains(schemes, u.Scheme):
		return invalid("a source of kind %s needs a URL with %s, not %.20q", s.Kind, strings.Join(schemes, " or "), u.Scheme)
	case (s.Kind == MISP || s.Kind == TAXII) && strings.ContainsAny(s.URL, "?#"):
		return invalid("the URL of a source of kind %s has no ? and no #: it is where others begin", s.Kind)
	case u.User != nil:
		return invalid("the URL must not hold a password: give login and secret")
	case strings.Contains(s.URL, secretMark) && (!s.Secret || s.Login != "" || s.Header != ""):
		return invalid("%s in the URL needs a secret, and neither login nor header", secretMark)
	case secretInHost(s.URL):
		return invalid("%s must stand behind the host", secretMark)
	}
	return s.checkLogin()
}

// secretInHost tells a URL that would hand the secret to whoever resolves names.
func secretInHost(address string) bool {
	_, rest, _ := strings.Cut(address, "://")
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	return strings.Contains(rest, secretMark)
}

func (s *Source) checkLogin() error {
	switch {
	case (s.Login != "" || s.Header != "") && !s.Secret:
		return invalid("login and header need a secret")
	case s.Login != "" && s.Header != "":
		return invalid("login and header exclude each other")
	case len(s.Login) > maxName || !oneLine(s.Login) || strings.Contains(s.Login, ":"):
		return invalid("the login must be a line of at most %d bytes without a colon", maxName)
	case s.Header != "" && (!httpguts.ValidHeaderFieldName(s.Header) || reserved(s.Header)):
		return invalid("%.40q is no header that can carry a secret", s.Header)
	}
	return nil
}

// reserved tells the headers that are ours to set.
func reserved(header string) bool {
	switch http.CanonicalHeaderKey(header) {
	case "Host", "Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "Te", "Trailer", "Accept", "Accept-Encoding",
		"Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Extensions", "Sec-Websocket-Protocol", "If-None-Match", "If-Modified-Since":
		return true
	}
	return false
}

func (s *Source) checkMode(modes ...string) error {
	if s.Mode = cmp.Or(s.Mode, modes[0]); !slices.Contains(modes, s.Mode) {
		return invalid("the mode of a source of kind %s is %s, not %.20q", s.Kind, strings.Join(modes, " or "), s.Mode)
	}
	return nil
}

func (s *Source) checkFilter() error {
	if len(s.Filter) == 0 {
		return nil
	}
	if s.Kind == MISP && s.Mode != "search" {
		return invalid("a filter goes with the mode search only")
	}
	if len(s.Filter) > maxFilter {
		return invalid("a filter has at most %d names", maxFilter)
	}
	for name, values := range s.Filter {
		plain := func(r rune) bool { return r < 'a' || r > 'z' }
		if name == "" || len(name) > 40 || strings.ContainsFunc(strings.ReplaceAll(name, "_", ""), plain) {
			return invalid("%.40q is no name of a filter", name)
		}
		if s.Kind == MISP && slices.Contains(searchOwn, name) {
			return invalid("the filter %q is not for you to set", name)
		}
		for _, v := range values {
			if len(v) > maxText || !oneLine(v) {
				return invalid("a value of the filter %q is too long or no line", name)
			}
		}
	}
	return nil
}

// checkPath wants a path inside of the folder that the server allows.
func (s *Source) checkPath() error {
	clean := path.Clean(filepath.ToSlash(s.Path))
	if s.Path == "" || len(s.Path) > maxText || !oneLine(s.Path) || !filepath.IsLocal(clean) {
		return invalid("a source of kind file needs a path under the folder that the server allows, without .. and / at its beginning")
	}
	if _, err := path.Match(clean, ""); err != nil {
		return invalid("%.60q is no pattern", s.Path)
	}
	s.Path = clean
	if s.Mode == "tail" && slices.Contains([]string{"email", "csv", "phishtank_feed"}, s.Typetag) {
		return invalid("files of format %s mean something as a whole only: the mode must be whole", s.Typetag)
	}
	return nil
}

func (s *Source) checkListen() error {
	network, port, err := net.SplitHostPort(s.Listen)
	n, perr := strconv.ParseUint(port, 10, 16)
	if err != nil || perr != nil || !slices.Contains([]string{"udp", "tcp", "tls"}, network) {
		return invalid("a source of kind syslog listens on udp:PORT, tcp:PORT or tls:PORT, not %.40q", s.Listen)
	}
	s.Listen = network + ":" + strconv.FormatUint(n, 10)
	return nil
}

func oneLine(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}
