package web

// DecodeClassic reads the body of POST /query, for its fuzz test.
var DecodeClassic = decodeClassic
