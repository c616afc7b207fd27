package tdql

import (
	"encoding/json"

	"github.com/cybexp/cybexp/tahoe"
)

// Row is one row of an answer: a JSON object with the members of Program.Fields, in that order.
type Row = json.RawMessage

// Org is an organisation whose events may be read.
type Org struct {
	Hash tahoe.Hash
	Name string
	// Sees is the most restrictive marking of its events that the caller may see; Unmarked is as good as Amber.
	Sees tahoe.Marking
}

// Audiences are those of the organisation's audiences that the caller belongs to: the caller's rights are a list of audiences.
func (o Org) Audiences() []string { return o.Sees.Audiences(o.Hash.String()) }

// Vocabulary tells what the caller's data has, for warnings and completion. Its answers must tell of nothing that the caller
// may not read.
type Vocabulary interface {
	// SubTypes lists the sub-types seen for a kind, in any order.
	SubTypes(kind tahoe.Kind) []string
	// Seen says whether an instance of a sub-type has been seen; of what it cannot find out it says so too.
	Seen(kind tahoe.Kind, subType string) bool
	// Values lists at most n values of attributes of a sub-type that begin with a prefix, as Literal writes them.
	Values(subType, prefix string, n int) []string
}
