package reportd

import (
	"maps"
	"slices"
	"sync"

	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// interest is what a standing query waits for. The index finds those that an event may concern without asking any of the others.
type interest struct {
	tdql.Trigger

	audiences []string      // of Orgs
	holds     map[mark]bool // Holds
	wake      func(events []tahoe.Hash)
}

func newInterest(t tdql.Trigger, wake func(events []tahoe.Hash)) *interest {
	in := &interest{Trigger: t, audiences: audiences(t.Orgs), wake: wake}
	if len(t.Holds) > 0 {
		in.holds = make(map[mark]bool, len(t.Holds))
		for _, h := range t.Holds {
			in.holds[markOf(h)] = true
		}
	}
	return in
}

// concerns says whether an event may bring the query rows.
func (in *interest) concerns(e *writtenEvent) bool {
	if !slices.Contains(in.audiences, e.Audience) {
		return false
	}
	if !in.Alone {
		return true
	}
	if len(in.SubTypes) > 0 && !slices.Contains(in.SubTypes, e.SubType) || in.Category != "" && in.Category != e.Category {
		return false
	}
	// A time in the graph may be rounded otherwise than a time here.
	if !in.From.IsZero() && e.At < in.From.UnixMicro()-1000 {
		return false
	}
	if in.holds == nil {
		return true
	}
	for m := range e.marks {
		if in.holds[m] {
			return true
		}
	}
	return false
}

// index is the interests of a process, each filed under what tells most: what an event must hold, its sub-type, or who may see it.
type index struct {
	mu         sync.Mutex
	bySubType  map[string]map[*interest]bool
	byAudience map[string]map[*interest]bool
	byMark     map[mark]map[*interest]bool
}

func newIndex() *index {
	return &index{bySubType: map[string]map[*interest]bool{}, byAudience: map[string]map[*interest]bool{}, byMark: map[mark]map[*interest]bool{}}
}

func (x *index) add(in *interest) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case in.Alone && in.holds != nil:
		for m := range in.holds {
			file(x.byMark, m, in)
		}
	case in.Alone && len(in.SubTypes) > 0:
		for _, s := range in.SubTypes {
			file(x.bySubType, s, in)
		}
	default:
		for _, a := range in.audiences {
			file(x.byAudience, a, in)
		}
	}
}

func file[K comparable](under map[K]map[*interest]bool, key K, in *interest) {
	if under[key] == nil {
		under[key] = map[*interest]bool{}
	}
	under[key][in] = true
}

func (x *index) remove(in *interest) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for m := range in.holds {
		unfile(x.byMark, m, in)
	}
	for _, s := range in.SubTypes {
		unfile(x.bySubType, s, in)
	}
	for _, a := range in.audiences {
		unfile(x.byAudience, a, in)
	}
}

func unfile[K comparable](under map[K]map[*interest]bool, key K, in *interest) {
	if delete(under[key], in); len(under[key]) == 0 {
		delete(under, key)
	}
}

// tell wakes whom an announcement may concern, each once, with the events that do.
func (x *index) tell(w *written) {
	x.mu.Lock()
	found := map[*interest][]tahoe.Hash{}
	for i := range w.Events {
		e := &w.Events[i]
		note := func(list map[*interest]bool) {
			for in := range list {
				if known := found[in]; (len(known) == 0 || known[len(known)-1] != e.Hash) && in.concerns(e) {
					found[in] = append(known, e.Hash)
				}
			}
		}
		note(x.bySubType[e.SubType])
		note(x.byAudience[e.Audience])
		for m := range e.marks {
			note(x.byMark[m])
		}
	}
	for _, a := range w.Audiences {
		for in := range x.byAudience[a] {
			if !in.Alone && found[in] == nil {
				found[in] = []tahoe.Hash{}
			}
		}
	}
	x.mu.Unlock()
	for in, events := range found {
		in.wake(events)
	}
}

// all lists the interests.
func (x *index) all() []*interest {
	x.mu.Lock()
	defer x.mu.Unlock()
	list := map[*interest]bool{}
	for _, under := range x.bySubType {
		maps.Copy(list, under)
	}
	for _, under := range x.byAudience {
		maps.Copy(list, under)
	}
	for _, under := range x.byMark {
		maps.Copy(list, under)
	}
	return slices.Collect(maps.Keys(list))
}
