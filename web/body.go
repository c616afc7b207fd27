package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// readBody reads the whole of a JSON body, within the limit.
func (s *Server) readBody(c echo.Context) ([]byte, error) {
	kind, _, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	if err != nil || kind != echo.MIMEApplicationJSON {
		return nil, refuse(http.StatusUnsupportedMediaType, "media-type", "The body must be application/json.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, s.cfg.MaxJSON))
	if err != nil {
		return nil, brokenBody(err)
	}
	return body, nil
}

// decode reads a JSON body into v; a member that v does not have is an error.
func (s *Server) decode(c echo.Context, v any) error {
	body, err := s.readBody(c)
	if err != nil {
		return err
	}
	if err := decodeStrict(body, v); err != nil {
		return badRequest("Invalid JSON: " + jsonFault(err))
	}
	return nil
}

// jsonFault says what is wrong with a JSON body in words of whoever sent it, who knows nothing of the server's types.
func jsonFault(err error) string {
	var wrong *json.UnmarshalTypeError
	switch {
	case !errors.As(err, &wrong):
		return strings.TrimPrefix(err.Error(), "json: ")
	case wrong.Field == "":
		return "the body cannot be of type " + wrong.Value
	}
	return "'" + wrong.Field + "' cannot be of type " + wrong.Value
}

// brokenBody keeps errors that have a problem of their own, and blames the caller for the rest: the body ended too soon.
func brokenBody(err error) error {
	if problemOf(err).Status != http.StatusInternalServerError {
		return err
	}
	return brokenOff()
}

func brokenOff() *problem { return badRequest("The body broke off.") }

// slowly gives a handler whose body is long as much time as it takes, as long as the caller does not stall: each read that makes
// progress moves the deadline. The function it returns must be called when the body has been read.
func slowly(c echo.Context) (body io.Reader, read func()) {
	conn := http.NewResponseController(c.Response()) // a test's recorder has no deadlines to set: errors are no matter
	_ = conn.SetWriteDeadline(time.Time{})
	return &patient{conn, c.Request().Body}, func() {
		_ = conn.SetReadDeadline(time.Time{})
		_ = conn.SetWriteDeadline(time.Now().Add(bodyTimeout))
	}
}

// patient is a body whose read deadline moves.
type patient struct {
	conn *http.ResponseController
	body io.Reader
}

func (p *patient) Read(b []byte) (int, error) {
	_ = p.conn.SetReadDeadline(time.Now().Add(bodyTimeout))
	n, err := p.body.Read(b)
	switch {
	case errors.Is(err, io.EOF): // a deadline that passes now would end the request, whose handler may still have much to do
		_ = p.conn.SetReadDeadline(time.Time{})
	case err != nil:
		err = brokenBody(err)
	}
	return n, err
}

// decodeStrict decodes exactly one JSON value, and no members that v does not have.
func decodeStrict(body []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the value")
	}
	return nil
}
