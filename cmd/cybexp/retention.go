package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/retention"
	"github.com/cybexp/cybexp/tahoe"
)

// keptFor is a rule as it is set: AGE, or ORG=AGE.
type keptFor struct {
	org string // name or hash; "" is all
	age time.Duration
}

// retention reads --retain, and --retain-dead, which is 0 when dead letters are kept for good.
func (s *settings) retention() (list []keptFor, dead time.Duration, err error) {
	for _, text := range s.retain {
		org, age, named := strings.Cut(text, "=")
		if !named {
			org, age = "", text
		}
		d, err := retention.ParseAge(age)
		if err == nil && named && org == "" {
			err = errors.New("no organisation is named before =")
		}
		if err != nil {
			return nil, 0, usageError{fmt.Errorf("--retain %q: %w", text, err)}
		}
		list = append(list, keptFor{org, d})
	}
	if s.retainDead != "" {
		if dead, err = retention.ParseAge(s.retainDead); err != nil {
			return nil, 0, usageError{fmt.Errorf("--retain-dead %q: %w", s.retainDead, err)}
		}
	}
	return list, dead, nil
}

// runRetention has removed what somebody asked for, what is too old, if anything ever is, and what nothing tells of any more, in the platform's group.
func (p *platform) runRetention(ctx context.Context) error {
	jobs, err := retention.OpenJobs(ctx, p.bus, p.log)
	if err != nil {
		return err
	}
	p.group.Go(func() error { return jobs.Run(ctx, p.removeAsked) })
	kept, dead, err := p.retention()
	if err != nil {
		return err
	}
	r, err := retention.New(ctx, retention.Config{
		Bus: p.bus, Logger: p.log, Remove: p.removeAged,
		Clean: func(ctx context.Context) error {
			if err := p.forgetDead(ctx, dead); err != nil {
				return err
			}
			return p.ingest.ForgetWhole(ctx, time.Now().Add(-wholeSettles))
		},
		Rules: func(ctx context.Context) ([]retention.Rule, error) { return p.rules(ctx, kept) },
	})
	if err != nil {
		return err
	}
	p.group.Go(func() error { return r.Run(ctx) })
	return nil
}

// rules finds the organisations. One that is not there yet has nothing to remove.
func (p *platform) rules(ctx context.Context, kept []keptFor) ([]retention.Rule, error) {
	var rules []retention.Rule
	for _, k := range kept {
		if k.org == "" {
			rules = append(rules, retention.Rule{Keep: k.age})
			continue
		}
		org, err := p.users.FindOrg(ctx, k.org)
		if errors.Is(err, identity.ErrNotFound) {
			p.log.Warn("no such organisation, so nothing of it is removed", "retain", k.org)
			continue
		}
		if err != nil {
			return nil, err
		}
		rules = append(rules, retention.Rule{Org: org.Hash.String(), Keep: k.age})
	}
	return rules, nil
}

func (p *platform) removeAged(ctx context.Context, before time.Time, org string, told func(vertices int)) error {
	_, err := p.store.RemoveAged(ctx, graph.Aged{Before: before, Org: org}, func(n graph.Removed) {
		told(n.Events + n.Sessions + n.Attributes + n.Objects + n.Raws)
	})
	return err
}

// forgetDead deletes dead letters that are older than an age, if any.
func (p *platform) forgetDead(ctx context.Context, age time.Duration) error {
	if age == 0 {
		return nil
	}
	n, err := p.ingest.ForgetDead(ctx, time.Now().Add(-age))
	if n > 0 {
		p.log.Info("deleted dead letters that are too old", "letters", n)
	}
	return err
}

// wholeSettles is when a long record that no raw tells of is nobody's: it is kept before its raw is.
const wholeSettles = 24 * time.Hour

// removeAsked removes what a job names.
func (p *platform) removeAsked(ctx context.Context, job retention.Job, told func(events int)) error {
	if job.What == retention.Organisation {
		_, err := p.store.RemoveOrg(ctx, job.Org, func(n graph.Removed) { told(n.Events) })
		return err
	}
	events := 0
	err := p.ingest.TakeBack(ctx, job.Object, func(ctx context.Context, raws []tahoe.Hash) error {
		n, err := p.store.RemoveUploads(ctx, job.Org, raws)
		events += n.Events
		told(events)
		return err
	})
	switch {
	case errors.Is(err, ingest.ErrNotFound):
		return nil // it was forgotten, which comes last
	case errors.Is(err, ingest.ErrWorking), errors.Is(err, ingest.ErrUnknownRaws):
		return fmt.Errorf("%w: %w", retention.ErrRefused, err)
	}
	return err
}
