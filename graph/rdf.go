package graph

import (
	"bufio"
	"strconv"
	"strings"
	"time"

	"github.com/cybexp/cybexp/tahoe"
)

// RDF writes the records as N-Quads, which is what Write would put into an empty graph, for Dgraph's own loaders. A vertex is the
// blank node _:HASH, or has hashes in its name, so that texts can be put together; Bulk is for those that belong together. It returns how many quads it wrote.
func RDF(w *bufio.Writer, records []tahoe.Record) (n int, err error) {
	b, err := gather(split(&call{}, records))
	if err != nil {
		return 0, err
	}
	for h, it := range b.items {
		it.name, it.fresh = blank+h.String(), true
	}
	q := &quads{attempt: &attempt{batch: b}, rdf: &rdf{}}
	q.spellBatch()
	q.spellRest()
	_, err = w.Write(q.rdf.text)
	return q.rdf.quads, err
}

// blank begins the names of vertices that have no uid yet.
const blank = "_:"

// rdf is quads as the text of N-Quads, a line each.
type rdf struct {
	text  []byte
	quads int
}

// vertex writes the name of one.
func (r *rdf) vertex(name string) {
	if strings.HasPrefix(name, blank) {
		r.text = append(r.text, name...)
		return
	}
	r.text = append(r.text, '<')
	r.text = append(r.text, name...)
	r.text = append(r.text, '>')
}

// begin begins a line, which goes on with the value.
func (r *rdf) begin(uid, predicate string) {
	r.vertex(uid)
	r.text = append(r.text, " <"...)
	r.text = append(r.text, predicate...)
	r.text = append(r.text, "> "...)
	r.quads++
}

func (r *rdf) end() { r.text = append(r.text, " .\n"...) }

func (r *rdf) edge(uid, predicate, to string) {
	r.begin(uid, predicate)
	r.vertex(to)
	r.end()
}

// literal writes text, the escapes of which are those of JSON.
func literal[T string | []byte](r *rdf, uid, predicate string, text T) {
	r.begin(uid, predicate)
	r.text = tahoe.AppendQuoted(r.text, text)
	r.end()
}

func (r *rdf) float(uid, predicate string, f float64) {
	r.begin(uid, predicate)
	r.text = strconv.AppendFloat(append(r.text, '"'), f, 'g', -1, 64)
	r.text = append(r.text, `"^^<xs:float>`...)
	r.end()
}

func (r *rdf) time(uid, predicate string, t time.Time) {
	r.begin(uid, predicate)
	r.text = t.AppendFormat(append(r.text, '"'), time.RFC3339Nano)
	r.text = append(r.text, `"^^<xs:dateTime>`...)
	r.end()
}
