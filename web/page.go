package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/web/ui"
)

// screens are the addresses of the page. All are index.html; its scripts show what belongs there.
var screens = []string{"/", "/reports", "/watches", "/bring", "/run", "/run/*"}

// page serves the embedded page: each of its files at its name, and index.html at the address of each screen.
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
		routes := []string{"/" + name}
		if name == "index.html" {
			routes = screens
		}
		handler := newAsset(name, body).serve
		for _, route := range routes {
			s.echo.Match([]string{http.MethodGet, http.MethodHead}, route, handler)
		}
		return nil
	})
	if err != nil {
		panic("web: the page is embedded: " + err.Error())
	}
}

// asset is a file of the page.
type asset struct {
	name, kind, tag string
	keep            string // Cache-Control
	body            []byte
	packed          func() []byte // body in gzip
}

// newAsset makes a file ready to be served. Below assets the name changes with the content, so a browser need not ask again; about
// others it asks each time, which the tag makes cheap.
func newAsset(name string, body []byte) *asset {
	sum := sha256.Sum256(body)
	a := &asset{name: name, kind: mime.TypeByExtension(path.Ext(name)), tag: hex.EncodeToString(sum[:12]), keep: "no-cache", body: body}
	if strings.HasPrefix(name, "assets/") {
		a.keep = "public, max-age=31536000, immutable"
	}
	a.packed = sync.OnceValue(func() []byte { return pack(body) })
	return a
}

func (a *asset) serve(c echo.Context) error {
	h := c.Response().Header()
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", a.keep)
	h.Set("Vary", "Accept-Encoding")
	body, tag := a.body, a.tag
	if c.Request().Header.Get("Range") == "" && strings.Contains(c.Request().Header.Get("Accept-Encoding"), "gzip") {
		body, tag = a.packed(), a.tag+"-gzip"
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", `"`+tag+`"`)
	http.ServeContent(c.Response(), c.Request(), a.name, time.Time{}, bytes.NewReader(body))
	return nil
}

// pack compresses a file, which cannot fail in memory.
func pack(body []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(body)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(fmt.Sprintf("web: compress in memory: %v", err))
	}
	return out.Bytes()
}
