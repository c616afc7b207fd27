package tahoe_test

import (
	"testing"

	"github.com/cybexp/cybexp/tahoe"
)

func BenchmarkAttributeHash(b *testing.B) {
	v := tahoe.String("198.51.100.7")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tahoe.AttributeHash("ipv4", v); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEventHash makes a login as a honeypot sees it: six attributes, two objects, an event.
func BenchmarkEventHash(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		credential := object(b, "credential", attribute(b, "username", "root"), attribute(b, "password", "admin"))
		attacker := object(b, "attacker", attribute(b, "ipv4", "198.51.100.7"))
		event(b, "login", testOrg, 1588032005.834291, credential, attacker, attribute(b, "method", "ssh"), attribute(b, "success", "no"))
	}
}

func BenchmarkParseValue(b *testing.B) {
	line := []byte(`{"eventid":"cowrie.login.success","username":"root","password":"admin","message":"login attempt [root/admin] succeeded","sensor":"f89597a7c9bc","timestamp":"2020-04-28T00:00:05.834291Z","src_ip":"198.51.100.7","session":"806c6ef9"}`)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tahoe.ParseValue(line); err != nil {
			b.Fatal(err)
		}
	}
}
