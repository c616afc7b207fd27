package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/tahoe"
)

// Curator changes what people may change of events, and tells the watches.
type Curator interface {
	// Mark says how far an event of one of the organisations may be shared; ErrNoEvent if they have no such event.
	Mark(ctx context.Context, orgs []string, event tahoe.Hash, m tahoe.Marking) error
	// Classify says what an event of one of the organisations is held to be.
	Classify(ctx context.Context, orgs []string, event tahoe.Hash, c tahoe.Category) error
	// SetContext says what an attribute or object is held to be in such an event; ErrNoEvent if it is not in it.
	SetContext(ctx context.Context, orgs []string, event, node tahoe.Hash, c tahoe.Category) error
}

// ErrNoEvent is returned by a Curator for an event that is not there, or not of the organisations.
var ErrNoEvent = errors.New("no such event")

// markingBody is the body of PUT /api/v1/events/{hash}/marking, and the answer.
type markingBody struct {
	TLP tahoe.Marking `json:"tlp"`
}

// mark is PUT /api/v1/events/{hash}/marking: who administers the event's organisation says how far it may be shared.
func (s *Server) mark(c echo.Context) error {
	var body markingBody
	if err := s.decode(c, &body); err != nil {
		return err
	}
	if body.TLP == tahoe.Unmarked {
		return badRequest("'tlp' is missing: one of clear, green, amber, amber+strict and red.")
	}
	none := refuse(http.StatusNotFound, "no-event", "The organisations that you administer have no such event.")
	event, err := s.eventToChange(c)
	var p *problem
	if errors.As(err, &p) && (p.Status == http.StatusNotFound || p.Status == http.StatusForbidden) {
		return none
	}
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	err = s.cfg.Audit.Do(ctx, event.judgement(audit.Marking, map[string]string{"tlp": string(body.TLP)}), func() error {
		return s.cfg.Curator.Mark(ctx, []string{event.Org}, event.Hash, body.TLP)
	})
	if errors.Is(err, ErrNoEvent) {
		return none
	}
	if err != nil {
		return fmt.Errorf("mark event: %w", err)
	}
	return c.JSON(http.StatusOK, body)
}
