package reportd

import (
	"cmp"
	"slices"

	"github.com/cybexp/cybexp/tdql"
	"github.com/cybexp/cybexp/walk"
)

// mostCapped are those that are named in warnings; it sorts the list by degree.
func mostCapped(list []walk.Capped) []walk.ID {
	slices.SortStableFunc(list, func(a, b walk.Capped) int { return cmp.Compare(b.Degree, a.Degree) })
	var ids []walk.ID
	for _, c := range list[:min(len(list), tdql.CappedNamed)] {
		ids = append(ids, c.ID)
	}
	return ids
}

// warnCapped warns of instances that were reached and not followed, because they have too many neighbours, in words that say what
// those are; the list is sorted by mostCapped.
func (k *walker) warnCapped(list []walk.Capped, known map[walk.ID]*vertex, neighbours string) {
	for i, c := range list {
		if i == tdql.CappedNamed {
			k.stats.Warnings = append(k.stats.Warnings, tdql.MoreCapped(len(list)-i, c.Degree, neighbours))
			return
		}
		one := tdql.Capped{Degree: c.Degree}
		if v := known[c.ID]; v != nil {
			one.Hash, one.IType, one.SubType, one.Data = v.Hash, v.IType, v.SubType, v.Data
		}
		k.stats.Warnings = append(k.stats.Warnings, one.Warning(neighbours))
	}
}
