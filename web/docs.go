package web

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"
)

//go:embed docs
var docFiles embed.FS

var docTemplate = template.Must(template.ParseFS(docFiles, "docs/page.html"))

// shownOperation is an operation as people read it.
type shownOperation struct {
	operation

	ID, Method, Path string
	Body, Answer     template.HTML
}

type shownGroup struct {
	Name       string
	Operations []shownOperation
}

type shownType struct {
	Name   string
	Schema template.HTML
}

// newDocs gives the page that shows the API, made of the same operations as the document for programs. It has no script: the policy for
// everything we serve allows none but ours, and it needs none.
func newDocs(version string) func() []byte {
	return sync.OnceValue(func() []byte {
		types := newSchemas()
		groups := map[string][]shownOperation{}
		for _, o := range operations() {
			method, route, _ := strings.Cut(o.Route, " ")
			shown := shownOperation{operation: o, Method: method, Path: pathParams.ReplaceAllString(route, "{$1}"), ID: o.id()}
			if o.In != nil {
				shown.Body = showSchema(types.of(o.In))
			} else if o.InMedia != "" {
				shown.Body = template.HTML("<p><code>" + template.HTMLEscapeString(o.InMedia) + "</code></p>") //nolint:gosec // escaped
			}
			if o.Out != nil {
				shown.Answer = showSchema(types.of(o.Out))
			}
			tag := tagOf(route)
			groups[tag] = append(groups[tag], shown)
		}
		page := struct {
			Version string
			Groups  []shownGroup
			Types   []shownType
		}{Version: version}
		for _, name := range slices.Sorted(maps.Keys(groups)) {
			page.Groups = append(page.Groups, shownGroup{name, groups[name]})
		}
		for _, name := range slices.Sorted(maps.Keys(types.all)) {
			page.Types = append(page.Types, shownType{name, showSchema(types.all[name])})
		}
		var out bytes.Buffer
		if err := docTemplate.Execute(&out, page); err != nil {
			panic("web: the page of the API is made of what we have: " + err.Error())
		}
		return out.Bytes()
	})
}

var typeRef = regexp.MustCompile(`&#34;#/components/schemas/([A-Za-z0-9_-]+)&#34;`)

// showSchema writes a schema as a person reads it, with links to the types that it names.
func showSchema(schema json.RawMessage) template.HTML {
	var out bytes.Buffer
	if err := json.Indent(&out, schema, "", "  "); err != nil {
		panic("web: a schema is JSON: " + err.Error())
	}
	text := typeRef.ReplaceAllString(template.HTMLEscapeString(out.String()), `<a href="#type-$1">$1</a>`)
	return template.HTML("<pre>" + text + "</pre>") //nolint:gosec // it was escaped
}

// serveDocs is GET /docs.
func (s *Server) serveDocs(c echo.Context) error {
	c.Response().Header().Set("Cache-Control", "no-cache")
	return c.HTMLBlob(http.StatusOK, s.docs())
}

// serveDocStyle is GET /docs.css.
func (s *Server) serveDocStyle(c echo.Context) error {
	text, err := docFiles.ReadFile("docs/docs.css")
	if err != nil {
		return fmt.Errorf("read style: %w", err)
	}
	c.Response().Header().Set("Cache-Control", "no-cache")
	return c.Blob(http.StatusOK, "text/css; charset=utf-8", text)
}
