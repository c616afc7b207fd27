package web

// What the fuzz tests look at.
var (
	DecodeClassic = decodeClassic
	NewCursor     = newCursor
	ReadCursor    = readCursor
)
