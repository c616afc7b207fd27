// Package ui is the page that the server shows at "/": hand-written HTML, CSS and JavaScript modules, embedded in the binary.
// It asks no other host for anything. It is not a program of its own: it speaks to the websocket and the HTTP API that web serves.
//
//	page, err := fs.ReadFile(ui.Files(), "index.html")
package ui

import (
	"embed"
	"io/fs"
)

//go:embed static
var static embed.FS

// Files returns the page's files; index.html is the page itself.
func Files() fs.FS {
	files, err := fs.Sub(static, "static")
	if err != nil {
		panic("ui: the embedded folder is fixed at build time: " + err.Error())
	}
	return files
}
