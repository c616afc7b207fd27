package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/taxii"
)

// Where TAXII is served, see docs/taxii.md.
const (
	taxiiPath = "/taxii2/"
	taxiiRoot = "/taxii2/api/"

	maxEnvelope = 8 << 20 // bytes that a client may send at a time
)

func (s *Server) taxiiRoutes(e *echo.Echo) {
	reading, sending, either := s.taxiiFor(identity.Read), s.taxiiFor(identity.Upload), s.taxiiFor(identity.Read, identity.Upload)
	e.GET(taxiiPath, s.taxiiDiscovery, either)
	root := e.Group(strings.TrimSuffix(taxiiRoot, "/"))
	root.GET("/", s.taxiiAPIRoot, either)
	root.GET("/status/:id/", s.taxiiStatus, either)
	root.GET("/collections/", s.taxiiCollections, either)
	root.GET("/collections/:id/", s.taxiiCollection, either)
	root.GET("/collections/:id/manifest/", s.taxiiManifest, reading)
	root.GET("/collections/:id/objects/", s.taxiiObjects, reading)
	root.POST("/collections/:id/objects/", s.taxiiAdd, sending)
	root.GET("/collections/:id/objects/:object/", s.taxiiObjects, reading)
	root.GET("/collections/:id/objects/:object/versions/", s.taxiiVersions, reading)
}

func ofTaxii(c echo.Context) bool { return strings.HasPrefix(c.Request().URL.Path, taxiiPath) }

// taxiiSlash adds the slash that TAXII has at the end of a path, and that some clients leave out.
func taxiiSlash(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		u := c.Request().URL
		if strings.HasPrefix(u.Path+"/", taxiiPath) && !strings.HasSuffix(u.Path, "/") {
			u.Path += "/"
			if u.RawPath != "" {
				u.RawPath += "/"
			}
		}
		return next(c)
	}
}

// taxiiFor runs a handler for callers who accept what it answers with, and whose token has all rights or one of those named. A token may be
// the password of HTTP Basic, which is what most TAXII clients can send.
func (s *Server) taxiiFor(rights ...identity.Right) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if !taxii.Acceptable(c.Request().Header.Values(echo.HeaderAccept)) {
				return refuse(http.StatusNotAcceptable, "not-acceptable", "Answers are "+taxii.MediaType+".")
			}
			token, email, err := taxiiToken(c.Request())
			if err != nil {
				return err
			}
			who, err := s.authenticate(c.Request().Context(), token, rights...)
			if err != nil {
				return err
			}
			if email != "" && !strings.EqualFold(email, who.User.Email) {
				return unauthorized("The token is not one of this user.")
			}
			c.Set(keyCaller, who)
			s.actAs(c, who.User, who.Token.ID)
			return next(c)
		}
	}
}

// taxiiToken is the token of a request, and the e-mail address that came with it, "" with Bearer.
func taxiiToken(r *http.Request) (token, email string, err error) {
	if user, password, ok := r.BasicAuth(); ok {
		if user == "" || strings.Count(password, ".") != 2 {
			return "", "", unauthorized("HTTP Basic takes your e-mail address and a token, not your password: make one with `cybexp token create --right read`.")
		}
		return password, user, nil
	}
	token, err = bearer(r.Header.Get(echo.HeaderAuthorization))
	return token, "", err
}

// taxiiJSON answers with a resource.
func taxiiJSON(c echo.Context, status int, v any) error {
	_ = http.NewResponseController(c.Response()).SetWriteDeadline(time.Now().Add(bodyTimeout)) // of a test's recorder there is none
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, taxii.MediaType)
	h.Set(echo.HeaderCacheControl, "no-store")
	h.Add(echo.HeaderVary, echo.HeaderAccept)
	c.Response().WriteHeader(status)
	enc := json.NewEncoder(c.Response())
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// taxiiError is a problem as TAXII tells of it.
func taxiiError(p *problem) taxii.Error {
	return taxii.Error{
		Title: p.Title, Description: p.Detail, ErrorID: p.RequestID, ErrorCode: strings.TrimPrefix(p.Type, typeOf("")), HTTPStatus: strconv.Itoa(p.Status),
	}
}

// taxiiProblem is the part of problemOf that knows TAXII; nil for any other error.
func taxiiProblem(err error) *problem {
	switch {
	case errors.Is(err, taxii.ErrFilter):
		return badRequest("Invalid parameter: " + reason(err, taxii.ErrFilter) + ".")
	case errors.Is(err, taxii.ErrEnvelope):
		return refuse(http.StatusUnprocessableEntity, "envelope", "The body is no envelope of STIX objects: "+reason(err, taxii.ErrEnvelope)+".")
	case errors.Is(err, taxii.ErrTooMany):
		return refuse(http.StatusConflict, "too-many", "The collection has more objects than the server shows: narrow the saved query, by a time for one.")
	case errors.Is(err, taxii.ErrFull):
		return refuse(http.StatusConflict, "full", "Your collections together have more objects than the server remembers: delete or narrow saved queries.")
	case errors.Is(err, taxii.ErrNotReady):
		p := refuse(http.StatusServiceUnavailable, "not-ready", "The collection is being read, which takes a while. Try again shortly.")
		p.retryAfter = 2 * retryAfter
		return p
	case errors.Is(err, taxii.ErrNotFound):
		return refuse(http.StatusNotFound, "not-found", "There is nothing here.")
	}
	return nil
}

// taxiiDiscovery is GET /taxii2/.
func (s *Server) taxiiDiscovery(c echo.Context) error {
	at := "http://" + c.Request().Host + taxiiRoot
	if s.secure(c) {
		at = "https://" + c.Request().Host + taxiiRoot
	}
	return taxiiJSON(c, http.StatusOK, taxii.Discovery{
		Title: "Cybex-P", Description: "Threat data as STIX 2.1: collections are saved queries.", Default: at, APIRoots: []string{at},
	})
}

// taxiiAPIRoot is GET /taxii2/api/.
func (s *Server) taxiiAPIRoot(c echo.Context) error {
	return taxiiJSON(c, http.StatusOK, taxii.Root{Title: "Saved queries", Versions: []string{taxii.MediaType}, MaxContentLength: maxEnvelope})
}

// taxiiCollections is GET /taxii2/api/collections/.
func (s *Server) taxiiCollections(c echo.Context) error {
	shelf, err := s.shelfOf(c)
	if err != nil {
		return err
	}
	var all taxii.Collections
	for _, b := range shelf {
		all.Collections = append(all.Collections, b.Collection)
	}
	return taxiiJSON(c, http.StatusOK, all)
}

// taxiiCollection is GET /taxii2/api/collections/{id}/.
func (s *Server) taxiiCollection(c echo.Context) error {
	b, err := s.bookOf(c)
	if err != nil {
		return err
	}
	return taxiiJSON(c, http.StatusOK, b.Collection)
}

// taxiiManifest is GET /taxii2/api/collections/{id}/manifest/.
func (s *Server) taxiiManifest(c echo.Context) error {
	page, err := s.taxiiPage(c, s.cfg.Taxii.Records)
	if err != nil {
		return err
	}
	m := taxii.Manifest{More: page.More, Next: page.Next}
	for _, item := range page.Items {
		m.Objects = append(m.Objects, item.Record)
	}
	return taxiiJSON(c, http.StatusOK, m)
}

// taxiiObjects is GET /taxii2/api/collections/{id}/objects/, and of one object …/objects/{object}/.
func (s *Server) taxiiObjects(c echo.Context) error {
	page, err := s.taxiiPage(c, s.cfg.Taxii.Objects)
	if err != nil {
		return err
	}
	e := taxii.Envelope{More: page.More, Next: page.Next}
	for _, item := range page.Items {
		e.Objects = append(e.Objects, item.Text)
	}
	return taxiiJSON(c, http.StatusOK, e)
}

// taxiiVersions is GET /taxii2/api/collections/{id}/objects/{object}/versions/.
func (s *Server) taxiiVersions(c echo.Context) error {
	page, err := s.taxiiPage(c, s.cfg.Taxii.Records)
	if err != nil {
		return err
	}
	v := taxii.Versions{More: page.More, Next: page.Next}
	for _, item := range page.Items {
		v.Versions = append(v.Versions, item.Version)
	}
	return taxiiJSON(c, http.StatusOK, v)
}

// taxiiPage finds the page that a request asks for, of one object if its path names one, and sets the headers that tell its times.
func (s *Server) taxiiPage(c echo.Context, find func(context.Context, taxii.Source, taxii.Filter) (taxii.Page, error)) (taxii.Page, error) {
	ctx, done := s.streaming(c.Request().Context())
	defer done()
	f, err := taxii.ParseFilter(c.QueryParams())
	if err != nil {
		return taxii.Page{}, err
	}
	b, err := s.bookOf(c)
	if err != nil {
		return taxii.Page{}, err
	}
	if b.source == nil {
		return taxii.Page{}, forbidden("This collection can only be written to.")
	}
	if id := c.Param("object"); id != "" {
		f.IDs = []string{id}
		there, err := s.cfg.Taxii.Has(ctx, *b.source, id)
		if err == nil && !there {
			err = taxii.ErrNotFound
		}
		if err != nil {
			return taxii.Page{}, s.closing(ctx, c.Request().Context(), err)
		}
	}
	page, err := find(ctx, *b.source, f)
	if err != nil {
		return page, s.closing(ctx, c.Request().Context(), err)
	}
	if n := len(page.Items); n > 0 {
		c.Response().Header().Set("X-TAXII-Date-Added-First", page.Items[0].DateAdded)
		c.Response().Header().Set("X-TAXII-Date-Added-Last", page.Items[n-1].DateAdded)
	}
	return page, nil
}

// taxiiAdd is POST /taxii2/api/collections/{id}/objects/: what is sent becomes an upload, whose fate the status tells.
func (s *Server) taxiiAdd(c echo.Context) error {
	if !taxii.Sendable(c.Request().Header.Get(echo.HeaderContentType)) {
		return refuse(http.StatusUnsupportedMediaType, "media-type", "The body must be "+taxii.MediaType+".")
	}
	b, err := s.bookOf(c)
	if err != nil {
		return err
	}
	if b.org.IsZero() {
		return forbidden("This collection can only be read.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, maxEnvelope))
	if err != nil {
		return brokenBody(err)
	}
	receipt, bundle, err := s.cfg.Taxii.Receive(c.Request().Context(), b.org, body)
	if err != nil {
		return err
	}
	upload := ingest.Upload{ID: receipt.ID, Org: b.org, User: caller(c).Hash, Name: "TAXII", Typetag: "stix"}
	if _, err := s.accept(c, upload, bytes.NewReader(bundle)); err != nil {
		return err
	}
	return taxiiJSON(c, http.StatusAccepted, receipt.Waiting())
}

// taxiiStatus is GET /taxii2/api/status/{id}/, for those who may send to the organisation.
func (s *Server) taxiiStatus(c echo.Context) error {
	ctx := c.Request().Context()
	receipt, err := s.cfg.Taxii.Receipt(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	admin, err := s.cfg.Identity.Administers(ctx, caller(c).Hash, receipt.Org)
	if err != nil {
		return fmt.Errorf("check administrator: %w", err)
	}
	if !admin {
		return taxii.ErrNotFound
	}
	upload, err := s.cfg.Ingest.Upload(ctx, receipt.ID)
	if errors.Is(err, ingest.ErrNotFound) {
		return taxii.ErrNotFound // it was refused, or taken back
	}
	if err != nil {
		return fmt.Errorf("load upload: %w", err)
	}
	return taxiiJSON(c, http.StatusOK, fateOf(receipt, upload))
}

// fateOf tells what became of an upload of one record, the bundle. Nothing is said of single objects, since the record is kept or refused as a
// whole.
func fateOf(r taxii.Receipt, upload ingest.Status) taxii.Status {
	switch {
	case !upload.Done:
		return r.Waiting()
	case upload.Mapped+upload.Kept > 0:
		return r.Taken()
	case upload.Failed != "":
		return r.Refused(upload.Failed)
	case len(upload.Problems) > 0:
		return r.Refused(upload.Problems[0].String())
	}
	return r.Refused("the record could not be used")
}
