//go:build !no_ui

package ui

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Files returns the page's files; index.html is the page itself. What is below assets has the hash of its content in its name.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic("ui: the embedded folder is fixed at build time: " + err.Error())
	}
	return files
}
