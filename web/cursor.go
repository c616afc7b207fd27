package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"
)

// A cursor is a place in a list that does not move: after a row of a report, or after a report of a user. To callers it is a word
// without a meaning. It holds a mark of the list, so that one of another list is refused, and the place.

const (
	cursorMark = 8    // bytes
	maxPage    = 1000 // rows or reports of one page
)

var cursorText = base64.RawURLEncoding.Strict()

func markOf(list string) []byte {
	sum := sha256.Sum256([]byte("cursor\n" + list))
	return sum[:cursorMark]
}

// newCursor names the place after n in a list; rest tells apart what has the same n.
func newCursor(list string, n uint64, rest string) string {
	b := binary.AppendUvarint(markOf(list), n)
	return cursorText.EncodeToString(append(b, rest...))
}

// readCursor reads a cursor of a list.
func readCursor(list, text string) (n uint64, rest string, err error) {
	b, err := cursorText.DecodeString(text)
	if err != nil || len(b) <= cursorMark || !bytes.Equal(b[:cursorMark], markOf(list)) {
		return 0, "", badRequest("'cursor' is not one of this list.")
	}
	n, size := binary.Uvarint(b[cursorMark:])
	if size <= 0 {
		return 0, "", badRequest("'cursor' is not one of this list.")
	}
	return n, string(b[cursorMark+size:]), nil
}

// pageSize reads ?limit=; 0 is no pages.
func pageSize(c echo.Context) (int, error) {
	text := c.QueryParam("limit")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxPage {
		return 0, badRequest("'limit' must be a number from 1 to " + strconv.Itoa(maxPage) + ".")
	}
	return n, nil
}

// linkNext tells where the next page is: at what was asked, with the cursor.
func linkNext(c echo.Context, h http.Header, limit int, cursor string) {
	query := c.QueryParams()
	query.Set("limit", strconv.Itoa(limit))
	query.Set("cursor", cursor)
	h.Set("Link", "<"+c.Request().URL.EscapedPath()+"?"+query.Encode()+`>; rel="next"`)
	h.Set("Next-Cursor", cursor)
}
