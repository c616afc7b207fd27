package web

import (
	"cmp"
	"encoding/json"
	"net/http"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/invopop/jsonschema"
	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/ingest/source"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/taxii"
)

// An operation tells people and programs about a route: operations.go has all of them.
type operation struct {
	Route   string // METHOD /path, as echo has it
	Summary string
	Rights  string // what a token must be good for; "" is nothing, not even a token
	Query   []string
	In      any    // JSON body; nil for none
	InMedia string // of a body that is not JSON
	Out     any    // JSON answer; nil for none
	OutType string // media type of Out and of errors, where it is not application/json
	Media   []string
	Status  int // of success
}

var pathParams = regexp.MustCompile(`:([a-z]+)`)

// newDocument31 makes the OpenAPI document of some operations.
func newDocument31(version string, list []operation) map[string]any {
	schemas := newSchemas()
	problemRef := schemas.of(problem{})
	paths := map[string]map[string]any{}
	for _, o := range list {
		method, route, _ := strings.Cut(o.Route, " ")
		where := pathParams.ReplaceAllString(route, "{$1}")
		if paths[where] == nil {
			paths[where] = map[string]any{}
		}
		paths[where][strings.ToLower(method)] = o.describe(schemas, problemRef, route)
	}
	return map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": "Cybex-P", "version": version,
			"description": "Threat data as a graph that anyone can question. Errors are RFC 9457 problems. The prose is in docs/http.md.",
			"license":     map[string]any{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"paths": paths,
		"components": map[string]any{
			"schemas":         schemas.all,
			"securitySchemes": map[string]any{"token": map[string]any{"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
		},
	}
}

// describe is the operation as OpenAPI has it.
func (o operation) describe(schemas *schemas, problemRef any, route string) map[string]any {
	op := map[string]any{
		"summary":     o.Summary,
		"operationId": o.id(),
		"tags":        []string{tagOf(route)},
	}
	if o.Rights != "" {
		op["security"] = []any{map[string]any{"token": []string{}}}
		op["description"] = "Needs " + o.Rights + "."
	}
	var params []any
	for _, m := range pathParams.FindAllStringSubmatch(route, -1) {
		params = append(params, map[string]any{"name": m[1], "in": "path", "required": true, "schema": map[string]any{"type": "string"}})
	}
	for _, name := range o.Query {
		params = append(params, map[string]any{"name": name, "in": "query", "schema": map[string]any{"type": "string"}})
	}
	if params != nil {
		op["parameters"] = params
	}
	if o.In != nil {
		op["requestBody"] = map[string]any{"required": true, "content": map[string]any{"application/json": map[string]any{"schema": schemas.of(o.In)}}}
	} else if o.InMedia != "" {
		op["requestBody"] = map[string]any{"required": true, "content": map[string]any{o.InMedia: map[string]any{}}}
	}
	success := map[string]any{"description": http.StatusText(o.Status)}
	content := map[string]any{}
	if o.Out != nil {
		content[cmp.Or(o.OutType, "application/json")] = map[string]any{"schema": schemas.of(o.Out)}
	}
	for _, media := range o.Media {
		content[media] = map[string]any{}
	}
	if len(content) > 0 {
		success["content"] = content
	}
	failure := map[string]any{"description": "A problem, RFC 9457", "content": map[string]any{
		"application/problem+json": map[string]any{"schema": problemRef},
	}}
	if o.OutType == taxii.MediaType {
		failure = map[string]any{"description": "An error of TAXII", "content": map[string]any{
			o.OutType: map[string]any{"schema": schemas.of(taxii.Error{})},
		}}
	}
	op["responses"] = map[string]any{strconv.Itoa(o.Status): success, "default": failure}
	return op
}

// idOf are what of a route is not in the name of its operation.
var idOf = strings.NewReplacer(" /api/v1", "", " /", " classic/", " ", "_", "/", "_", ":", "", "*", "", ".", "_")

func (o operation) id() string { return strings.ToLower(idOf.Replace(o.Route)) }

// tagOf groups operations by the first word of their path.
func tagOf(route string) string {
	words := strings.Split(strings.TrimPrefix(route, "/"), "/")
	if words[0] == "api" && len(words) > 2 {
		return words[2]
	}
	if slices.Contains([]string{"healthz", "readyz", "ws", "openapi.json", "docs"}, words[0]) {
		return "server"
	}
	return "classic"
}

// schemas are the types that the document names.
type schemas struct {
	reflector *jsonschema.Reflector
	all       map[string]json.RawMessage
}

func newSchemas() *schemas {
	text := &jsonschema.Schema{Type: "string"}
	own := map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[tahoe.Hash]():      {Type: "string", Description: "64 hex digits"},
		reflect.TypeFor[tahoe.Value]():     {Description: "any JSON value"},
		reflect.TypeFor[json.RawMessage](): {Description: "any JSON value"},
		reflect.TypeFor[time.Time]():       {Type: "string", Format: "date-time"},
		reflect.TypeFor[tahoe.Marking]():   text,
		reflect.TypeFor[source.Period]():   text,
		reflect.TypeFor[words]():           {OneOf: []*jsonschema.Schema{text, {Type: "array", Items: text}}},
	}
	return &schemas{all: map[string]json.RawMessage{}, reflector: &jsonschema.Reflector{
		Anonymous: true,
		Namer:     schemaName,
		Mapper:    func(t reflect.Type) *jsonschema.Schema { return own[t] },
	}}
}

// schemaName tells types of one name in two packages apart: IngestStatus, SourceStatus.
func schemaName(t reflect.Type) string {
	if t.Name() == "" {
		return ""
	}
	pkg := path.Base(t.PkgPath())
	if pkg == "web" {
		pkg = ""
	}
	return title(pkg) + title(t.Name())
}

func title(word string) string {
	if word == "" {
		return ""
	}
	return strings.ToUpper(word[:1]) + word[1:]
}

// refPrefix is where the library puts definitions, and where OpenAPI wants them.
const defsPrefix, refPrefix = `"#/$defs/`, `"#/components/schemas/`

// of is a reference to the schema of a value's type, or the schema itself of a type without a name.
func (s *schemas) of(v any) json.RawMessage {
	text, err := json.Marshal(s.reflector.Reflect(v))
	if err != nil {
		panic("web: a type of our own has a schema: " + err.Error())
	}
	var root map[string]json.RawMessage
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(text), defsPrefix, refPrefix)), &root); err != nil {
		panic("web: a schema is JSON: " + err.Error())
	}
	var defs map[string]json.RawMessage
	if root["$defs"] != nil {
		if err := json.Unmarshal(root["$defs"], &defs); err != nil {
			panic("web: a schema is JSON: " + err.Error())
		}
	}
	for name, def := range defs {
		s.all[name] = def
	}
	delete(root, "$defs")
	delete(root, "$schema")
	out, err := json.Marshal(root)
	if err != nil {
		panic("web: a schema is JSON: " + err.Error())
	}
	return out
}

// newAPIDocument gives what /openapi.json serves, which is made when it is asked for first.
func newAPIDocument(version string) func() []byte {
	return sync.OnceValue(func() []byte {
		text, err := json.Marshal(newDocument31(version, operations()))
		if err != nil {
			panic("web: the document is JSON: " + err.Error())
		}
		return text
	})
}

// serveOpenAPI is GET /openapi.json.
func (s *Server) serveOpenAPI(c echo.Context) error {
	c.Response().Header().Set("Cache-Control", "no-cache")
	return c.JSONBlob(http.StatusOK, s.openAPI())
}
