package spelling_test

import (
	"testing"

	"github.com/cybexp/cybexp/spelling"
)

func TestOf(t *testing.T) {
	for _, c := range []struct{ subType, text, want string }{
		{"ipv4", " 192.0.2.1 ", "192.0.2.1"},
		{"ipv4", "192[.]0[.]2[.]1", "192.0.2.1"},
		{"ipv4", "192.0.2.01", "192.0.2.01"}, // octal or not: nobody knows
		{"ipv4", "192.0.2.1:80", "192.0.2.1:80"},
		{"ipv6", "2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
		{"ipv6", "[2001:db8::0001]", "2001:db8::1"},
		{"ipv6", "fe80::1%eth0", "fe80::1"},
		{"ipv6", "2001[:]db8[:][:]1", "2001:db8::1"},
		{"ipv6", "no address", "no address"},
		{"cidr", "192.0.2[.]0/24", "192.0.2.0/24"},
		{"cidr", "2001:DB8:0::/32", "2001:db8::/32"},
		{"cidr", "192.0.2.7/24", "192.0.2.7/24"},
		{"cidr", "192.0.2.0/99", "192.0.2.0/99"},
		{"domain", "WWW.Example.COM.", "www.example.com"},
		{"domain", "evil[.]example", "evil.example"},
		{"domain", "evil(dot)example", "evil.example"},
		{"domain", "evil[ DOT ]example", "evil.example"},
		{"domain", "evil[.example", "evil.example"},
		{"domain", `evil\.example`, "evil.example"},
		{"domain", "Bücher.example", "xn--bcher-kva.example"},
		{"domain", "XN--Bcher-KVA.example", "xn--bcher-kva.example"},
		{"domain", "_dmarc.Example.com", "_dmarc.example.com"},
		{"domain", ".", "."},
		{"domain", "", ""},
		{"hostname", "WS-17", "ws-17"},
		{"url", "HTTP://Example.COM:8080/A?B=C#D", "http://example.com:8080/A?B=C#D"},
		{"url", "hxxps://Evil[.]example/a[.]php", "https://evil.example/a.php"},
		{"url", "hXXp://evil.example/a[.]php", "http://evil.example/a.php"},
		{"url", "http://good.example/a[.]php?x=[at]", "http://good.example/a[.]php?x=[at]"},
		{"url", "http[:]//evil.example/", "http://evil.example/"},
		{"url", "https[://]evil[.]example", "https://evil.example"},
		{"url", "fxp://evil.example", "ftp://evil.example"},
		{"url", "http://User:Pass@Evil.example./X", "http://User:Pass@evil.example/X"},
		{"url", "http://[2001:DB8::0]:80/", "http://[2001:db8::]:80/"},
		{"url", "http://[::]/", "http://[::]/"},
		{"url", "http://Évil.example/é", "http://xn--vil-9la.example/é"},
		{"url", "Evil.example/Path", "Evil.example/Path"},
		{"url", "http:/", "http:/"},
		{"url", "see http://Evil.example", "see http://Evil.example"},
		{"url", "http://", "http://"},
		{"email_addr", "John.Doe@Example.COM", "John.Doe@example.com"},
		{"email_addr", "john[at]example[.]com", "john@example.com"},
		{"email_addr", "john", "john"},
		{"md5", " D41D8CD98F00B204E9800998ECF8427E ", "d41d8cd98f00b204e9800998ecf8427e"},
		{"sha256", "not a Hash", "not a Hash"},
		{"mac_addr", "00-1A-2B-3C-4D-5E", "00:1a:2b:3c:4d:5e"},
		{"mac_addr", "001A.2B3C.4D5E", "00:1a:2b:3c:4d:5e"},
		{"sha3_256", "AB", "ab"},
		{"asn", "as 64496", "AS64496"},
		{"asn", "64496", "AS64496"},
		{"asn", "Example Net", "Example Net"},
		{"tag", "TLP:AMBER+STRICT", "tlp:amber+strict"},
		{"tag", "Ransomware", "Ransomware"},
		{"cve_id", "cve-2021-44228", "CVE-2021-44228"},
		{"filename", "Evil[.]EXE", "Evil[.]EXE"},
		{"password", " Hello.COM. ", " Hello.COM. "},
	} {
		got := spelling.Of(c.subType, c.text)
		if got != c.want {
			t.Errorf("Of(%q, %q): got %q, want %q", c.subType, c.text, got, c.want)
		}
		if again := spelling.Of(c.subType, got); again != got {
			t.Errorf("Of(%q, %q): got %q, and of that %q", c.subType, c.text, got, again)
		}
	}
}

func FuzzOf(f *testing.F) {
	for _, seed := range []string{"hxxp://a[.]b/", "[::1]", "a[at]b", "192.0.2.0/24", "Ünï.example.", "http://[::1]:x", `a\\..`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, subType := range []string{"ipv4", "cidr", "domain", "url", "email_addr", "md5", "mac_addr", "cve_id"} {
			_ = spelling.Of(subType, text)
		}
		if got := spelling.Of("filename", text); got != text {
			t.Errorf("got %q, want %q", got, text)
		}
	})
}
