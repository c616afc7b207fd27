package main

import (
	"context"
	"fmt"
	"os"

	"github.com/cybexp/cybexp/certs"
	"github.com/cybexp/cybexp/ingest/source"
)

// sourceLimits is what sources may reach.
type sourceLimits struct {
	private bool
	files   string
	listen  string
	tls     certs.Server // of syslog
}

// openSources makes the service of sources; a role that runs them calls its Run.
func (p *platform) openSources(ctx context.Context) error {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	secure, err := p.sources.tls.Load(p.log)
	if err != nil {
		return usageError{fmt.Errorf("--sources-cert, --sources-key and --sources-client-ca: %w", err)}
	}
	p.runs, err = p.ingest.Sources(ctx, source.Config{
		Logger: p.log, Agent: "cybexp/" + version, Holder: fmt.Sprintf("%s:%d", host, os.Getpid()),
		PrivateNets: p.sources.private, Files: p.sources.files, Listen: p.sources.listen, TLS: secure,
	})
	return err
}
