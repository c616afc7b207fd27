package web

import (
	"iter"

	"github.com/cybexp/cybexp/tahoe"
)

// What the fuzz tests look at.
var (
	ClientAddress = clientAddress
	DecodeClassic = decodeClassic
	NewCursor     = newCursor
	ReadCursor    = readCursor
	Screens       = screens
)

// Routes are "METHOD /path" of all that is served.
func (s *Server) Routes() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, r := range s.echo.Routes() {
			if !yield(r.Method + " " + r.Path) {
				return
			}
		}
	}
}

// DecodeOrgBody decodes the body of a classic call about an organisation, and tells its users' hashes.
func DecodeOrgBody(body []byte) ([]tahoe.Hash, error) {
	var b struct {
		User words `json:"user"`
	}
	if err := decodeOldBody(body, &b, keyError); err != nil {
		return nil, err
	}
	return hashesOf(b.User)
}
