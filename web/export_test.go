package web

import "iter"

// DecodeClassic reads the body of POST /query, for its fuzz test.
var DecodeClassic = decodeClassic

// ClientAddress is clientAddress.
var ClientAddress = clientAddress

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
