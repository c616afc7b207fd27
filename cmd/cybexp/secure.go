package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/certs"
	"github.com/cybexp/cybexp/graph"
)

// graphConfig is how the Dgraph of the settings is reached.
func (p *platform) graphConfig() (graph.Config, error) {
	c := graph.Config{Target: p.dgraph, HTTP: p.dgraphHTTP, Logger: p.log, Program: version, Metrics: p.metrics}
	if p.ownDgraph {
		return c, nil // on loopback, without TLS
	}
	var err error
	if c.TLS, err = p.dgraphTLS.Load(p.log); err != nil {
		return c, usageError{fmt.Errorf("--dgraph-ca, --dgraph-cert and --dgraph-key: %w", err)}
	}
	return c, nil
}

// busConfig is how the NATS of the settings is reached.
func (p *platform) busConfig() (bus.Config, error) {
	c := bus.Config{URL: p.nats, Logger: p.log, Creds: p.natsCreds, Replicas: p.natsReplicas}
	var err error
	if c.TLS, err = p.natsTLS.Load(p.log); err != nil {
		return c, usageError{fmt.Errorf("--nats-ca, --nats-cert and --nats-key: %w", err)}
	}
	return c, nil
}

// checkServers finds settings that say nothing of the servers that are used, or what they should not.
func (s *settings) checkServers() error {
	switch {
	case s.dgraph == "" && s.dgraphTLS != certs.Client{}:
		return usageError{errors.New("--dgraph-ca, --dgraph-cert and --dgraph-key are for the servers of --dgraph: the embedded Dgraph is on loopback only")}
	case s.nats == "" && (s.natsTLS != certs.Client{} || s.natsCreds != "" || s.natsReplicas > 1):
		return usageError{errors.New("--nats-ca, --nats-cert, --nats-key, --nats-creds and --nats-replicas are for the servers of --nats: the embedded NATS opens no port")}
	case strings.Contains(s.nats, "@"):
		return usageError{errors.New("--nats has a user or a password in it, which the list of processes shows: put user:password into a file, and name that with --nats-creds")}
	}
	return nil
}

// certificate is a file with what this process shows of itself.
type certificate struct{ use, path string }

// certificates lists those of the settings. The admin port shows that of listen.
func (s *settings) certificates() (list []certificate) {
	for _, c := range []certificate{{"listen", s.tls.Cert}, {"sources", s.sources.tls.Cert}, {"dgraph", s.dgraphTLS.Cert}, {"nats", s.natsTLS.Cert}} {
		if c.path != "" {
			list = append(list, c)
		}
	}
	return list
}

// openPort listens, in TLS if files are named. A taken port and wrong files are told before anything is started.
func openPort(l net.Listener, files certs.Server, log *slog.Logger) (port, error) {
	config, err := files.Load(log)
	if err != nil {
		return port{}, errors.Join(usageError{fmt.Errorf("certificates of the port: %w", err)}, l.Close())
	}
	if config == nil {
		return port{l, "http"}, nil
	}
	return port{tls.NewListener(l, config), "https"}, nil
}

// port is a listener and the scheme of its URLs.
type port struct {
	net.Listener

	scheme string
}

func (p port) url() string { return p.scheme + "://" + p.Addr().String() }

// bindTLS gives a command that serves, and has no settings, the flags of its certificates.
func bindTLS(cmd *cobra.Command, s *certs.Server) {
	f := cmd.Flags()
	f.StringVar(&s.Cert, "tls-cert", "", "PEM `FILE` with the certificate of --listen, which speaks TLS then; read again when renewed")
	f.StringVar(&s.Key, "tls-key", "", "PEM `FILE` with its private key")
	f.StringVar(&s.ClientCA, "tls-client-ca", "", "PEM `FILE` with CAs: who connects must have a certificate of one")
}

// trust is how a client command speaks TLS with the platform.
type trust struct {
	files  certs.Client
	config func() *tls.Config // nil is as Go does
	client *http.Client
}

func (t *trust) bindTrust(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&t.files.CA, "ca", "", "PEM `FILE` with the CAs of the server (default: those of the system)")
	f.StringVar(&t.files.Cert, "client-cert", "", "PEM `FILE` with the certificate that the server is shown, if it asks for one")
	f.StringVar(&t.files.Key, "client-key", "", "PEM `FILE` with its private key")
}

// loadTrust reads the files, once.
func (t *trust) loadTrust() error {
	if t.client != nil {
		return nil
	}
	config, err := t.files.Load(slog.New(slog.DiscardHandler))
	if err != nil {
		return usageError{fmt.Errorf("--ca, --client-cert and --client-key: %w", err)}
	}
	t.config, t.client = config, http.DefaultClient
	if config != nil {
		transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // it is one
		transport.TLSClientConfig = config()
		t.client = &http.Client{Transport: transport}
	}
	return nil
}

// tlsConfig is how the next connection speaks TLS.
func (t *trust) tlsConfig() *tls.Config {
	if t.config == nil {
		return nil
	}
	return t.config()
}
