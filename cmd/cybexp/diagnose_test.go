package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/cybexp/cybexp/internal/testcerts"
	"github.com/cybexp/cybexp/telemetry"
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

// TestDoctorAsksNATSForItsCertificate has a cluster of which one server was not told of a renewal, one was told too late, and one is away.
func TestDoctorAsksNATSForItsCertificate(t *testing.T) {
	ca := testcerts.New(t)
	serve := func(name string, left time.Duration) string {
		ca.IssueUntil(name, name, time.Now().Add(left))
		pair, err := tls.LoadX509KeyPair(ca.Path(name+".crt"), ca.Path(name+".key"))
		if err != nil {
			t.Fatal(err)
		}
		s, err := server.NewServer(&server.Options{
			Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, TLSTimeout: 10,
			TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}}, //nolint:gosec // Go's least version is a good one
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		if !s.ReadyForConnections(time.Minute) {
			t.Fatal("NATS does not start")
		}
		return "nats://" + s.Addr().String()
	}
	away, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := away.Close(); err != nil {
		t.Fatal(err)
	}
	servers := []string{serve("told", 3*time.Hour), serve("forgotten", 10*time.Minute), serve("ended", -time.Minute), "nats://" + away.Addr().String()}
	p := &platform{log: slog.New(slog.DiscardHandler)}
	p.nats, p.natsTLS.CA = strings.Join(servers, ","), ca.Path("ca.crt")
	var f findings
	p.checkNATS(&f)
	want := []web.Health{web.OK, web.Warn, web.Fail, web.Warn}
	if len(f) != len(want) {
		t.Fatalf("%d findings, want %d: %+v", len(f), len(want), f)
	}
	for i, found := range f {
		if found.Status != want[i] || !strings.Contains(found.Text, servers[i]) || i < 3 && found.Check != "certificates" {
			t.Errorf("%s: %+v, want %s", servers[i], found, want[i])
		}
	}
}

// TestCertificatesAreMeasured renews one certificate under a process, and hurts another.
func TestCertificatesAreMeasured(t *testing.T) {
	ca := testcerts.New(t)
	ends := time.Now().Add(48 * time.Hour)
	ca.Issue("web", "web")
	ca.IssueUntil("client", "client", ends)
	p := &platform{metrics: telemetry.NewMetrics("test")}
	p.tls.Cert, p.dgraphTLS.Cert, p.natsTLS.Cert = ca.Path("web.crt"), ca.Path("client.crt"), ca.Path("client.crt")
	p.askCertificates()
	wants := func(use string, end time.Time) {
		t.Helper()
		w := httptest.NewRecorder()
		p.metrics.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		if want := fmt.Sprintf("\ncybexp_certificate_not_after_seconds{use=%q} %g\n", use, float64(end.Unix())); !strings.Contains(w.Body.String(), want) {
			t.Errorf("there is no %s in\n%s", want, w.Body)
		}
	}
	wants("dgraph", ends)
	wants("nats", ends)
	ca.IssueUntil("web", "web", ends.Add(time.Hour))
	wants("listen", ends.Add(time.Hour))
	if err := os.Remove(p.tls.Cert); err != nil {
		t.Fatal(err)
	}
	wants("listen", time.Unix(0, 0))
	wants("nats", ends)
}
