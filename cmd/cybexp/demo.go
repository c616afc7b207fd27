package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/tahoe"
)

// demoOrg is the organisation that --demo makes.
const demoOrg = "demo"

// demoSample is a day of a Cowrie honeypot, as demo/README.md says.
//
//go:embed demo/cowrie.json
var demoSample []byte

// loadDemo makes the demo organisation and uploads the sample, and returns when it is in the graph. To load it again
// changes nothing.
func (p *platform) loadDemo(ctx context.Context) error {
	admin := tahoe.UserHash(adminEmail, true)
	_, err := p.users.CreateOrg(ctx, admin, identity.Org{Name: demoOrg, Title: "Demonstration"})
	if err != nil && !errors.Is(err, identity.ErrExists) {
		return fmt.Errorf("make demo organisation: %w", err)
	}
	receipt, err := p.ingest.Accept(ctx, ingest.Upload{
		Org: tahoe.OrgHash(demoOrg), User: admin, Name: "demo honeypot", Typetag: "cowrie", Timezone: "UTC",
	}, bytes.NewReader(demoSample))
	if err != nil {
		return fmt.Errorf("upload demo sample: %w", err)
	}
	return poll(ctx, 50*time.Millisecond, func() (bool, error) {
		s, err := p.ingest.Upload(ctx, receipt.ID)
		if err != nil {
			return false, fmt.Errorf("load demo sample: %w", err)
		}
		if s.Done {
			p.log.Info("demo sample loaded", "records", s.Received, "mapped", s.Mapped, "events", s.Events)
		}
		return s.Done, nil
	})
}
