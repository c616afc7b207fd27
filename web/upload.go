package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/tahoe"
)

// accept hands a file to the lake, and returns when it is on disk.
func (s *Server) accept(c echo.Context, upload ingest.Upload, file io.Reader) (ingest.Receipt, error) {
	receipt, err := s.cfg.Ingest.Accept(c.Request().Context(), upload, file)
	if err != nil {
		return receipt, fmt.Errorf("accept upload: %w", err)
	}
	s.cfg.Audit.Note(c.Request().Context(), audit.Entry{
		Action: audit.Upload, Orgs: []tahoe.Hash{upload.Org}, Object: receipt.ID,
		Detail: map[string]string{"typetag": upload.Typetag, "name": upload.Name, "records": fmt.Sprint(receipt.Records), "bytes": fmt.Sprint(receipt.Bytes)},
	})
	return receipt, nil
}

// lakeRetryAfter is what a caller is told who comes when the lake is full.
const lakeRetryAfter = 10 * time.Second

// reason is what an error says after the one that it wraps.
func reason(err, wrapped error) string {
	_, text, _ := strings.Cut(err.Error(), wrapped.Error()+": ")
	text, _, _ = strings.Cut(text, "\n")
	return text
}

// uploadProblem is the part of problemOf that knows uploads; nil for any other error.
func uploadProblem(err error) *problem {
	switch {
	case errors.Is(err, ingest.ErrInvalid):
		return badRequest("Invalid input: " + reason(err, ingest.ErrInvalid))
	case errors.Is(err, ingest.ErrTaken):
		return refuse(http.StatusConflict, "taken", "An upload of yours for the organisation has this Idempotency-Key and another typetag or tlp, or it is being sent again.")
	case errors.Is(err, ingest.ErrBusy):
		p := refuse(http.StatusTooManyRequests, "busy", "The server takes no more uploads now: "+reason(err, ingest.ErrBusy)+". Try again later.")
		p.retryAfter = lakeRetryAfter
		return p
	case errors.Is(err, ingest.ErrNotFound):
		return noUpload()
	case errors.Is(err, ingest.ErrBody):
		return brokenOff()
	}
	return nil
}

// callersUpload finds the upload of the path, for those who may upload for its organisation.
func (s *Server) callersUpload(c echo.Context) (ingest.Status, error) {
	ctx := c.Request().Context()
	status, err := s.cfg.Ingest.Upload(ctx, c.Param("id"))
	if err != nil {
		return status, fmt.Errorf("load upload: %w", err)
	}
	admin, err := s.cfg.Identity.Administers(ctx, caller(c).Hash, status.Org)
	if err != nil {
		return status, fmt.Errorf("check administrator: %w", err)
	}
	if !admin {
		return status, noUpload()
	}
	return status, nil
}

// upload is GET /api/v1/uploads/{id}: how far an upload has come.
func (s *Server) upload(c echo.Context) error {
	status, err := s.callersUpload(c)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, status)
}

func noUpload() *problem {
	return refuse(http.StatusNotFound, "no-upload", "There is no such upload.")
}
