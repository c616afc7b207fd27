//go:build no_ui

package ui

import (
	"embed"
	"io/fs"
)

// Files returns no files: the page was left out.
func Files() fs.FS { return embed.FS{} }
