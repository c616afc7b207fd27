package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/tahoe"
)

// Remover takes things out of the graph for good. It can go on where it was interrupted.
type Remover interface {
	// RemoveEvents removes events of the organisations, and takes each off the raws that no other event of its own came of.
	RemoveEvents(ctx context.Context, orgs []string, events []tahoe.Hash) (Removed, error)
	// RemoveRaws takes back that an organisation uploaded raws, with the events that came of them alone.
	RemoveRaws(ctx context.Context, org string, raws []tahoe.Hash) (Removed, error)
	// RemoveOrg removes all that an organisation has. It tells the sum so far after each step.
	RemoveOrg(ctx context.Context, org string, progress func(Removed)) (Removed, error)
}

// Removed counts what went. Only the number of events is told: an attribute, object, session or raw goes when nobody else has it, and whether
// somebody has is not the caller's to know.
type Removed struct {
	Events     int `json:"events"`
	Sessions   int `json:"-"`
	Attributes int `json:"-"`
	Objects    int `json:"-"`
	Raws       int `json:"-"`
}

// Add adds what went after.
func (r *Removed) Add(o Removed) {
	r.Events += o.Events
	r.Sessions += o.Sessions
	r.Attributes += o.Attributes
	r.Objects += o.Objects
	r.Raws += o.Raws
}

// removalAnswer is the answer to every removal.
type removalAnswer struct {
	Removed Removed `json:"removed"`
}

// removeEvent is DELETE /api/v1/events/{hash}: the event goes, with what only it held. Its raw goes too, unless something else came of it,
// so that no filter makes the event again.
func (s *Server) removeEvent(c echo.Context) error {
	event, err := s.eventToChange(c)
	if err != nil {
		return err
	}
	var removed Removed
	err = s.remove(c, "event", event.Hash.String(), event.judgement(audit.Removal, nil).Orgs, func(ctx context.Context) (err error) {
		removed, err = s.cfg.Remover.RemoveEvents(ctx, []string{event.Org}, []tahoe.Hash{event.Hash})
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, removalAnswer{removed})
}

// removeUpload is DELETE /api/v1/uploads/{id}: what it brought goes, unless another upload of the organisation, or somebody else, has it
// too. It takes as long as it takes; what broke off can be sent again.
func (s *Server) removeUpload(c echo.Context) error {
	status, err := s.callersUpload(c)
	if err != nil {
		return err
	}
	unhurried(c)
	var sum Removed
	err = s.remove(c, "upload", status.ID, []tahoe.Hash{status.Org}, func(ctx context.Context) error {
		return s.cfg.Ingest.TakeBack(ctx, status.ID, func(ctx context.Context, raws []tahoe.Hash) error {
			removed, err := s.cfg.Remover.RemoveRaws(ctx, status.Org.String(), raws)
			sum.Add(removed)
			return err
		})
	})
	switch {
	case errors.Is(err, ingest.ErrWorking):
		return refuse(http.StatusConflict, "working", "The upload is being worked on. Come back when it is done.")
	case errors.Is(err, ingest.ErrUnknownRaws):
		return refuse(http.StatusConflict, "unknown", "It is not kept what the upload brought: it was sent before that was done. Remove its events.")
	case err != nil:
		return err
	}
	return c.JSON(http.StatusOK, removalAnswer{sum})
}

// removeOrgData is DELETE /api/v1/orgs/{org}/data, for superusers: all that the organisation has in the graph goes.
func (s *Server) removeOrgData(c echo.Context) error {
	org, err := s.orgToRun(c)
	if err != nil {
		return err
	}
	unhurried(c)
	var removed Removed
	err = s.remove(c, "organisation", org.Hash.String(), []tahoe.Hash{org.Hash}, func(ctx context.Context) (err error) {
		removed, err = s.cfg.Remover.RemoveOrg(ctx, org.Hash.String(), func(Removed) {})
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, removalAnswer{removed})
}

// unhurried lifts the time in which an answer must be written.
func unhurried(c echo.Context) {
	_ = http.NewResponseController(c.Response()).SetWriteDeadline(time.Time{}) // a test's recorder has none: errors are no matter
}

// remove takes something out of the graph for good. The audit trail is told before: of what is gone there would be nothing left to tell of.
func (s *Server) remove(c echo.Context, what, which string, orgs []tahoe.Hash, do func(context.Context) error) error {
	ctx := c.Request().Context()
	deed := audit.Entry{Action: audit.Removal, Orgs: orgs, Object: which, Detail: map[string]string{"what": what}}
	if err := s.cfg.Audit.Do(ctx, deed, func() error { return do(ctx) }); err != nil {
		return err
	}
	s.log.LogAttrs(ctx, slog.LevelInfo, "removed", slog.String("request_id", requestID(c)),
		slog.String("user_id", caller(c).Hash.String()), slog.String("what", what), slog.String("id", which))
	return nil
}
