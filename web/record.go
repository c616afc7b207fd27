package web

import (
	"errors"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// rawRecord is GET /api/v1/raw/{hash}: a record as it came, for readers of an organisation that uploaded it.
func (s *Server) rawRecord(c echo.Context) error {
	none := refuse(http.StatusNotFound, "no-raw", "There is no such raw.")
	hash, err := tahoe.ParseHash(c.Param("hash"))
	if err != nil {
		return none
	}
	ctx := c.Request().Context()
	rights, err := s.readable(ctx, caller(c))
	if err != nil {
		return err
	}
	raw, text, err := s.cfg.Ingest.Raw(ctx, hash)
	if errors.Is(err, ingest.ErrNotFound) {
		return none
	}
	theirs := slices.ContainsFunc(raw.Audiences, func(a string) bool {
		return slices.ContainsFunc(rights, func(o tdql.Org) bool { return slices.Contains(o.Audiences(), a) })
	})
	if !theirs {
		return none
	}
	if errors.Is(err, ingest.ErrSealed) {
		return refuse(http.StatusServiceUnavailable, "sealed", "The record is longer than the graph keeps whole. It lies sealed, and this server has "+
			"no private key that opens it: ask another one, or have the key put into its data folder.")
	}
	if err != nil {
		return err
	}
	return c.Blob(http.StatusOK, rawType(text), text)
}

// rawType tells JSON from other text. Nothing is served as what a browser would run.
func rawType(text []byte) string {
	if _, err := tahoe.ParseValue(text); err == nil {
		return echo.MIMEApplicationJSON
	}
	return "application/octet-stream"
}
