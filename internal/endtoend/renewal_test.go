package endtoend_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cybexp/cybexp/certs"
	"github.com/cybexp/cybexp/internal/testcerts"
)

// renewAuthority puts the next authority into the place of the deployment's, as docs/tls.md tells, with files that are not whole on the way. At
// each step new connections find what the files say, and nothing is started again.
func renewAuthority(t *testing.T, d *deployment, ca, next *testcerts.Authority) {
	t.Helper()
	oldCA, newCA := content(t, ca.Path("ca.crt")), content(t, next.Path("ca.crt"))
	crt, key, oldKey := content(t, next.Path("tls.crt")), content(t, next.Path("tls.key")), content(t, ca.Path("tls.key"))
	either := next.Path("either.crt") // whom callers trust: what they are told is about who they are
	put(t, either, oldCA+newCA)
	before := loaded(t, certs.Client{CA: either, Cert: ca.Path("old.crt"), Key: ca.Path("old.key")})
	after := loaded(t, certs.Client{CA: either, Cert: next.Path("tls.crt"), Key: next.Path("tls.key")})

	dgraph := map[string][]int{"zero2": {5080, 6080}, "alpha2": {7080, 8080, 9080}}
	rest := map[string][]int{"nats2": {4222, 6222}, "web": {9099}, "ingest": {9099}}
	check := func(step string, services map[string][]int, shown string, beforeIn, afterIn bool) {
		t.Helper()
		for service, ports := range services {
			for _, port := range ports {
				d.meets(step, service, port, before(), shown, beforeIn)
				d.meets(step, service, port, after(), shown, afterIn)
			}
		}
	}
	check("at first", rest, "first", true, false)
	for _, s := range []struct {
		name              string
		files             map[string]string
		shown             string
		beforeIn, afterIn bool
	}{
		{"at first", nil, "first", true, false},
		{"with half an authority", map[string]string{"ca.crt": newCA[:len(newCA)/2]}, "first", true, false},
		{"with both authorities", map[string]string{"ca.crt": oldCA + newCA}, "first", true, true},
		{"with half of both", map[string]string{"ca.crt": oldCA + newCA[:len(newCA)/2], "tls.crt": crt, "tls.key": key}, "first", true, true},
		{"with both authorities, and a certificate without its key", map[string]string{"ca.crt": oldCA + newCA, "tls.key": oldKey}, "first", true, true},
		{"with the certificate", map[string]string{"tls.key": key}, "second", true, true},
		{"with half a certificate, and the authority", map[string]string{"tls.crt": crt[:len(crt)/2], "ca.crt": newCA}, "second", true, true},
		{"with the next authority only", map[string]string{"tls.crt": crt}, "second", false, true},
	} {
		for name, text := range s.files {
			put(t, ca.Path(name), text)
		}
		check(s.name, dgraph, s.shown, s.beforeIn, s.afterIn)
	}
	d.reloadNATS("nats1", "nats2", "nats3")
	check("at last", rest, "second", false, true)
}

// meets holds a port to what it shows of itself, and to letting in who has a certificate, or not.
func (d *deployment) meets(step, service string, port int, config *tls.Config, shown string, in bool) {
	d.t.Helper()
	var name string
	config.VerifyConnection = func(s tls.ConnectionState) error {
		name = s.PeerCertificates[0].Subject.CommonName
		return nil
	}
	err := knock(d.t, d.port(service, port), port == 4222, config)
	who := config.Certificates[0].Leaf.Subject.CommonName
	if (err == nil) != in {
		d.t.Errorf("%s: %s:%d lets %q in: %t, want %t (%v)", step, service, port, who, err == nil, in, err)
	}
	if name != shown {
		d.t.Errorf("%s: %s:%d has certificate %q, want %q", step, service, port, name, shown)
	}
}

// reloadNATS tells servers to read their files again, as nats-server --signal reload does, and waits until they have.
func (d *deployment) reloadNATS(services ...string) {
	d.t.Helper()
	for _, service := range services {
		r := d.running[service][0]
		r.signal(syscall.SIGHUP)
		r.awaitLog("Reloaded server configuration")
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// put brings a file into place as renewals do, whole or as a careless one leaves it.
func put(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.WriteFile(path+".new", []byte(text), 0o600), os.Rename(path+".new", path)); err != nil {
		t.Fatal(err)
	}
}

func loaded(t *testing.T, files certs.Client) func() *tls.Config {
	t.Helper()
	config, err := files.Load(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// knock returns the refusal of a server that does not like a certificate. What it says to who talks to it so, if it hangs up or not, is another
// matter. NATS greets clients before it speaks TLS.
func knock(t *testing.T, addr string, greets bool, config *tls.Config) error {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(startLimit)); err != nil {
		t.Fatal(err)
	}
	if greets {
		if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.HasPrefix(line, "INFO") {
			t.Fatalf("%s greets with %q, %v", addr, line, err)
		}
	}
	config.ServerName = "127.0.0.1"
	secured := tls.Client(conn, config)
	if _, err := secured.Write([]byte("PING / HTTP/1.0\r\n\r\n")); err != nil {
		return err
	}
	_, err = secured.Read(make([]byte, 1))
	var told *net.OpError
	if errors.As(err, &told) && told.Op == "remote error" { // an alert of TLS
		return err
	}
	return nil
}
