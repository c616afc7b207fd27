package web

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/tahoe"
)

// eventToChange finds the event of the path for who may change it: the administrators of its organisation. For who may not see it,
// there is none.
func (s *Server) eventToChange(c echo.Context) (instanceRow, error) {
	ctx := c.Request().Context()
	who, err := s.asker(ctx, caller(c))
	if err != nil {
		return instanceRow{}, err
	}
	event, _, err := s.instanceOf(ctx, who, c.Param("hash"))
	switch {
	case err != nil:
		return event, err
	case event.Kind != tahoe.KindEvent:
		return event, noInstance()
	}
	org, err := tahoe.ParseHash(event.Org)
	if err != nil {
		return event, fmt.Errorf("organisation of an event: %w", err)
	}
	admin, err := s.cfg.Identity.Administers(ctx, caller(c).Hash, org)
	switch {
	case errors.Is(err, identity.ErrNotFound):
	case err != nil:
		return event, fmt.Errorf("check administrator: %w", err)
	case admin:
		return event, nil
	}
	return event, forbidden("You do not administer the organisation that recorded the event.").denying(org)
}

// categoryBody is the body of PUT /api/v1/events/{hash}/category.
type categoryBody struct {
	Category string `json:"category"`
}

// contextBody is the body of PUT /api/v1/events/{hash}/context.
type contextBody struct {
	Instance string `json:"instance"` // hash
	Context  string `json:"context"`
}

// classify is PUT /api/v1/events/{hash}/category: what the event is held to be from now on, whatever filters say.
func (s *Server) classify(c echo.Context) error {
	var body categoryBody
	if err := s.decode(c, &body); err != nil {
		return err
	}
	category, err := tahoe.ParseCategory(body.Category)
	if err != nil {
		return badRequest("'category' is malicious, benign or unknown.")
	}
	event, err := s.eventToChange(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	err = s.cfg.Audit.Do(ctx, event.judgement(audit.Category, map[string]string{"category": string(category)}), func() error {
		return s.cfg.Curator.Classify(ctx, []string{event.Org}, event.Hash, category)
	})
	if err != nil {
		return judgeProblem(err)
	}
	return s.judged(c, event.Hash)
}

// setContext is PUT /api/v1/events/{hash}/context: what an attribute or object is held to be in the event from now on.
func (s *Server) setContext(c echo.Context) error {
	var body contextBody
	if err := s.decode(c, &body); err != nil {
		return err
	}
	category, err := tahoe.ParseCategory(body.Context)
	if err != nil {
		return badRequest("'context' is malicious, benign or unknown.")
	}
	node, err := tahoe.ParseHash(body.Instance)
	if err != nil {
		return badRequest("'instance' is the hash of an attribute or object in the event.")
	}
	event, err := s.eventToChange(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	detail := map[string]string{"instance": node.String(), "context": string(category)}
	err = s.cfg.Audit.Do(ctx, event.judgement(audit.Context, detail), func() error {
		return s.cfg.Curator.SetContext(ctx, []string{event.Org}, event.Hash, node, category)
	})
	if err != nil {
		return judgeProblem(err)
	}
	return s.judged(c, event.Hash)
}

// judgement is what somebody holds an event or a part of it to be, as the audit trail has it.
func (r instanceRow) judgement(action audit.Action, detail map[string]string) audit.Entry {
	e := audit.Entry{Action: action, Object: r.Hash.String(), Detail: detail}
	if org, err := tahoe.ParseHash(r.Org); err == nil { // which eventToChange has made sure of
		e.Orgs = []tahoe.Hash{org}
	}
	return e
}

func judgeProblem(err error) error {
	if errors.Is(err, ErrNoEvent) {
		return refuse(http.StatusNotFound, "no-instance", "The event has no such attribute or object.")
	}
	return err
}

// judged answers with the event as it is now.
func (s *Server) judged(c echo.Context, hash tahoe.Hash) error {
	ctx := c.Request().Context()
	who, err := s.asker(ctx, caller(c))
	if err != nil {
		return err
	}
	_, text, err := s.instanceOf(ctx, who, hash.String())
	if err != nil {
		return err
	}
	return c.JSONBlob(http.StatusOK, text)
}
