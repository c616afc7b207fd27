package web

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/tahoe"
)

// Remover takes things out of the graph for good. It can go on where it was interrupted.
type Remover interface {
	// RemoveEvents removes events of the organisations, and takes each off the raws that no other event of its own came of.
	RemoveEvents(ctx context.Context, orgs []string, events []tahoe.Hash) (Removed, error)
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
