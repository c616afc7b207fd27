package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/web/ui"
)

// page serves the embedded page: each of its files at its name, and index.html at "/" also.
func (s *Server) page() {
	files := ui.Files()
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		route := "/" + name
		if name == "index.html" {
			route = "/"
		}
		s.echo.Match([]string{http.MethodGet, http.MethodHead}, route, serveFile(name, body))
		return nil
	})
	if err != nil {
		panic("web: the page is embedded: " + err.Error())
	}
}

// serveFile answers with a file that a browser may keep but asks about each time, which its tag makes cheap.
func serveFile(name string, body []byte) echo.HandlerFunc {
	sum := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(sum[:12]) + `"`
	kind := mime.TypeByExtension(path.Ext(name))
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Content-Type", kind)
		h.Set("ETag", tag)
		h.Set("Cache-Control", "no-cache")
		http.ServeContent(c.Response(), c.Request(), name, time.Time{}, bytes.NewReader(body))
		return nil
	}
}
