package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"

	"github.com/cybexp/cybexp/ingest/source"
)

// sourceLimits is what sources may reach.
type sourceLimits struct {
	private bool
	files   string
	listen  string
	cert    string
	key     string
}

// tls serves the certificate, as it is on disk when a sender comes, so that one that was renewed counts; nil if there is none.
func (l sourceLimits) tls() (*tls.Config, error) {
	if l.cert == "" && l.key == "" {
		return nil, nil //nolint:nilnil // none is no error
	}
	load := func() (*tls.Certificate, error) {
		c, err := tls.LoadX509KeyPair(l.cert, l.key)
		return &c, err
	}
	if _, err := load(); err != nil {
		return nil, usageError{fmt.Errorf("--sources-cert and --sources-key: %w", err)}
	}
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return load() },
	}, nil
}

// openSources makes the service of sources; a role that runs them calls its Run.
func (p *platform) openSources(ctx context.Context) error {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	cert, err := p.sources.tls()
	if err != nil {
		return err
	}
	p.runs, err = p.ingest.Sources(ctx, source.Config{
		Logger: p.log, Agent: "cybexp/" + version, Holder: fmt.Sprintf("%s:%d", host, os.Getpid()),
		PrivateNets: p.sources.private, Files: p.sources.files, Listen: p.sources.listen, TLS: cert,
	})
	return err
}
