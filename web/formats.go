package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/ingest"
)

// detectTime is how long filters may try a file.
const detectTime = 3 * time.Second

// typetags is GET /api/v1/typetags: the formats that have a filter.
func (s *Server) typetags(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]any{"typetags": ingest.Formats()})
}

// detect is POST /api/v1/raw/detect?name=: the formats that a file may be of, by its first 256 KiB. More of it is not read.
func (s *Server) detect(c echo.Context) error {
	head, err := io.ReadAll(io.LimitReader(c.Request().Body, ingest.MaxHead))
	if err != nil {
		return brokenBody(err)
	}
	name := c.QueryParam("name")
	if len(name) > 200 {
		return badRequest("'name' is too long.")
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), detectTime)
	defer cancel()
	guesses := ingest.Detect(ctx, name, head)
	if err := c.Request().Context().Err(); errors.Is(err, context.Canceled) {
		return brokenOff()
	}
	return c.JSON(http.StatusOK, map[string]any{"candidates": guesses})
}
