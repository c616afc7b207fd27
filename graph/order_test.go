package graph

import (
	"slices"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/tahoe"
)

func TestAddressesStandInOneOrder(t *testing.T) {
	inOrder := []string{"::", "::1", "0.0.0.0", "9.255.255.255", "10.0.0.0", "10.255.255.255", "255.255.255.255", "2001:db8::1", "2001:DB8:0:0::2", "ffff::"}
	var keys []string
	for _, text := range inOrder {
		keys = append(keys, addressKey(text))
		if len(keys[len(keys)-1]) != 32 {
			t.Errorf("%s: key %q", text, keys[len(keys)-1])
		}
	}
	if !slices.IsSorted(keys) {
		t.Errorf("not in order: %q", keys)
	}
	if a, b := addressKey("1.2.3.4"), addressKey("::ffff:1.2.3.4"); a != b {
		t.Errorf("one address has two keys: %s, %s", a, b)
	}
	for _, text := range []string{"", "1", "1.2.3", "1.2.3.4.5", "1.2.3.4/8", "256.1.1.1", "example.com", "fe80::1%eth0", "dead.beef", strings.Repeat("1.", 90)} {
		if key := addressKey(text); key != "" {
			t.Errorf("%q is no address, but has key %s", text, key)
		}
	}
}

func TestHosts(t *testing.T) {
	for _, tt := range []struct{ subType, text, want string }{
		{"domain", "example.com", "com.example."},
		{"domain", "WWW.Example.com.", "com.example.www."},
		{"hostname", "localhost", "localhost."},
		{"url", "http://user:pw@www.example.com:8080/a/b?c=http://evil.org#d", "com.example.www."},
		{"url", "https://example.com", "com.example."},
		{"url", "example.com/a", "com.example."},
		{"url", `http://example.com\@evil.org/`, "com.example."},
		{"url", "http://1.2.3.4/a", ""},
		{"url", "http://[2001:db8::1]:80/a", ""},
		{"url", "http://a b/", ""},
		{"url", "mailto:x@example.com", "com.example."},
		{"url", "", ""},
		{"email_addr", "jdoe@example.com", "com.example."},
		{"domain", "a..b", ""},
		{"domain", strings.Repeat("a.", 128), ""},
		{"domain", "bücher.example", "example.bücher."},
		{"subject", "example.com", ""},
	} {
		if got := hostKey(tt.subType, tt.text); got != tt.want {
			t.Errorf("%s %q: got %q, want %q", tt.subType, tt.text, got, tt.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	big, err := tahoe.ParseValue([]byte("1e300"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		v    tahoe.Value
		want float64
		ok   bool
	}{{tahoe.Int(22), 22, true}, {tahoe.Int(-1), -1, true}, {tahoe.String("22"), 0, false}, {tahoe.Bool(true), 0, false}, {tahoe.Null(), 0, false}, {big, 1e300, false}} {
		if got, ok := numberKey(tt.v); ok != tt.ok || ok && got != tt.want {
			t.Errorf("%s: got %v %v", tt.v.Text(), got, ok)
		}
	}
}

func FuzzHostKey(f *testing.F) {
	f.Add("http://user:pw@www.example.com:8080/a")
	f.Fuzz(func(t *testing.T, text string) {
		key := hostKey("url", text)
		if len(key) > maxHost+1 || key != "" && (!strings.HasSuffix(key, ".") || strings.Contains(key, "..") || strings.ContainsAny(key, "/ \n")) {
			t.Errorf("%q: key %q", text, key)
		}
	})
}
