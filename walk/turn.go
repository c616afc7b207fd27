package walk

// turn makes the lists of events of attributes from what the events include. The events are known, sorted, and all of their kind that
// include any of the attributes.
func (s *store) turn(list []*attribute, events []ID, keep func(*attribute, []*event)) {
	s.state++
	at := make(map[*attribute]int, len(list))
	for i, a := range list {
		at[a] = i
	}
	// One list for all attributes, of which each has a stretch: first how long it is, then what is in it.
	ends := make([]int, len(list))
	of := make([]int32, 0, len(events)*8) // which attribute of the list, edge by edge; below zero for another one
	for _, id := range events {
		if e := s.events[id]; e != nil {
			for _, a := range e.attributes {
				i, ok := at[a]
				if !ok {
					of = append(of, -1)
					continue
				}
				of = append(of, int32(i)) //nolint:gosec // there are not so many attributes
				ends[i]++
			}
		}
	}
	total := 0
	for i, n := range ends {
		ends[i], total = total, total+n
	}
	all, edge := make([]*event, total), 0
	for _, id := range events {
		if e := s.events[id]; e != nil {
			for range e.attributes {
				if i := of[edge]; i >= 0 {
					all[ends[i]] = e
					ends[i]++
				}
				edge++
			}
		}
	}
	start := 0
	for i, a := range list {
		keep(a, all[start:ends[i]:ends[i]])
		start = ends[i]
	}
	s.size += total
}

// keepAll takes note of all events of an attribute.
func (a *attribute) keepAll(events []*event) {
	a.events, a.degree, a.malicious = events, len(events), 0
	for _, e := range events {
		if e.malicious {
			a.malicious++
		}
	}
	if a.degree > 0 {
		a.weight = 1 / float64(a.degree)
	}
	a.known, a.whole, a.massive = true, true, false
}

// keepMalicious takes note of all malicious events of an attribute.
func (a *attribute) keepMalicious(events []*event) {
	a.events, a.malicious = events, len(events)
	a.known, a.massive = true, false
}
