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
// blank node _:HASH, so that texts can be put together. It returns how many quads it wrote.
func RDF(w *bufio.Writer, records []tahoe.Record) (quads int, err error) {
	b, err := gather(split(&call{}, records))
	if err != nil {
		return 0, err
	}
	a := &attempt{batch: b, uids: make(map[tahoe.Hash]uint64, len(b.order)), fresh: make(map[tahoe.Hash]bool, len(b.order))}
	for i, h := range b.order {
		a.uids[h], a.fresh[h] = uint64(i), true
	}
	label := func(uid string) string {
		n, err := strconv.ParseUint(strings.TrimPrefix(uid, "0x"), 16, 64)
		if err != nil {
			panic("uid of our own: " + err.Error())
		}
		return "_:" + b.order[n].String()
	}
	set := a.spell()
	for _, q := range set {
		var object string
		if q.ObjectId != "" {
			object = label(q.ObjectId)
		} else {
			object = literal(q.ObjectValue)
		}
		if _, err := fmt.Fprintf(w, "%s <%s> %s .\n", label(q.Subject), q.Predicate, object); err != nil {
			return 0, err
		}
	}
	return len(set), nil
}

// literal spells a value that Write writes.
func literal(v *api.Value) string {
	switch v := v.Val.(type) {
	case *api.Value_StrVal:
		return string(tahoe.String(v.StrVal).AppendJSON(nil)) // escapes of JSON are escapes of N-Quads
	case *api.Value_DoubleVal:
		return fmt.Sprintf(`"%v"^^<xs:float>`, v.DoubleVal)
	case *api.Value_DatetimeVal:
		var t time.Time
		if err := t.UnmarshalBinary(v.DatetimeVal); err != nil {
			panic("time of our own: " + err.Error())
		}
		return fmt.Sprintf(`"%s"^^<xs:dateTime>`, t.Format(time.RFC3339Nano))
	}
	panic(fmt.Sprintf("value %T", v.Val))
}
