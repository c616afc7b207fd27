package web

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/tdql"
)

// format is POST /api/v1/tdql/format: the query as the formatter writes it.
func (s *Server) format(c echo.Context) error {
	var q question
	if err := s.decode(c, &q); err != nil {
		return err
	}
	query, err := tdql.Parse(q.TDQL)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{"tdql": query.String()})
}

// check is POST /api/v1/tdql/check: the canonical text and warnings of a query that is well, or the faults of one that is not.
func (s *Server) check(c echo.Context) error {
	plan, warnings, err := s.plan(c)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"canonical": plan.Canonical(), "hash": plan.Hash(), "warnings": warnings})
}

// explain is POST /api/v1/tdql/explain: the plan and the DQL that would run. Nothing runs.
func (s *Server) explain(c echo.Context) error {
	plan, warnings, err := s.plan(c)
	if err != nil {
		return err
	}
	text, err := tdql.Explain(plan)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"canonical": plan.Canonical(), "explain": text, "warnings": warnings})
}

// plan checks the query in a body with the caller's rights.
func (s *Server) plan(c echo.Context) (*tdql.Plan, tdql.Errors, error) {
	var q question
	if err := s.decode(c, &q); err != nil {
		return nil, nil, err
	}
	query, err := tdql.Parse(q.TDQL)
	if err != nil {
		return nil, nil, err
	}
	orgs, err := s.readable(c.Request().Context(), caller(c))
	if err != nil {
		return nil, nil, err
	}
	plan, warnings, err := tdql.Check(query, tdql.Env{Now: time.Now(), Orgs: orgs, Params: q.Params})
	if warnings == nil {
		warnings = tdql.Errors{}
	}
	return plan, warnings, err
}
