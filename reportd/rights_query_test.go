package reportd

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"github.com/cybexp/cybexp/tahoe"
)

// asking draws queries from the grammar, most of which mean something in a world.
type asking struct {
	*rapid.T
	world  *world
	hashes map[tahoe.Kind][]string
	kind   tahoe.Kind // of the set so far; related and instance are kinds too
}

func drawQuery(t *rapid.T, w *world) string {
	a := &asking{T: t, world: w, hashes: w.hashes()}
	text := a.source()
	for range rapid.IntRange(0, 3).Draw(t, "stages") {
		text += " | " + a.stage()
	}
	switch rapid.IntRange(0, 19).Draw(t, "prefix") {
	case 0:
		return "explain " + text + a.end()
	case 1:
		return "explain analyze " + text + a.end()
	}
	return text + a.end()
}

// drawTimes draws a query about the times of sessions.
func drawTimes(t *rapid.T, w *world) string {
	a := &asking{T: t, world: w, hashes: w.hashes(), kind: tahoe.KindSession}
	if a.dice("raws", 4) == 0 {
		return a.one("from", "raws", "events | raws", "sessions | raws") + a.one("end", "", " | sort state, timezone, hash", " | fields hash, timezone, state, degree")
	}
	text := a.one("source", "sessions", "sessions", "sessions ssh", "raws | sessions", "events | sessions", "attributes sessionid | sessions")
	tests := a.one("asked", " | where ", " where ") + a.time() + a.one("joint", " and ", " or not ") + a.time()
	if text += a.one("where", "", " where "+a.time(), " | where not "+a.time(), tests); a.dice("go on", 4) == 0 {
		return text + a.one("to", " | count", " | events | count by org", " | sort duration | limit 2 | attributes")
	}
	return text + a.one("end", "", " | sort start_time, hash", " | sort end_time desc, duration, hash | limit 3", " | fields hash, end_time, degree, duration")
}

// time is a test of a time of sessions.
func (a *asking) time() string {
	op := a.one("op", " = ", " != ", " < ", " <= ", " > ", " >= ")
	if a.dice("which", 3) == 0 {
		return fmt.Sprintf("duration%s%.1f", op, 60.5*float64(a.dice("long", 30)))
	}
	return fmt.Sprintf("%s%s%.1f", a.one("when", "start_time", "end_time"), op, 1622500000+60.5*float64(a.dice("at", 48)))
}

func (a *asking) one(name string, list ...string) string { return choose(a.T, name, list) }
func (a *asking) dice(name string, n int) int            { return rapid.IntRange(0, n-1).Draw(a.T, name) }

func (a *asking) subType() string { return a.one("sub-type", worldTypes...) }

func (a *asking) source() string {
	switch a.dice("source", 8) {
	case 0, 1:
		a.kind = tahoe.KindAttribute
		s := a.subType()
		if a.dice("several", 3) == 0 {
			return s + " (" + value(a.T, s) + ", " + value(a.T, s) + ")"
		}
		return s + " " + value(a.T, s)
	case 2:
		a.kind = tahoe.KindAttribute
		return "any " + value(a.T, a.subType())
	case 3, 4:
		kind := choose(a.T, "kind", []tahoe.Kind{tahoe.KindAttribute, tahoe.KindObject, tahoe.KindEvent, tahoe.KindSession, tahoe.KindRaw})
		hash := strings.Repeat("0", 64)
		if list := a.hashes[kind]; len(list) > 0 {
			hash = choose(a.T, "hash", list)
		}
		if a.kind = kind; a.dice("unknown kind", 3) == 0 {
			a.kind = "instance"
		}
		return string(a.kind) + " " + hash
	}
	return a.hop("")
}

// hop goes to, or begins at, a kind.
func (a *asking) hop(from tahoe.Kind) string {
	kinds := []tahoe.Kind{tahoe.KindAttribute, tahoe.KindObject, tahoe.KindEvent, tahoe.KindEvent, tahoe.KindSession, tahoe.KindRaw}
	if a.kind = choose(a.T, "to", kinds); from == "related" && a.kind == tahoe.KindRaw {
		a.kind = tahoe.KindEvent
	}
	text := string(a.kind) + "s"
	if a.dice("narrow", 3) == 0 {
		switch a.kind {
		case tahoe.KindAttribute:
			text += " " + a.subType()
		case tahoe.KindObject:
			text += " " + a.one("role", "src", "dst")
		case tahoe.KindEvent:
			text += " " + a.one("event", "login", "scan", "login, scan")
		case tahoe.KindSession:
			text += " ssh"
		case tahoe.KindRaw:
			text += " cowrie"
		}
	}
	if a.kind == tahoe.KindEvent {
		text += a.clauses(from)
	}
	if a.dice("where", 3) == 0 {
		text += " where " + a.test(2)
	}
	return text
}

func (a *asking) clauses(from tahoe.Kind) string {
	text := ""
	switch a.dice("time", 4) {
	case 0:
		text += " last " + a.one("last", "30m", "10h", "30d")
	case 1:
		text += fmt.Sprintf(" from %d to %d", 1622500000+60*a.dice("from", 30), 1622500000+60*(30+a.dice("to", 30)))
	}
	if a.dice("category?", 4) == 0 {
		text += " category " + a.one("category", "malicious", "benign", "unknown")
	}
	if from != "" && (from == tahoe.KindAttribute || from == tahoe.KindObject) && a.dice("context?", 4) == 0 {
		text += " context " + a.one("context", "malicious", "benign", "unknown")
	}
	if a.dice("org?", 4) == 0 {
		text += " org " + a.one("org", worldOrgs...)
	}
	return text
}

// test is a condition on the kind in hand.
func (a *asking) test(depth int) string {
	if depth > 0 && a.dice("join", 4) == 0 {
		return a.one("not", "", "not ") + "(" + a.test(depth-1) + a.one("joint", " and ", " or ") + a.test(depth-1) + ")"
	}
	s := a.subType()
	own := []string{
		s + " = " + value(a.T, s), s + " != " + value(a.T, s), "ipv4 in 10.0.0.0/24", "domain under example", "url contains evil", "port > 22", "has " + s,
		"username startswith root", "url ~ /x|evil/", "sub_type = " + a.one("type", "login", "ipv4", "ssh", "src"), a.one("path", "src.", "dst.") + s + " = " + value(a.T, s),
		"hash = " + a.anyHash(), "degree " + a.one("op", ">", "=", "<=") + " " + a.one("n", "1", "2", "3"),
	}
	switch a.kind {
	case tahoe.KindEvent:
		own = append(own, "tlp = "+a.one("tlp", "clear", "amber", "red", "amber+strict"), "tlp != amber", "category = malicious", "org = "+a.one("org", worldOrgs...),
			"timestamp > 1622500900", "malicious("+s+" = "+value(a.T, s)+")", "benign(has "+s+")")
	case tahoe.KindAttribute:
		own = append(own, "data = "+value(a.T, s), "data startswith root")
	case tahoe.KindSession:
		own = append(own, a.time(), a.time(), a.time())
	}
	return a.one("test", own...)
}

func (a *asking) anyHash() string {
	for _, kind := range []tahoe.Kind{tahoe.KindEvent, tahoe.KindAttribute} {
		if list := a.hashes[kind]; len(list) > 0 && a.dice("kind of hash", 2) == 0 {
			return choose(a.T, "hash", list)
		}
	}
	return strings.Repeat("1", 64)
}

func (a *asking) stage() string {
	switch a.dice("stage", 6) {
	case 0:
		return "where " + a.test(2)
	case 1:
		text := "related"
		if level := 1 + a.dice("level", 3); level > 1 {
			text += fmt.Sprintf(" level %d via %s", level, a.one("via", "sessions", "attributes", "all"))
		}
		text += a.clauses(a.kind)
		a.kind = "related"
		return text
	}
	return a.hop(a.kind)
}

// end is the last stage of a query.
func (a *asking) end() string {
	by := []string{"sub_type", "category", "org", "hour", "day", "ipv4", "port", "org, category", "minute, sub_type", "domain, org"}
	switch a.dice("end", 14) {
	case 0:
		return " | count"
	case 1:
		return " | count by " + a.one("by", by...)
	case 2:
		return " | count distinct by " + a.one("by", by...)
	case 3:
		return " | top 1000 " + a.subType()
	case 4:
		return " | summary"
	case 5:
		return " | sort " + a.one("key", "hash", "degree, hash", "timestamp desc, hash", "tlp, hash", "start_time, hash", "end_time desc, duration, hash") + fmt.Sprintf(" | limit %d", 1+a.dice("limit", 9))
	case 6:
		if a.kind == tahoe.KindRaw {
			return a.one("raws", " | sort state, hash", " | sort timezone desc, hash", " | fields hash, timezone, state", "")
		}
		if a.kind == tahoe.KindEvent {
			return fmt.Sprintf(" | page %d size %d", 1+a.dice("page", 3), 1+a.dice("size", 9))
		}
	case 7:
		return " | related level 2 via all | graph"
	case 8:
		return fmt.Sprintf(" | threatrank depth %d", 2+2*a.dice("depth", 3))
	case 9:
		s := a.subType()
		return " | path to " + s + " " + value(a.T, s) + fmt.Sprintf(" max %d paths 100", 2+a.dice("max", 5))
	case 10:
		if a.kind == tahoe.KindSession {
			return " | fields hash, end_time, degree, duration"
		}
		return " | fields " + a.one("fields", "hash, degree", "hash, tlp, ipv4", "hash, timestamp, org, domain")
	case 11:
		return " | related | summary graph"
	case 12:
		if a.kind == tahoe.KindEvent {
			return fmt.Sprintf(" | limit %d | attributes | top 1000", 1+a.dice("limit", 9))
		}
	}
	return ""
}
