package web

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// maxField bounds a field of the upload form that is not the file.
const maxField = 4 << 10

// classicRaw is POST /raw: a form with a file and what it is. When all fields stand before the file, as most clients send them, the
// file goes straight to the lake; otherwise it waits in a temporary file until the fields have come.
func (s *Server) classicRaw(c echo.Context) error {
	body, read := slowly(c)
	c.Request().Body = s.bounded(c, body)
	parts, err := c.Request().MultipartReader()
	if err != nil {
		return refuse(http.StatusUnsupportedMediaType, "media-type", "The body must be multipart/form-data.")
	}
	form := &rawForm{server: s, c: c, parts: parts, fields: map[string]string{}}
	defer form.close()
	receipt, err := form.receive()
	read()
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, map[string]any{"message": "File uploaded successfully!", "upload": receipt})
}

// bounded limits an upload, if the configuration does.
func (s *Server) bounded(c echo.Context, body io.Reader) io.ReadCloser {
	if s.cfg.MaxUpload > 0 {
		return http.MaxBytesReader(c.Response(), io.NopCloser(body), s.cfg.MaxUpload)
	}
	return io.NopCloser(body)
}

// rawForm is the form of POST /raw while it comes in.
type rawForm struct {
	server *Server
	c      echo.Context
	parts  *multipart.Reader
	fields map[string]string
	spool  *os.File // the file, when it came before the fields
}

// receive reads the form and hands the file on.
func (f *rawForm) receive() (ingest.Receipt, error) {
	for {
		part, err := f.parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return ingest.Receipt{}, brokenBody(err)
		}
		switch {
		case part.FormName() != "file":
			err = f.field(part)
		case f.spool != nil:
			err = badRequest("Invalid input: file")
		case f.complete():
			return f.accept(&filePart{part, f.rest})
		default:
			err = f.keep(part)
		}
		if err != nil {
			return ingest.Receipt{}, err
		}
	}
	if f.spool == nil {
		return f.accept(nil)
	}
	return f.accept(f.spool)
}

// field reads a part that is not the file.
func (f *rawForm) field(part *multipart.Part) error {
	name := part.FormName()
	switch name {
	case "name", "orgid", "typetag", "timezone", "tlp":
	default:
		return badRequest("Invalid input: " + name)
	}
	text, err := io.ReadAll(io.LimitReader(part, maxField+1))
	if err != nil {
		return brokenBody(err)
	}
	if len(text) > maxField {
		return badRequest("Invalid input: " + name)
	}
	f.fields[name] = string(text)
	return nil
}

// complete says whether all fields have come, those with a default too. How far the file may be shared must have been said before it.
func (f *rawForm) complete() bool {
	for _, name := range []string{"name", "orgid", "typetag", "timezone"} {
		if _, ok := f.fields[name]; !ok {
			return false
		}
	}
	return true
}

// rest reads what follows the file: nothing that was not said before.
func (f *rawForm) rest() error {
	part, err := f.parts.NextPart()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return brokenBody(err)
	}
	if part.FormName() == "tlp" {
		return badRequest("Invalid input: tlp must stand before the file!")
	}
	return badRequest("Invalid input: " + part.FormName())
}

// keep puts the file aside. The temporary file has no name, so that it is gone with the process in any case.
func (f *rawForm) keep(part io.Reader) error {
	file, err := os.CreateTemp(f.server.cfg.TempDir, "cybexp-upload-*")
	if err != nil {
		return fmt.Errorf("spool upload: %w", err)
	}
	f.spool = file
	if err := os.Remove(file.Name()); err != nil {
		return fmt.Errorf("spool upload: %w", err)
	}
	if _, err := io.Copy(file, &filePart{part, nil}); err != nil {
		return fmt.Errorf("spool upload: %w", err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("spool upload: %w", err)
	}
	return nil
}

func (f *rawForm) close() {
	if f.spool != nil {
		_ = f.spool.Close() // it has no name and nobody needs it any more
	}
}

// accept checks the fields, in the order of the original, and hands the file to the lake.
func (f *rawForm) accept(file io.Reader) (ingest.Receipt, error) {
	if err := f.require("orgid"); err != nil {
		return ingest.Receipt{}, err
	}
	org, err := f.server.uploadOrg(f.c, "orgid", f.fields["orgid"])
	if err != nil {
		return ingest.Receipt{}, err
	}
	if err := f.require("name", "typetag"); err != nil {
		return ingest.Receipt{}, err
	}
	marking, err := markingParam(f.fields["tlp"])
	if err != nil {
		return ingest.Receipt{}, err
	}
	if file == nil {
		return ingest.Receipt{}, badRequest("Invalid or missing file!")
	}
	return f.server.accept(f.c, ingest.Upload{
		Org: org.Hash, User: caller(f.c).Hash, Name: f.fields["name"], Typetag: f.fields["typetag"],
		Timezone: cmp.Or(f.fields["timezone"], "UTC"), Marking: marking,
	}, file)
}

// require refuses a form that lacks one of the fields, in the words of the original, which showed a Python exception.
func (f *rawForm) require(names ...string) error {
	for _, name := range names {
		if _, ok := f.fields[name]; !ok {
			return badRequest(fmt.Sprintf("Invalid input: KeyError('%s') '%s'!", name, name))
		}
	}
	return nil
}

// filePart is the file in a form. At its end, after says whether the rest of the form is as it should be. When it is not, the upload is
// refused; what the lake has of the file by then stays there, which does no harm when it is sent again.
type filePart struct {
	part  io.Reader
	after func() error
}

func (p *filePart) Read(b []byte) (int, error) {
	n, err := p.part.Read(b)
	switch {
	case err == nil:
	case !errors.Is(err, io.EOF):
		err = brokenBody(err)
	case p.after != nil:
		if bad := p.after(); bad != nil {
			err = bad
		}
	}
	return n, err
}

// raw is POST /api/v1/raw: the body is the file, and the query string says what it is. Sent again with the same Idempotency-Key it
// is the same upload.
func (s *Server) raw(c echo.Context) error {
	for _, name := range []string{"org", "typetag"} {
		if c.QueryParam(name) == "" {
			return badRequest("The query parameter '" + name + "' is missing.")
		}
	}
	org, err := s.uploadOrg(c, "org", c.QueryParam("org"))
	if err != nil {
		return err
	}
	marking, err := markingParam(c.QueryParam("tlp"))
	if err != nil {
		return err
	}
	body, read := slowly(c)
	receipt, err := s.accept(c, ingest.Upload{
		Key: c.Request().Header.Get("Idempotency-Key"), Org: org.Hash, User: caller(c).Hash, Name: cmp.Or(c.QueryParam("name"), "upload"), Typetag: c.QueryParam("typetag"),
		Timezone: cmp.Or(c.QueryParam("timezone"), "UTC"), Marking: marking,
	}, s.bounded(c, body))
	read()
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, "/api/v1/uploads/"+receipt.ID)
	return c.JSON(http.StatusCreated, struct {
		ingest.Receipt
		Warning string `json:"warning,omitempty"`
	}{receipt, typetagWarning(c.QueryParam("typetag"))})
}

// typetagWarning says that a typetag which no filter knows looks like one that is known. The data is kept in any case.
func typetagWarning(typetag string) string {
	known := ingest.Typetags()
	near := tdql.Nearest(typetag, known)
	if near == "" || slices.Contains(known, typetag) {
		return ""
	}
	return fmt.Sprintf("No filter knows the typetag %q; did you mean %q? The records are kept until there is a filter for it.", typetag, near)
}

// markingParam reads how far an upload may be shared; an empty text says nothing.
func markingParam(text string) (tahoe.Marking, error) {
	if text == "" {
		return tahoe.Unmarked, nil
	}
	m, err := tahoe.ParseMarking(text)
	if err != nil {
		return m, badRequest(fmt.Sprintf("Invalid 'tlp'=%.40s! It is one of clear, green, amber, amber+strict and red; in a query string + is written %%2B.", text))
	}
	return m, nil
}

// notAdmin refuses who does not administer an organisation; the classic routes say so each in other words.
func notAdmin(classic string) *problem {
	return forbidden("You do not administer this organisation.").inOldWords(classic)
}

// uploadOrg finds the organisation that a parameter names, by hash or by name, if the caller may upload for it.
func (s *Server) uploadOrg(c echo.Context, param, text string) (identity.Org, error) {
	ctx := c.Request().Context()
	org, err := s.cfg.Identity.FindOrg(ctx, text)
	if errors.Is(err, identity.ErrNotFound) {
		detail := fmt.Sprintf("There is no organisation %q.", text)
		if text == "" {
			detail = "'" + param + "' is missing: the name or hash of an organisation."
		}
		return org, badRequest(detail).inOldWords(fmt.Sprintf("Invalid '%s'=%s!", param, text))
	}
	if err != nil {
		return org, fmt.Errorf("find org: %w", err)
	}
	admin, err := s.cfg.Identity.Administers(ctx, caller(c).Hash, org.Hash)
	if err != nil {
		return org, fmt.Errorf("check administrator: %w", err)
	}
	if !admin {
		return org, notAdmin("You are not an admin of this org!").denying(org.Hash)
	}
	return org, nil
}
