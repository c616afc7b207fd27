package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/ingest/source"
	"github.com/cybexp/cybexp/tahoe"
)

// What a part of the platform can be.
const (
	partOK   = "ok"
	partWarn = "warning" // it works, and somebody should look
	partDown = "down"
)

// A part tells how something does that the platform is made of.
type part struct {
	Name    string `json:"name"`
	State   string `json:"state"` // ok, warning or down
	Detail  string `json:"detail"`
	Advice  string `json:"advice,omitempty"` // what to do
	Figures any    `json:"figures,omitempty"`
}

// A healthView is the answer of GET /api/v1/health. Its state is that of the worst part.
type healthView struct {
	State string `json:"state"`
	Parts []part `json:"parts"`
}

// partAdvice says what to do when something that /readyz asks does not answer.
var partAdvice = map[string]string{
	"graph": "See whether Dgraph runs and has memory and disk: that of `cybexp up` logs to dgraph/log in the data folder. It is tried again by itself.",
	"bus":   "See whether NATS runs and has disk. It is tried again by itself.",
}

// health is GET /api/v1/health, for superusers: each part, how it does and what to do.
func (s *Server) health(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), 2*checkTime)
	defer cancel()
	view := healthView{State: partOK}
	down := s.failing(ctx)
	names := make([]string, 0, len(s.cfg.Checks))
	for name := range s.cfg.Checks {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		p := part{Name: name, State: partOK, Detail: "answers"}
		if slices.Contains(down, name) {
			p.State, p.Detail, p.Advice = partDown, "does not answer", partAdvice[name]
		}
		view.Parts = append(view.Parts, p)
	}
	view.Parts = append(view.Parts, s.lakeParts(ctx)...)
	view.Parts = append(view.Parts, s.reportPart(), s.sourcePart(ctx))
	for _, p := range view.Parts {
		if p.State == partDown || p.State == partWarn && view.State == partOK {
			view.State = p.State
		}
	}
	return c.JSON(http.StatusOK, view)
}

func (s *Server) lakeParts(ctx context.Context) []part {
	at, err := s.cfg.Ingest.Condition(ctx)
	if err != nil {
		s.log.WarnContext(ctx, "lake not looked at", "err", err)
		return []part{{Name: "lake", State: partDown, Detail: "cannot be looked at", Advice: partAdvice["bus"]}}
	}
	parts := []part{lakePart(at), deadPart(at)}
	if at.KnowsFree {
		disk := part{Name: "disk", State: partOK, Detail: fmt.Sprintf("%d MiB are free", at.Free>>20)}
		if ingest.Tight(at.Free, s.cfg.Ingest.MinFree) {
			disk.State, disk.Advice = partWarn, "Make room: uploads are refused when less is free than --min-free says."
		}
		parts = append(parts, disk)
	}
	return parts
}

func lakePart(at ingest.Condition) part {
	p := part{Name: "lake", State: partOK, Detail: "nothing waits", Figures: at}
	if at.Chunks == 0 {
		return p
	}
	now := time.Now()
	p.Detail = fmt.Sprintf("%d chunks wait, %d KiB; the oldest for %s", at.Chunks, at.Bytes>>10, now.Sub(at.Oldest).Round(time.Second))
	if ingest.Late(at.Oldest, now) {
		p.State, p.Advice = partWarn, "See whether `cybexp ingest` runs, has the private key, and the graph answers; its log says what it does."
	}
	if at.Full != "" {
		p.State, p.Detail = partWarn, p.Detail+"; uploads are refused"
	}
	return p
}

func deadPart(at ingest.Condition) part {
	p := part{Name: "dead letters", State: partOK, Detail: "there are none"}
	if at.Dead > 0 {
		p.State, p.Detail = partWarn, fmt.Sprintf("%d were given up", at.Dead)
		p.Advice = "`cybexp ingest dead list` says why; then retry or delete them."
	}
	return p
}

func (s *Server) reportPart() part {
	n := s.cfg.Reports.Waiting()
	p := part{Name: "reports", State: partOK, Detail: fmt.Sprintf("%d queries wait or run", n), Figures: map[string]uint64{"waiting": n}}
	if n > 50 {
		p.State, p.Advice = partWarn, "Run more workers: --workers, or another `cybexp reportd`."
	}
	return p
}

func (s *Server) sourcePart(ctx context.Context) part {
	p := part{Name: "sources", State: partOK}
	orgs, err := s.cfg.Identity.Orgs(ctx)
	var list []source.Source
	if err == nil {
		hashes := make([]tahoe.Hash, len(orgs))
		for i, o := range orgs {
			hashes[i] = o.Hash
		}
		list, err = s.cfg.Sources.Sources(ctx, hashes...)
	}
	var failing []string
	for _, src := range list {
		status, failed := s.cfg.Sources.Status(ctx, src)
		if err = failed; err != nil {
			break
		}
		if status.State == "failing" {
			failing = append(failing, src.Name)
		}
	}
	if err != nil {
		s.log.WarnContext(ctx, "sources not looked at", "err", err)
		return part{Name: "sources", State: partDown, Detail: "cannot be looked at", Advice: partAdvice["bus"]}
	}
	p.Detail = fmt.Sprintf("%d are kept, none fails", len(list))
	if len(failing) > 0 {
		p.State, p.Detail = partWarn, fmt.Sprintf("%d of %d fail: %s", len(failing), len(list), strings.Join(failing[:min(5, len(failing))], ", "))
		p.Advice = "`cybexp source status` says why."
	}
	return p
}
