package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/tahoe"
)

// Exporter reads records of the graph page by page, all of one snapshot.
type Exporter interface {
	// Records reads a page. It returns ErrNoRecord when there is nothing with the hash behind which it should begin that the asker may see.
	Records(ctx context.Context, q tahoe.RecordQuery) (tahoe.RecordPage, error)
}

// ErrNoRecord is what an Exporter returns that cannot begin where it should.
var ErrNoRecord = errors.New("no such raw or event")

// maxExported is how many hashes may be asked for at a time.
const maxExported = 1000

// export is GET /api/v1/export: all raws that the caller may see with what came of them, then all other events, as TAHOE documents, a line each. With ?after= it goes
// on behind the one with that hash. An answer that ends well is whole; when it fails on the way, the connection is cut.
func (s *Server) export(c echo.Context) error {
	var q tahoe.RecordQuery
	if text := c.QueryParam("after"); text != "" {
		var err error
		if q.Behind, err = tahoe.ParseHash(text); err != nil {
			return badRequest("'after' must be the hash of a raw or an event.")
		}
	}
	return s.exported(c, q, map[string]string{"after": c.QueryParam("after")})
}

// exportBody is the body of POST /api/v1/export.
type exportBody struct {
	Hashes []tahoe.Hash `json:"hashes"`
}

// exportThese is POST /api/v1/export: the same of the raws and events with some hashes.
func (s *Server) exportThese(c echo.Context) error {
	var body exportBody
	if err := s.decode(c, &body); err != nil {
		return err
	}
	if len(body.Hashes) == 0 || len(body.Hashes) > maxExported {
		return badRequest("'hashes' must be 1 to " + strconv.Itoa(maxExported) + " hashes of raws and events.")
	}
	return s.exported(c, tahoe.RecordQuery{Hashes: body.Hashes}, map[string]string{"hashes": strconv.Itoa(len(body.Hashes))})
}

// exported answers with what q asks for. What the caller may see is looked up anew for each page.
func (s *Server) exported(c echo.Context, q tahoe.RecordQuery, detail map[string]string) error {
	ctx, done := s.streaming(c.Request().Context())
	defer done()
	ctx, stop := s.whileSignedIn(ctx, c)
	defer stop()
	orgs, err := s.readable(ctx, caller(c))
	if err != nil {
		return err
	}
	deed := audit.Entry{Action: audit.Export, Detail: detail}
	for _, o := range orgs {
		deed.Orgs = append(deed.Orgs, o.Hash)
	}
	s.cfg.Audit.Note(c.Request().Context(), deed)
	conn := http.NewResponseController(c.Response())
	_ = conn.SetReadDeadline(time.Time{}) // a test's recorder has no deadlines
	out := &patientWriter{c: c, conn: conn, media: mediaNDJSON, name: "cybexp.ndjson"}
	for {
		if q.Audiences, err = s.audiences(ctx, c); err != nil {
			break
		}
		var page tahoe.RecordPage
		if page, err = s.cfg.Exporter.Records(ctx, q); err != nil {
			break
		}
		if err = out.records(page.Records); err != nil {
			break
		}
		if q.Place = page.Next; q.Place.End {
			return out.records(nil)
		}
	}
	err = s.closing(ctx, c.Request().Context(), err)
	switch {
	case c.Response().Committed:
		s.log.InfoContext(ctx, "export cut off", "request_id", requestID(c), "err", err)
		panic(http.ErrAbortHandler)
	case errors.Is(err, ErrNoRecord):
		return refuse(http.StatusGone, "no-record", "There is no raw or event of that hash any more: go on behind the one before it.")
	}
	return fmt.Errorf("export: %w", err)
}

// audiences are those that the caller belongs to at this moment.
func (s *Server) audiences(ctx context.Context, c echo.Context) ([]string, error) {
	orgs, err := s.readable(ctx, caller(c))
	var list []string
	for _, o := range orgs {
		list = append(list, o.Audiences()...)
	}
	return list, err
}

// records writes records, and sends them.
func (w *patientWriter) records(records []tahoe.Record) error {
	for line, err := range tahoe.MarshalRecords(records) {
		if err == nil {
			_, err = w.Write(append(line, '\n'))
		}
		if err != nil {
			return err
		}
	}
	if _, err := w.Write(nil); err != nil {
		return err
	}
	return w.conn.Flush()
}
