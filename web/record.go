package web

import (
	"errors"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/tahoe"
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
	var theirs []tahoe.Hash // of those who uploaded it, the organisations that the caller reads it of
	for _, o := range rights {
		if slices.ContainsFunc(o.Audiences(), func(a string) bool { return slices.Contains(raw.Audiences, a) }) {
			theirs = append(theirs, o.Hash)
		}
	}
	if len(theirs) == 0 {
		return none.denying()
	}
	if errors.Is(err, ingest.ErrSealed) {
		return refuse(http.StatusServiceUnavailable, "sealed", "The record is longer than the graph keeps whole. It lies sealed, and this server has "+
			"no private key that opens it: ask another one, or have the key put into its data folder.")
	}
	if err != nil {
		return err
	}
	s.cfg.Audit.Note(ctx, audit.Entry{Action: audit.RawRead, Orgs: theirs, Object: hash.String()})
	return c.Blob(http.StatusOK, rawType(text), text)
}

// rawType tells JSON from other text. Nothing is served as what a browser would run.
func rawType(text []byte) string {
	if _, err := tahoe.ParseValue(text); err == nil {
		return echo.MIMEApplicationJSON
	}
	return "application/octet-stream"
}
