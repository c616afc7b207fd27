package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/taxii"
	"github.com/cybexp/cybexp/tdql"
)

// errClosing says that the server is shutting down.
var errClosing = errors.New("server is shutting down")

// A problem is the body of every answer that is not a success: RFC 9457, with a message for clients of the classic API.
type problem struct {
	Type      string      `json:"type"`
	Title     string      `json:"title"`
	Status    int         `json:"status"`
	Detail    string      `json:"detail"`
	Message   string      `json:"message"` // the same as Detail: what clients of the classic API read
	RequestID string      `json:"request_id"`
	Errors    tdql.Errors `json:"errors,omitempty"` // what is wrong with a query, with places

	retryAfter time.Duration
	classic    string       // what the first Cybex-P said, for its routes; empty is Detail
	denied     bool         // the caller is told that there is nothing, because it is not for them
	orgs       []tahoe.Hash // whose data or rights it is about, for the audit trail
}

// Error makes a problem an error, so that a handler returns it.
func (p *problem) Error() string { return p.Detail }

// refuse is the problem that a handler returns when the caller is at fault. The code is the last part of the problem's type.
func refuse(status int, code, detail string) *problem {
	return &problem{Type: typeOf(code), Title: http.StatusText(status), Status: status, Detail: detail}
}

func typeOf(code string) string { return "urn:cybexp:problem:" + code }

// inOldWords gives a problem the text that classic clients know.
func (p *problem) inOldWords(text string) *problem {
	p.classic = text
	return p
}

// denying marks a problem that hides from the caller what an organisation has, so that the audit trail tells of it.
func (p *problem) denying(orgs ...tahoe.Hash) *problem {
	p.denied, p.orgs = true, orgs
	return p
}

// badRequest is the most common refusal.
func badRequest(detail string) *problem { return refuse(http.StatusBadRequest, "bad-request", detail) }

// queryFaults makes a problem of what is wrong with a query.
func queryFaults(errs tdql.Errors) *problem {
	p := refuse(http.StatusBadRequest, "query", errs[0].Message)
	p.Errors = errs
	return p
}

// problemOf turns any error into what the caller may know of it. What is not known here is a fault of the server: its text stays in
// the log.
func problemOf(err error) *problem {
	var (
		known   *problem
		queries tdql.Errors
		tooBig  *http.MaxBytesError
		routing *echo.HTTPError
	)
	switch {
	case errors.As(err, &known):
		copied := *known
		return &copied
	case errors.As(err, &queries) && len(queries) > 0:
		return queryFaults(queries)
	case errors.As(err, &tooBig):
		return refuse(http.StatusRequestEntityTooLarge, "too-large", fmt.Sprintf("The body is larger than %d bytes.", tooBig.Limit))
	case errors.As(err, &routing) && routing.Code == http.StatusNotFound:
		return refuse(http.StatusNotFound, "not-found", "There is nothing here.")
	case errors.As(err, &routing) && routing.Code == http.StatusMethodNotAllowed:
		return refuse(http.StatusMethodNotAllowed, "method", "This method is not allowed here.")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refuse(http.StatusRequestTimeout, "time-out", "The body did not come in time.")
	}
	if errors.Is(err, errAuthDown) {
		p := refuse(http.StatusServiceUnavailable, "identities", "It cannot be found out who you are: the bus does not answer. Try again shortly.")
		p.retryAfter = retryAfter
		return p.inOldWords("Authentication database down!")
	}
	if errors.Is(err, audit.ErrDown) {
		p := refuse(http.StatusServiceUnavailable, "audit", "Nothing was changed, because it cannot be written to the audit trail. Try again shortly.")
		p.retryAfter = retryAfter
		return p
	}
	if p := reportProblem(err); p != nil {
		return p
	}
	if p := uploadProblem(err); p != nil {
		return p
	}
	if p := sourceProblem(err); p != nil {
		return p
	}
	if p := noteProblem(err); p != nil {
		return p
	}
	if p := taxiiProblem(err); p != nil {
		return p
	}
	return refuse(http.StatusInternalServerError, "server", "Something went wrong in the server. Its log tells what, under the request_id.").inOldWords("500 Server Error")
}

// reportProblem is the part of problemOf that knows the report service; nil for any other error.
func reportProblem(err error) *problem {
	switch {
	case errors.Is(err, reportd.ErrNotFound):
		return refuse(http.StatusNotFound, "no-report", "There is no such report.")
	case errors.Is(err, reportd.ErrRights):
		return refuse(http.StatusForbidden, "report-rights", "You may no longer read all that this report is made of. Ask again.")
	case errors.Is(err, reportd.ErrExpired):
		return refuse(http.StatusGone, "expired", "Rows of the report are no longer kept. Ask again.")
	case errors.Is(err, reportd.ErrFinished):
		return refuse(http.StatusConflict, "ended", "The report has ended.")
	case errors.Is(err, reportd.ErrLimit):
		return refuse(http.StatusConflict, "report-limit", "The query takes more than the server allows: narrow it.")
	case errors.Is(err, reportd.ErrTooLarge):
		return refuse(http.StatusRequestEntityTooLarge, "too-large", "The query's text is too long.")
	case errors.Is(err, reportd.ErrBadRequest):
		return badRequest("The query cannot be understood.")
	case errors.Is(err, reportd.ErrUserBusy):
		p := refuse(http.StatusTooManyRequests, "too-many", "As many of your queries wait or run as one user may have. End one, or try again shortly.")
		p.retryAfter = retryAfter
		return p
	case errors.Is(err, reportd.ErrBusy), errors.Is(err, errClosing):
		p := refuse(http.StatusServiceUnavailable, "busy", "The server is busy. Try again shortly.")
		p.retryAfter = retryAfter
		return p
	}
	return nil
}

// classicRoute tells whether a request is of the classic API, whose clients know texts of its own.
func classicRoute(c echo.Context) bool {
	switch path := c.Path(); path {
	case "/raw", "/query":
		return true
	default:
		return slices.ContainsFunc([]string{"/create/", "/org/", "/orgs/", "/user/"}, func(of string) bool { return strings.HasPrefix(path, of) })
	}
}

// retryAfter is what a caller is told who comes when the server is busy.
const retryAfter = 5 * time.Second

// answerError is echo's error handler and the only door by which errors leave.
func (s *Server) answerError(err error, c echo.Context) {
	p := problemOf(err)
	p.RequestID = requestID(c)
	if p.classic != "" && classicRoute(c) {
		p.Detail = p.classic
		if errors.Is(err, errAuthDown) {
			p.Status = http.StatusInternalServerError // which classic clients expect
		}
	}
	p.Message = p.Detail
	ctx := c.Request().Context()
	s.noteRefusal(c, p)
	if (p.Status == http.StatusInternalServerError || errors.Is(err, errAuthDown)) && ctx.Err() == nil {
		s.log.LogAttrs(ctx, slog.LevelError, "request failed",
			slog.String("request_id", p.RequestID), slog.String("route", c.Path()), slog.Any("err", err))
	}
	if c.Response().Committed {
		return
	}
	header := c.Response().Header()
	var body any = p
	header.Set("Content-Type", "application/problem+json")
	if ofTaxii(c) {
		body = taxiiError(p)
		header.Set("Content-Type", taxii.MediaType)
	}
	header.Set("Cache-Control", "no-store")
	if p.Status == http.StatusUnauthorized {
		header.Set("WWW-Authenticate", `Bearer realm="cybexp"`)
		if ofTaxii(c) {
			header.Add("WWW-Authenticate", `Basic realm="cybexp", charset="UTF-8"`)
		}
	}
	if p.retryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int(p.retryAfter.Seconds())))
	}
	c.Response().WriteHeader(p.Status)
	if c.Request().Method == http.MethodHead {
		return
	}
	if err := json.NewEncoder(c.Response()).Encode(body); err != nil {
		s.log.DebugContext(ctx, "caller left before its problem", "request_id", p.RequestID, "err", err)
	}
}
