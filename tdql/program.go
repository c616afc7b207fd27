package tdql

import "github.com/cybexp/cybexp/tdql/dql"

// Program is a compiled query: what to ask the database, and how to make rows of its answers. It may run many times, and
// concurrently.
type Program struct {
	// Kind names what the rows are: attributes, objects, events, sessions, raws, instances, count, groups, top or explain.
	Kind string
	// Fields are the names of a row's members, in order.
	Fields []string
}

// Compile turns a plan into a program.
func Compile(p *Plan) (*Program, error) { return &Program{}, nil }

// Start begins a run of the program.
func (p *Program) Start() *Execution { return &Execution{} }

// Execution is one run: call Next for a query, ask it, hand the answer to Take, until Next says that there is no more. All
// queries of a run must be asked at one snapshot. It is not for concurrent use.
type Execution struct{}

// Next returns the next query to ask; false at the end.
func (x *Execution) Next() (dql.Query, bool) { return dql.Query{}, false }

// Take folds the answer to the last query into rows, which the caller owns.
func (x *Execution) Take(body []byte) ([]Row, error) { return nil, nil }

// Scanned is how many vertices have been read so far.
func (x *Execution) Scanned() uint64 { return 0 }
