package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"slices"
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

// decode reads a JSON body into v, which points to a struct. A member that the struct does not have is an error, and so is one that is not there
// or null, unless its tag says omitzero. The document of the API is made of the same tags.
func (s *Server) decode(c echo.Context, v any) error {
	body, err := s.readBody(c)
	if err != nil {
		return err
	}
	if err := decodeStrict(body, v); err != nil {
		return badRequest("Invalid JSON: " + jsonFault(err))
	}
	if name := missing(body, v); name != "" {
		return badRequest("'" + name + "' is missing.")
	}
	return nil
}

// missing is the first member that a body has not and v, into which it was read, must have.
func missing(body []byte, v any) string {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(body, &members) // it was read already; null has no members
	for _, field := range reflect.VisibleFields(reflect.TypeOf(v).Elem()) {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" || slices.ContainsFunc(strings.Split(options, ","), func(o string) bool { return o == "omitzero" || o == "omitempty" }) {
			continue
		}
		there := false
		for key, value := range members { // in whatever case, as the members of v are found
			there = there || strings.EqualFold(key, name) && string(value) != "null"
		}
		if !there {
			return name
		}
	}
	return ""
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
