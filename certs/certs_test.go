package certs_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/certs"
	"github.com/cybexp/cybexp/internal/testcerts"
)

var quiet = slog.New(slog.DiscardHandler)

func pair(ca *testcerts.Authority, name string) certs.Server {
	return certs.Server{Cert: ca.Path(name + ".crt"), Key: ca.Path(name + ".key")}
}

// serve answers hello over TLS and returns the URL.
func serve(t *testing.T, s certs.Server, log *slog.Logger) string {
	t.Helper()
	c, err := s.Load(log)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		Handler:  http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }),
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo),
	}
	go func() { _ = server.Serve(tls.NewListener(l, c)) }()
	t.Cleanup(func() { _ = server.Close() })
	return "https://" + l.Addr().String()
}

func client(t *testing.T, c certs.Client) func() *tls.Config {
	t.Helper()
	config, err := c.Load(quiet)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func connect(config func() *tls.Config) *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config()}}
}

// subject asks and tells whose certificate the server has.
func subject(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); string(text) != "hello" {
		t.Fatalf("answer %q, %v", text, err)
	}
	return resp.TLS.PeerCertificates[0].Subject.CommonName
}

// TestServerIsRenewed swaps the files under a running server: who is connected stays, who comes sees the new ones.
func TestServerIsRenewed(t *testing.T) {
	ca := testcerts.New(t)
	ca.Issue("server", "first")
	var log bytes.Buffer // written by handshakes that subject has waited for
	url := serve(t, pair(ca, "server"), slog.New(slog.NewTextHandler(&log, nil)))
	trust := client(t, certs.Client{CA: ca.Path("ca.crt")})
	old := connect(trust)
	want := func(who string, c *http.Client, want string) {
		t.Helper()
		if got := subject(t, c, url); got != want {
			t.Errorf("%s has certificate %q, want %q", who, got, want)
		}
	}
	want("the first connection", old, "first")
	ca.Issue("server", "second")
	want("the open connection", old, "first")
	want("a new connection", connect(trust), "second")

	ca.Issue("other", "third")
	if err := os.Rename(ca.Path("other.crt"), ca.Path("server.crt")); err != nil {
		t.Fatal(err)
	}
	want("one in the middle of a renewal", connect(trust), "second")
	want("another", connect(trust), "second")
	if err := os.Remove(ca.Path("server.crt")); err != nil {
		t.Fatal(err)
	}
	want("one while a file is gone", connect(trust), "second")
	want("another", connect(trust), "second")
	ca.Issue("server", "fourth")
	want("one after the renewal", connect(trust), "fourth")
	if warned, renewed := strings.Count(log.String(), "level=WARN"), strings.Count(log.String(), "certificates renewed"); warned != 2 || renewed != 2 {
		t.Errorf("the log has %d warnings and %d renewals, want 2 and 2:\n%s", warned, renewed, &log)
	}
}

// TestClientIsRenewed changes the authority itself under a server and its client.
func TestClientIsRenewed(t *testing.T) {
	ca, next := testcerts.New(t), testcerts.New(t)
	ca.Issue("server", "old")
	ca.Issue("client", "old")
	mine := client(t, certs.Client{CA: ca.Path("ca.crt"), Cert: ca.Path("client.crt"), Key: ca.Path("client.key")})
	s := pair(ca, "server")
	s.ClientCA = ca.Path("ca.crt")
	url := serve(t, s, quiet)
	subject(t, connect(mine), url)

	next.Issue("server", "new")
	next.Issue("client", "new")
	for _, name := range []string{"ca.crt", "server.crt", "server.key"} {
		if err := os.Rename(next.Path(name), ca.Path(name)); err != nil {
			t.Fatal(err)
		}
	}
	if resp, err := connect(mine).Get(url); err == nil {
		resp.Body.Close()
		t.Error("a client of the old authority is let in by the new one")
	}
	for _, name := range []string{"client.crt", "client.key"} {
		if err := os.Rename(next.Path(name), ca.Path(name)); err != nil {
			t.Fatal(err)
		}
	}
	if got := subject(t, connect(mine), url); got != "new" {
		t.Errorf("certificate %q, want the new one", got)
	}
}

// TestClientsNeedCertificates is mutual TLS: a stranger, and who brings nothing, are turned away.
func TestClientsNeedCertificates(t *testing.T) {
	ca, strange := testcerts.New(t), testcerts.New(t)
	ca.Issue("server", "server")
	ca.Issue("client", "client")
	strange.Issue("client", "client")
	s := pair(ca, "server")
	s.ClientCA = ca.Path("ca.crt")
	url := serve(t, s, quiet)
	for name, tt := range map[string]struct {
		client certs.Client
		in     bool
	}{
		"known":    {certs.Client{Cert: ca.Path("client.crt"), Key: ca.Path("client.key")}, true},
		"stranger": {certs.Client{Cert: strange.Path("client.crt"), Key: strange.Path("client.key")}, false},
		"nobody":   {certs.Client{}, false},
	} {
		tt.client.CA = ca.Path("ca.crt")
		resp, err := connect(client(t, tt.client)).Get(url)
		if (err == nil) != tt.in {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			resp.Body.Close()
		}
	}
}

func TestWrongFilesAreToldAtStart(t *testing.T) {
	ca := testcerts.New(t)
	ca.Issue("a", "a")
	ca.Issue("b", "b")
	crt, key, root := ca.Path("a.crt"), ca.Path("a.key"), ca.Path("ca.crt")
	text, err := os.ReadFile(root)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(ca.Path("cut.crt"), append(text, text[:len(text)-10]...), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]certs.Server{
		"key of another":  {Cert: crt, Key: ca.Path("b.key")},
		"no key":          {Cert: crt},
		"absent":          {Cert: ca.Path("absent"), Key: key},
		"no CA":           {Cert: crt, Key: key, ClientCA: key},
		"clients, no TLS": {ClientCA: root},
		"cut CAs":         {Cert: crt, Key: key, ClientCA: ca.Path("cut.crt")},
	} {
		if _, err := s.Load(quiet); err == nil {
			t.Errorf("server, %s: no error", name)
		}
	}
	for name, c := range map[string]certs.Client{
		"no key": {CA: root, Cert: crt}, "no certificate": {Key: key}, "absent CA": {CA: ca.Path("absent")}, "no CA": {CA: key},
	} {
		if _, err := c.Load(quiet); err == nil {
			t.Errorf("client, %s: no error", name)
		}
	}
	if c, err := (certs.Server{}).Load(quiet); c != nil || err != nil {
		t.Errorf("a server without files: %v, %v", c, err)
	}
	if c, err := (certs.Client{}).Load(quiet); c != nil || err != nil {
		t.Errorf("a client without files: %v, %v", c != nil, err)
	}
}
