package web

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/stix"
	"github.com/cybexp/cybexp/tdql"
)

// A rowFormat writes rows as they come.
type rowFormat interface {
	header(fields []string) error
	row(json.RawMessage) error
	end() error
}

// rows is GET /api/v1/reports/{id}/rows: the rows of a report from its first one, or from the one after ?after= or ?cursor=, while they
// are made, or a page of them. An answer that ends well is whole; when a report fails on the way, the connection is cut, so that nobody
// takes a part for the whole.
func (s *Server) rows(c echo.Context) error {
	after, err := place(c)
	if err != nil {
		return err
	}
	limit, err := pageSize(c)
	if err != nil {
		return err
	}
	media, err := wanted(c)
	if err != nil {
		return err
	}
	ctx, done := s.streaming(c.Request().Context())
	defer done()
	ctx, stop := s.whileSignedIn(ctx, c)
	defer stop()
	switch {
	case media == mediaReport && (limit > 0 || after > 0):
		return badRequest("A report document is whole: ask without 'limit', 'after' and 'cursor'.")
	case media == mediaReport:
		return s.kept(ctx, c)
	case limit > 0:
		return s.rowsPage(ctx, c, media, after, limit)
	}
	return s.stream(ctx, newRowStream(c, media, newRowFormat(c.Response(), media, c.Param("id"))), owner(c), c.Param("id"), after)
}

// place is the number of the row after which rows are asked for, as ?after= or in ?cursor=.
func place(c echo.Context) (uint64, error) {
	if text := c.QueryParam("cursor"); text != "" {
		n, _, err := readCursor(c.Param("id"), text)
		return n, err
	}
	text := c.QueryParam("after")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, badRequest("'after' must be the number of a row.")
	}
	return n, nil
}

// stream passes a report's rows on as they come.
func (s *Server) stream(ctx context.Context, out *rowStream, who reportd.Caller, id string, after uint64) error {
	for frame, err := range s.cfg.Reports.Frames(ctx, who, id, after) {
		if err == nil {
			err = out.frame(frame)
		}
		if err != nil {
			return s.cut(ctx, out, err)
		}
	}
	return nil
}

// cut tells of an error while there is still a status to tell it with, and cuts the connection after that.
func (s *Server) cut(ctx context.Context, out *rowStream, err error) error {
	err = s.closing(ctx, out.c.Request().Context(), err)
	if !out.c.Response().Committed {
		return err
	}
	s.log.InfoContext(ctx, "rows cut off", "request_id", requestID(out.c), "err", err)
	panic(http.ErrAbortHandler)
}

// closing is err, or why the work was ended: the token that it was asked with is no good any more, or the server ends.
func (s *Server) closing(work, caller context.Context, err error) error {
	var refused *problem
	switch {
	case errors.As(context.Cause(work), &refused):
		return refused
	case work.Err() != nil && caller.Err() == nil:
		return errClosing
	}
	return err
}

// whileSignedIn is a context that ends with the token of the request.
func (s *Server) whileSignedIn(ctx context.Context, c echo.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		cancel(s.cfg.Reports.Rely(ctx, caller(c).Hash.String(), func(ctx context.Context) error {
			token, err := s.tokenOf(c)
			if err == nil {
				_, err = s.authenticate(ctx, token, identity.Read)
			}
			var refused *problem
			if errors.As(err, &refused) {
				return refused
			}
			return nil // the store is away; it is asked again
		}))
	})
	return ctx, func() { cancel(nil); wg.Wait() }
}

// Media types of rows.
const (
	mediaNDJSON = "application/x-ndjson"
	mediaJSON   = "application/json"
	mediaCSV    = "text/csv"
	mediaSTIX   = "application/stix+json"
	mediaReport = "application/vnd.cybexp.report+json"
)

// wanted is the media type that ?format= names, or else Accept. A format is for a link of the page, which cannot set headers: it makes
// the answer a file.
func wanted(c echo.Context) (string, error) {
	format := c.QueryParam("format")
	if format == "" {
		return acceptable(c.Request().Header.Values(echo.HeaderAccept))
	}
	media, ok := map[string]string{"ndjson": mediaNDJSON, "json": mediaJSON, "csv": mediaCSV, "stix": mediaSTIX}[format]
	if !ok {
		return "", badRequest("'format' must be ndjson, json, csv or stix.")
	}
	ending := format
	if format == "stix" {
		ending = "stix.json"
	}
	name := "report-" + c.Param("id")[:min(12, len(c.Param("id")))] + "." + ending
	c.Response().Header().Set(echo.HeaderContentDisposition, mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	return media, nil
}

// acceptable chooses the first media type in Accept that we have; NDJSON when there is none or any will do.
func acceptable(accept []string) (string, error) {
	named := false
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		named = true
		media, params, err := mime.ParseMediaType(part)
		if err != nil || params["q"] == "0" {
			continue
		}
		switch media {
		case mediaNDJSON, "application/ndjson", "*/*", "application/*":
			return mediaNDJSON, nil
		case mediaSTIX:
			if v := params["version"]; v != "" && v != "2.1" {
				continue
			}
			return media, nil
		case mediaJSON, mediaCSV, mediaReport:
			return media, nil
		case "text/*":
			return mediaCSV, nil
		}
	}
	if named {
		return "", refuse(http.StatusNotAcceptable, "not-acceptable", "Rows are application/x-ndjson, application/json, text/csv, application/stix+json;version=2.1 or application/vnd.cybexp.report+json.")
	}
	return mediaNDJSON, nil
}

// newRowFormat makes the writer for one of the media types, but for mediaReport.
func newRowFormat(w io.Writer, media, report string) rowFormat {
	switch media {
	case mediaSTIX:
		return stixRows{stix.NewBundle(w, report)}
	case mediaCSV:
		return &csvRows{w: csv.NewWriter(w)}
	case mediaJSON:
		return &jsonRows{w: w}
	}
	return ndjsonRows{w}
}

// rowStream is an answer made of rows. It is committed with the first frame that says that there will be rows.
type rowStream struct {
	c      echo.Context
	conn   *http.ResponseController
	status int
	media  string
	name   string // of the file that CSV makes, without its end
	format rowFormat
}

func newRowStream(c echo.Context, media string, format rowFormat) *rowStream {
	r := &rowStream{c: c, conn: http.NewResponseController(c.Response()), status: http.StatusOK, media: media, name: "report", format: format}
	_ = r.conn.SetReadDeadline(time.Time{}) // a report may take longer than a request; a test's recorder has no deadlines
	r.patience()
	return r
}

// patience gives the caller time to take what is written next.
func (r *rowStream) patience() { _ = r.conn.SetWriteDeadline(time.Now().Add(bodyTimeout)) }

func (r *rowStream) frame(f reportd.Frame) error {
	r.patience()
	switch f.Type {
	case reportd.TypeStatus, reportd.TypeProgress:
		return nil
	case reportd.TypeHeader:
		return r.header(f)
	case reportd.TypeRows:
		return r.rows(f)
	case reportd.TypeEnd:
		return r.end(f)
	case reportd.TypeError:
		return failed(f)
	}
	return fmt.Errorf("unknown frame %q", f.Type)
}

func (r *rowStream) header(f reportd.Frame) error {
	header, err := f.Header()
	if err != nil {
		return err
	}
	return r.commit(header.Fields)
}

// commit sends the status and what stands before the rows. A report that was begun again has a second header, which says the same.
func (r *rowStream) commit(fields []string) error {
	if r.c.Response().Committed {
		return nil
	}
	if r.media == mediaSTIX {
		if err := stix.Fit(fields); err != nil {
			return refuse(http.StatusNotAcceptable, "not-acceptable", "A STIX bundle has instances: ask for attributes, objects, events or sessions, with all their fields.")
		}
	}
	h := r.c.Response().Header()
	h.Set(echo.HeaderContentType, r.media)
	h.Add(echo.HeaderVary, echo.HeaderAccept)
	h.Set(echo.HeaderCacheControl, "no-store")
	switch r.media {
	case mediaSTIX:
		h.Set(echo.HeaderContentType, mediaSTIX+";version=2.1")
	case mediaReport:
		h.Set(echo.HeaderContentType, r.media)
	case mediaCSV:
		h.Set(echo.HeaderContentType, mediaCSV+"; charset=utf-8; header=present")
		if h.Get(echo.HeaderContentDisposition) == "" {
			h.Set(echo.HeaderContentDisposition, `attachment; filename="`+r.name+`.csv"`)
		}
	}
	r.c.Response().WriteHeader(r.status)
	if err := r.format.header(fields); err != nil {
		return err
	}
	return r.conn.Flush()
}

func (r *rowStream) rows(f reportd.Frame) error {
	rows, err := f.Rows()
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := r.format.row(row); err != nil {
			return err
		}
	}
	return r.conn.Flush()
}

func (r *rowStream) end(f reportd.Frame) error {
	end, err := whole(f)
	if err != nil {
		return err
	}
	r.warn(end.Warnings)
	if err := r.commit(nil); err != nil {
		return err
	}
	if err := r.format.end(); err != nil {
		return err
	}
	return r.conn.Flush()
}

// warningsTrailer follows the rows, with the codes of the report's warnings: that a limit cut it short, for one.
const warningsTrailer = "Report-Warnings"

func (r *rowStream) warn(warnings tdql.Errors) {
	codes := make([]string, len(warnings))
	for i, w := range warnings {
		codes[i] = string(w.Code)
	}
	if len(codes) > 0 {
		r.c.Response().Header().Set(http.TrailerPrefix+warningsTrailer, strings.Join(codes, ", "))
	}
}

// whole reads the end of a report that must be ready.
func whole(f reportd.Frame) (reportd.End, error) {
	end, err := f.End()
	if err == nil && end.Status != reportd.StatusReady {
		err = refuse(http.StatusConflict, "report-"+string(end.Status), "The report was "+string(end.Status)+".")
	}
	return end, err
}

// failed is the problem that a report ended with.
func failed(f reportd.Frame) error {
	failure, err := f.Failure()
	if err != nil {
		return err
	}
	return reportFailed(failure)
}

// reportFailed is a failed report as a problem.
func reportFailed(f reportd.Failure) *problem {
	if len(f.Errors) > 0 {
		return queryFaults(f.Errors)
	}
	return refuse(http.StatusConflict, "report-failed", f.Message)
}

// ndjsonRows writes one row a line.
type ndjsonRows struct{ w io.Writer }

func (n ndjsonRows) header([]string) error { return nil }
func (n ndjsonRows) end() error            { return nil }

func (n ndjsonRows) row(row json.RawMessage) error {
	if bytes.IndexByte(row, '\n') >= 0 {
		return errors.New("row has a line break")
	}
	if _, err := n.w.Write(row); err != nil {
		return err
	}
	_, err := n.w.Write([]byte{'\n'})
	return err
}

// jsonRows writes one JSON array.
type jsonRows struct {
	w   io.Writer
	any bool
}

func (j *jsonRows) header([]string) error { return nil }

func (j *jsonRows) row(row json.RawMessage) error {
	separator := ",\n"
	if !j.any {
		separator, j.any = "[", true
	}
	if _, err := io.WriteString(j.w, separator); err != nil {
		return err
	}
	_, err := j.w.Write(row)
	return err
}

func (j *jsonRows) end() error {
	text := "]\n"
	if !j.any {
		text = "[]\n"
	}
	_, err := io.WriteString(j.w, text)
	return err
}

// stixRows writes one STIX bundle.
type stixRows struct{ *stix.Bundle }

func (s stixRows) header([]string) error         { return s.Begin() }
func (s stixRows) row(row json.RawMessage) error { return s.Row(row) }
func (s stixRows) end() error                    { return s.End() }

// csvRows writes a line of field names, then the rows. Strings stand bare, anything else as JSON, null and absent as nothing.
type csvRows struct {
	w      *csv.Writer
	fields []string
}

func (r *csvRows) header(fields []string) error {
	r.fields = fields
	return r.line(fields)
}

func (r *csvRows) row(row json.RawMessage) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(row, &members); err != nil {
		return fmt.Errorf("read row: %w", err)
	}
	cells := make([]string, len(r.fields))
	for i, name := range r.fields {
		cells[i] = cellText(members[name])
	}
	return r.line(cells)
}

func (r *csvRows) end() error { return nil }

func (r *csvRows) line(cells []string) error {
	if err := r.w.Write(cells); err != nil {
		return err
	}
	r.w.Flush()
	return r.w.Error()
}

// cellText is a JSON value as a cell.
func cellText(value json.RawMessage) string {
	var text string
	if len(value) > 0 && value[0] == '"' && json.Unmarshal(value, &text) == nil {
		return text
	}
	if string(value) == "null" {
		return ""
	}
	return string(value)
}
