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
	// RemoveEvents removes events of the organisations, and their raws of which nothing else came.
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
	removed, err := s.cfg.Remover.RemoveEvents(c.Request().Context(), []string{event.Org}, []tahoe.Hash{event.Hash})
	if err != nil {
		return err
	}
	s.noteRemoval(c, "event", event.Hash.String(), event.judgement(audit.Removal, nil).Orgs...)
	return c.JSON(http.StatusOK, removalAnswer{removed})
}

// noteRemoval tells the log and the audit trail who removed what, and of which organisations.
func (s *Server) noteRemoval(c echo.Context, what, which string, orgs ...tahoe.Hash) {
	s.cfg.Audit.Note(c.Request().Context(), audit.Entry{Action: audit.Removal, Orgs: orgs, Object: which, Detail: map[string]string{"what": what}})
	s.log.LogAttrs(c.Request().Context(), slog.LevelInfo, "removed", slog.String("request_id", requestID(c)),
		slog.String("user_id", caller(c).Hash.String()), slog.String("what", what), slog.String("id", which))
}
