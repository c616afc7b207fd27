package graph

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dgraph-io/dgo/v230/protos/api"

	"github.com/cybexp/cybexp/tahoe"
)

// RDF writes the records as N-Quads, which is what Write would put into an empty graph, for Dgraph's own loaders. A vertex is the
// blank node _:HASH, or has hashes in its name, so that texts can be put together; Bulk is for those that belong together. It returns how many quads it wrote.
func RDF(w *bufio.Writer, records []tahoe.Record) (quads int, err error) {
	b, err := gather(split(&call{}, records))
	if err != nil {
		return 0, err
	}
	a := &attempt{batch: b, uids: make(map[tahoe.Hash]uint64, len(b.order)), fresh: make(map[tahoe.Hash]bool, len(b.order))}
	for i, h := range b.order {
		a.uids[h], a.fresh[h] = uint64(i), true
	}
	q := a.spell()
	hash := func(uid string) string {
		n, err := strconv.ParseUint(strings.TrimPrefix(uid, "0x"), 16, 64)
		if err != nil {
			panic("uid of our own: " + err.Error())
		}
		return b.order[n].String()
	}
	name := func(text []byte, uid string) []byte {
		text = append(text, "_:"...)
		if i, ok := strings.CutPrefix(uid, newSpan); ok {
			n, err := strconv.Atoi(i)
			if err != nil {
				panic("name of our own: " + err.Error())
			}
			t := q.tells[n]
			return append(text, hash(t.session)+hash(t.raws[0])+t.org...)
		}
		return append(text, hash(uid)...)
	}
	var line []byte
	for _, q := range q.set {
		line = appendQuad(line[:0], q, name)
		if _, err := w.Write(line); err != nil {
			return 0, err
		}
	}
	return len(q.set), nil
}

// appendUID is the name of a vertex that has its uid.
func appendUID(text []byte, uid string) []byte {
	text = append(text, '<')
	text = append(text, uid...)
	return append(text, '>')
}

// appendQuad spells a quad in a line; name spells a uid.
func appendQuad(text []byte, q *api.NQuad, name func(text []byte, uid string) []byte) []byte {
	text = append(name(text, q.Subject), " <"...)
	text = append(text, q.Predicate...)
	text = append(text, "> "...)
	if q.ObjectId != "" {
		text = name(text, q.ObjectId)
	} else {
		text = appendLiteral(text, q.ObjectValue)
	}
	return append(text, " .\n"...)
}

// appendLiteral spells a value that Write writes.
func appendLiteral(text []byte, v *api.Value) []byte {
	switch v := v.Val.(type) {
	case *api.Value_StrVal:
		return tahoe.String(v.StrVal).AppendJSON(text) // escapes of JSON are escapes of N-Quads
	case *api.Value_DoubleVal:
		text = strconv.AppendFloat(append(text, '"'), v.DoubleVal, 'g', -1, 64)
		return append(text, `"^^<xs:float>`...)
	case *api.Value_DatetimeVal:
		var t time.Time
		if err := t.UnmarshalBinary(v.DatetimeVal); err != nil {
			panic("time of our own: " + err.Error())
		}
		text = t.AppendFormat(append(text, '"'), time.RFC3339Nano)
		return append(text, `"^^<xs:dateTime>`...)
	}
	panic(fmt.Sprintf("value %T", v.Val))
}
