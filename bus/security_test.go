package bus_test

import (
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/certs"
	"github.com/cybexp/cybexp/internal/testcerts"
)

// secured starts a server that asks for a certificate of ca and a password.
func secured(t *testing.T, ca *testcerts.Authority, dir, addr, password string) *server.Server {
	t.Helper()
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	port := tcp.Port
	if port == 0 {
		port = server.RANDOM_PORT
	}
	config, err := certs.Server{Cert: ca.Path("server.crt"), Key: ca.Path("server.key"), ClientCA: ca.Path("ca.crt")}.Load(quiet(t))
	if err != nil {
		t.Fatal(err)
	}
	return serving(t, &server.Options{
		Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true,
		TLSConfig: config, TLSVerify: true, TLSTimeout: 10, Users: []*server.User{{Username: "cybexp", Password: password}},
	})
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestCertificatesAndPasswordsAreRenewed moves the server to another authority and another password, and the bus with it.
func TestCertificatesAndPasswordsAreRenewed(t *testing.T) {
	ca, next := testcerts.New(t), testcerts.New(t)
	for _, a := range []*testcerts.Authority{ca, next} {
		a.Issue("server", "server")
		a.Issue("client", "client")
	}
	dir, creds := t.TempDir(), filepath.Join(t.TempDir(), "nats")
	writeFile(t, creds, "cybexp:first:one\n")
	srv := secured(t, ca, dir, "127.0.0.1:0", "first:one")
	files := certs.Client{CA: ca.Path("ca.crt"), Cert: ca.Path("client.crt"), Key: ca.Path("client.key")}
	config, err := files.Load(quiet(t))
	if err != nil {
		t.Fatal(err)
	}
	c := bus.Config{URL: "nats://" + srv.Addr().String(), TLS: config, Creds: creds, Logger: quiet(t)}
	b, err := bus.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	publish(t, stream(t, b, bus.StreamConfig{Name: "s", Subjects: []string{"s.>"}}), "s.a", "one")

	t.Run("strangers stay outside", func(t *testing.T) {
		for name, change := range map[string]func(*bus.Config){
			"no certificate": func(c *bus.Config) { c.TLS = loaded(t, certs.Client{CA: files.CA}) },
			"no TLS":         func(c *bus.Config) { c.TLS = nil },
			"no user":        func(c *bus.Config) { c.Creds = "" },
			"another's": func(c *bus.Config) {
				c.TLS = loaded(t, certs.Client{CA: next.Path("ca.crt"), Cert: files.Cert, Key: files.Key})
			},
		} {
			c := c
			change(&c)
			if b, err := bus.Open(t.Context(), c); err == nil {
				b.Close()
				t.Errorf("%s: no error", name)
			}
		}
	})

	addr := srv.Addr().String()
	srv.Shutdown()
	srv.WaitForShutdown()
	for _, name := range []string{"ca.crt", "client.crt", "client.key"} {
		text, err := os.ReadFile(next.Path(name))
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, ca.Path(name), string(text))
	}
	writeFile(t, creds, "cybexp:second")
	secured(t, next, dir, addr, "second")
	until(t, "the bus is back", func() bool { return b.Ready(t.Context()) == nil })
}

func loaded(t *testing.T, c certs.Client) func() *tls.Config {
	t.Helper()
	config, err := c.Load(quiet(t))
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func TestCredentialsThatAreNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "creds")
	for _, text := range []string{"", "password", ":password", "one:two\nthree:four"} {
		writeFile(t, path, text)
		if b, err := bus.Open(t.Context(), bus.Config{URL: "nats://127.0.0.1:1", Creds: path}); err == nil || !strings.Contains(err.Error(), path) {
			if b != nil {
				b.Close()
			}
			t.Errorf("%q: got %v", text, err)
		}
	}
}
