package reportd

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/cybexp/cybexp/tdql"
	"github.com/cybexp/cybexp/walk"
)

// codeCapped is of warnings that a walk did not go on from an instance, because it has too many neighbours.
const codeCapped = "report.capped"

const (
	cappedNamed = 5  // how many are named in warnings, the others are counted
	cappedData  = 60 // characters of the value of one
)

// mostCapped are those that are named in warnings; it sorts the list by degree.
func mostCapped(list []walk.Capped) []walk.ID {
	slices.SortStableFunc(list, func(a, b walk.Capped) int { return cmp.Compare(b.Degree, a.Degree) })
	var ids []walk.ID
	for _, c := range list[:min(len(list), cappedNamed)] {
		ids = append(ids, c.ID)
	}
	return ids
}

// warnCapped warns of instances that were reached and not followed; the list is sorted by mostCapped.
func (k *walker) warnCapped(list []walk.Capped, known map[walk.ID]*vertex) {
	for i, c := range list {
		if i == cappedNamed {
			k.warn("%d more instances were not followed, of up to %d neighbours", len(list)-i, c.Degree)
			return
		}
		name := "an instance"
		if v := known[c.ID]; v != nil {
			name = v.name()
		}
		k.warn("%s was not followed: it has %d neighbours", name, c.Degree)
	}
}

func (k *walker) warn(format string, args ...any) {
	k.stats.Warnings = append(k.stats.Warnings, &tdql.Error{Code: codeCapped, Message: fmt.Sprintf(format, args...)})
}

// name names a vertex for a reader.
func (v *vertex) name() string {
	if v.IType != "attribute" || v.Data == "" {
		return fmt.Sprintf("%s %s", v.IType, v.Hash)
	}
	data := []rune(v.Data)
	if len(data) > cappedData {
		data = append(data[:cappedData], '…')
	}
	return fmt.Sprintf("%s %s", v.SubType, string(data))
}
