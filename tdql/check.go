package tdql

import (
	"time"

	"github.com/cybexp/cybexp/tahoe"
)

// Env is what a query is checked against.
type Env struct {
	// Now is the clock for relative times.
	Now time.Time
	// Orgs are the organisations whose events the caller may read. With none, nothing is visible.
	Orgs []Org
	// Params are the values of the parameters, without the dollar sign.
	Params map[string]tahoe.Value
	// Vocabulary may be nil.
	Vocabulary Vocabulary
}

// Plan is a checked query.
type Plan struct{}

// Check gives a query its meaning. The second result are warnings: the query still runs.
func Check(q *Query, env Env) (*Plan, []*Error, error) { return &Plan{}, nil, nil }

// Canonical spells the plan as a pipeline in one fixed way.
func (p *Plan) Canonical() string { return "" }

// Hash is the SHA-256 of the canonical text, in hex. It names the query.
func (p *Plan) Hash() string { return "" }

// Explain says whether the query only asks how it would run.
func (p *Plan) Explain() bool { return false }

// String prints the typed steps.
func (p *Plan) String() string { return "" }
