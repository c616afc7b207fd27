package graph

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dgraph-io/dgo/v230/protos/api"

	"github.com/cybexp/cybexp/tahoe"
)

// RDF spells the records as Write would into an empty graph, for Dgraph's own loader. A vertex is _:HASH.
func RDF(records []tahoe.Record) (text []byte, quads int, err error) {
	b, err := gather(split(&call{}, records))
	if err != nil {
		return nil, 0, err
	}
	a := &attempt{batch: b, uids: map[tahoe.Hash]uint64{}, fresh: map[tahoe.Hash]bool{}}
	for i, h := range b.order {
		a.uids[h], a.fresh[h] = uint64(i), true
	}
	label := func(uid string) string {
		n, _ := strconv.ParseUint(strings.TrimPrefix(uid, "0x"), 16, 64)
		return "_:" + b.order[n].String()
	}
	var w bytes.Buffer
	set := a.spell()
	for _, q := range set {
		if q.ObjectId != "" {
			fmt.Fprintf(&w, "%s <%s> %s .\n", label(q.Subject), q.Predicate, label(q.ObjectId))
		} else {
			fmt.Fprintf(&w, "%s <%s> %s .\n", label(q.Subject), q.Predicate, literal(q.ObjectValue))
		}
	}
	return w.Bytes(), len(set), nil
}

func literal(v *api.Value) string {
	switch v := v.Val.(type) {
	case *api.Value_StrVal:
		return strconv.Quote(v.StrVal)
	case *api.Value_DoubleVal:
		return fmt.Sprintf(`"%v"^^<xs:float>`, v.DoubleVal)
	case *api.Value_DatetimeVal:
		var t time.Time
		if err := t.UnmarshalBinary(v.DatetimeVal); err != nil {
			panic(err)
		}
		return fmt.Sprintf(`"%s"^^<xs:dateTime>`, t.Format(time.RFC3339Nano))
	}
	panic(fmt.Sprintf("value %T", v.Val))
}
