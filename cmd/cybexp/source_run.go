package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/cybexp/cybexp/ingest/source"
)

// bindSources defines the flags of the roles that run sources.
func (s *settings) bindSources(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&s.sources.private, "sources-private", false, "let sources reach addresses that are not public")
	f.StringVar(&s.sources.files, "sources-files", "", "`DIR` whose files sources may read (default: none)")
	f.StringVar(&s.sources.listen, "sources-listen", "", "`HOST` that sources of kind syslog may listen on, such as 0.0.0.0 (default: none)")
}

// sourceLimits is what sources may reach.
type sourceLimits struct {
	private bool
	files   string
	listen  string
}

// openSources makes the service of sources; a role that runs them calls its Run.
func (p *platform) openSources(ctx context.Context) error {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	p.runs, err = p.ingest.Sources(ctx, source.Config{
		Logger: p.log, Agent: "cybexp/" + version, Holder: fmt.Sprintf("%s:%d", host, os.Getpid()),
		PrivateNets: p.sources.private, Files: p.sources.files, Listen: p.sources.listen,
	})
	return err
}
