package web

import (
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/audit"
)

// ErrBusy is what Config.Backup returns while it makes another backup.
var ErrBusy = errors.New("a backup is being made")

// mediaTar is the media type of a backup.
const mediaTar = "application/x-tar"

// backup is GET /api/v1/backup, for superusers: the whole platform, secrets and all, as it is now. An answer that ends well is whole; when it fails on the
// way, the connection is cut.
func (s *Server) backup(c echo.Context) error {
	if s.cfg.Backup == nil {
		return refuse(http.StatusNotImplemented, "no-backup", "This server has not all that a backup needs: run `cybexp backup` where the private keys are, with --dgraph, --nats and --exchange.")
	}
	s.cfg.Audit.Note(c.Request().Context(), audit.Entry{Action: audit.Backup})
	ctx, done := s.streaming(c.Request().Context())
	defer done()
	conn := http.NewResponseController(c.Response())
	_ = conn.SetReadDeadline(time.Time{}) // a test's recorder has no deadlines
	_ = conn.SetWriteDeadline(time.Time{})
	err := s.cfg.Backup(ctx, &patientWriter{c: c, conn: conn, media: mediaTar, name: "cybexp-backup.tar"})
	switch {
	case err == nil:
		return nil
	case !c.Response().Committed && errors.Is(err, ErrBusy):
		return refuse(http.StatusConflict, "busy", "A backup is being made. Try again when it is done.")
	case !c.Response().Committed:
		return s.closing(ctx, c.Request().Context(), err)
	}
	s.log.ErrorContext(ctx, "backup cut off", "request_id", requestID(c), "err", err)
	panic(http.ErrAbortHandler)
}

// patientWriter writes the body of a long answer. Between writes as much time may go by as it takes; each write has its time.
type patientWriter struct {
	c     echo.Context
	conn  *http.ResponseController
	media string
	name  string // of the file that it is
}

// Write commits the answer with its first bytes.
func (w *patientWriter) Write(p []byte) (int, error) {
	if !w.c.Response().Committed {
		h := w.c.Response().Header()
		h.Set(echo.HeaderContentType, w.media)
		h.Set(echo.HeaderContentDisposition, `attachment; filename="`+w.name+`"`)
		h.Set(echo.HeaderCacheControl, "no-store")
	}
	_ = w.conn.SetWriteDeadline(time.Now().Add(bodyTimeout))
	return w.c.Response().Write(p)
}
