// Package ui is the page that the server shows at "/". Its sources, in src, are TypeScript; what `make ui` builds of them, in dist, is
// committed and embedded, so that Go alone is enough to build the server. It asks no other host for anything. With the build tag no_ui
// it is left out.
//
//	page, err := fs.ReadFile(ui.Files(), "index.html")
package ui
