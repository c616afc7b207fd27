// Package tahoe is the vocabulary of TAHOE, the threat data model: attributes, objects, events, sessions and raws, the canonical
// form of their data, and the hash that is their identity. It is pure: it stores, fetches and logs nothing, and reads no clock.
//
// An attribute is one typed fact, an object groups facts, an event is something that happened at a time and was recorded by an
// organisation, a session groups events, a raw is the record as it came. What is equal has the same hash, wherever it is made:
//
//	ip, err := tahoe.NewAttribute("ipv4", tahoe.String("1.1.1.1"))
//	src, err := tahoe.NewObject("src", ip)
//	seen, err := tahoe.NewEvent("sighting", orgid, 1588032005.25, src)
//	fmt.Println(ip.Hash()) // 4469d1e06fdd2b03ce89abf4dcc354df0be231b97e7293fe1750232d2d3b23a6
//
// Instances are immutable, but for an event's category and contexts and a session's events and times, which are not part of their
// identity; those are set by whoever made the instance, before it is shared.
package tahoe
