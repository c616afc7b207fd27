package web

import (
	"net/http"
	"time"
	"unicode/utf8"

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

// completeBody is the body of POST /api/v1/tdql/complete.
type completeBody struct {
	TDQL string `json:"tdql"`
	Pos  *int   `json:"pos,omitzero"` // in characters; without, the end
}

// complete is POST /api/v1/tdql/complete: what may stand at a place in a query. Places count characters.
func (s *Server) complete(c echo.Context) error {
	var q completeBody
	if err := s.decode(c, &q); err != nil {
		return err
	}
	ctx := c.Request().Context()
	who, err := s.asker(ctx, caller(c))
	if err != nil {
		return err
	}
	pos := len(q.TDQL)
	if q.Pos != nil {
		pos = bytesOf(q.TDQL, *q.Pos)
	}
	list := tdql.Complete(q.TDQL, pos, s.cfg.Reports.Vocabulary(ctx, who))
	for i := range list {
		list[i].Start = utf8.RuneCountInString(q.TDQL[:list[i].Start])
		list[i].End = utf8.RuneCountInString(q.TDQL[:list[i].End])
	}
	if list == nil {
		list = []tdql.Candidate{}
	}
	body := map[string]any{"candidates": list}
	if help, ok := tdql.HelpAt(q.TDQL, pos); ok {
		help.Start, help.End = utf8.RuneCountInString(q.TDQL[:help.Start]), utf8.RuneCountInString(q.TDQL[:help.End])
		body["help"] = help
	}
	return c.JSON(http.StatusOK, body)
}

// rewriteBody is the body of POST /api/v1/tdql/rewrite.
type rewriteBody struct {
	TDQL string `json:"tdql"`
	Last string `json:"last,omitzero"`
	From string `json:"from,omitzero"`
	To   string `json:"to,omitzero"`
}

// rewrite is POST /api/v1/tdql/rewrite: the same query in another range of time.
func (s *Server) rewrite(c echo.Context) error {
	var q rewriteBody
	if err := s.decode(c, &q); err != nil {
		return err
	}
	query, err := tdql.Parse(q.TDQL)
	if err != nil {
		return err
	}
	if query, err = query.Within(tdql.Range{Last: q.Last, From: q.From, To: q.To}); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{"tdql": query.String()})
}

// bytesOf is where the nth character of a text begins.
func bytesOf(text string, n int) int {
	for i := range text {
		if n <= 0 {
			return i
		}
		n--
	}
	return len(text)
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
