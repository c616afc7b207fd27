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
	event, err := tahoe.ParseHash(c.Param("hash"))
	if err != nil {
		return none
	}
	ctx := c.Request().Context()
	orgs, err := s.cfg.Identity.AdminOf(ctx, caller(c).Hash)
	if err != nil {
		return fmt.Errorf("list orgs: %w", err)
	}
	hashes := make([]string, len(orgs))
	deed := audit.Entry{Action: audit.Marking, Object: event.String(), Detail: map[string]string{"tlp": string(body.TLP)}}
	for i, o := range orgs {
		hashes[i], deed.Orgs = o.Hash.String(), append(deed.Orgs, o.Hash)
	}
	err = s.cfg.Audit.Do(ctx, deed, func() error { return s.cfg.Curator.Mark(ctx, hashes, event, body.TLP) })
	if errors.Is(err, ErrNoEvent) {
		return none
	}
	if err != nil {
		return fmt.Errorf("mark event: %w", err)
	}
	return c.JSON(http.StatusOK, body)
}
