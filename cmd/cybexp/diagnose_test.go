package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cybexp/cybexp/internal/testcerts"
	"github.com/cybexp/cybexp/web"
)

// TestDoctorLooksAtCertificates tries one of each age, and a file that is none.
func TestDoctorLooksAtCertificates(t *testing.T) {
	ca := testcerts.New(t)
	for _, c := range []struct {
		name string
		end  time.Duration // from now; the certificate began an hour ago
		want web.Health
	}{
		{"young", 90 * 24 * time.Hour, web.OK},
		{"old", 13 * 24 * time.Hour, web.OK}, // a fifth of its life is 2.6 days
		{"short", 2 * time.Hour, web.OK},
		{"shorter", 10 * time.Minute, web.Warn},
		{"ended", -time.Minute, web.Fail},
	} {
		ca.IssueUntil(c.name, c.name, time.Now().Add(c.end))
		p := &platform{}
		p.tls.Cert = ca.Path(c.name + ".crt")
		var f findings
		p.checkCertificates(&f)
		if len(f) != 1 || f[0].Status != c.want || !strings.Contains(f[0].Text, p.tls.Cert) {
			t.Errorf("%s: %+v, want %s", c.name, f, c.want)
		}
	}
	p := &platform{}
	p.natsTLS.Cert = ca.Path("cut.crt")
	if err := os.WriteFile(p.natsTLS.Cert, []byte("-----BEGIN CERTI"), 0o600); err != nil {
		t.Fatal(err)
	}
	var f findings
	p.checkCertificates(&f)
	if len(f) != 1 || f[0].Status != web.Fail {
		t.Errorf("a cut file: %+v", f)
	}
}
