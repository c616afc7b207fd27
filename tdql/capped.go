package tdql

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// CodeCapped is of warnings that an answer lacks what is behind an instance of too many neighbours, or behind too many events.
const CodeCapped Code = "report.capped"

const (
	// CappedNamed is how many instances are named in warnings. The others are counted.
	CappedNamed = 5
	cappedData  = 60 // characters of the value of one
)

// Capped is an instance that was reached and not followed, because it has too many neighbours of which the caller knows.
type Capped struct {
	Hash    string `json:"hash"`
	IType   string `json:"itype"`
	SubType string `json:"sub_type"`
	Data    string `json:"data"` // as JSON
	Degree  int    `json:"n"`
}

// Warning tells of the instance; neighbours is the word for what it has too many of.
func (c Capped) Warning(neighbours string) *Error {
	return capped("%s was not followed: it has %d %s", c.name(), c.Degree, neighbours)
}

// MoreCapped tells of instances that are not named, and how many neighbours they have at most.
func MoreCapped(n, most int, neighbours string) *Error {
	return capped("%d more instances were not followed, of up to %d %s", n, most, neighbours)
}

func capped(format string, args ...any) *Error {
	return &Error{Code: CodeCapped, Message: fmt.Sprintf(format, args...)}
}

// name names the instance for a reader.
func (c Capped) name() string {
	switch {
	case c.Hash == "":
		return "an instance"
	case c.IType != "attribute" || c.Data == "":
		return c.IType + " " + c.Hash
	}
	data := []rune(c.Data)
	if len(data) > cappedData {
		data = append(data[:cappedData], '…')
	}
	return c.SubType + " " + printable(string(data))
}

// The names of the blocks that mark what related leaves alone begin so, and end with the number of a variable: the hubs of the most events,
// how many hubs there are, and how many events of a level are too many; the last digit of that is the level's.
const (
	markHub   = "hub"
	markHubs  = "hubs"
	markLevel = "level"
)

// marks are what the answers of a run mark as left alone.
type marks struct {
	hubs map[string]Capped // by vertex
	all  map[string]int    // how many hubs there are, by the name of the mark
	left map[string]int    // events, by the name of the mark
}

// take reads the marks of an answer.
func (m *marks) take(body []byte) error {
	var answer map[string]json.RawMessage
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("decode marks: %w", err)
	}
	for name, text := range answer {
		if !strings.HasPrefix(name, markHub) && !strings.HasPrefix(name, markLevel) {
			continue
		}
		var list []struct {
			UID string `json:"uid"`
			Capped
		}
		if err := json.Unmarshal(text, &list); err != nil {
			return fmt.Errorf("decode mark %s: %w", name, err)
		}
		for _, one := range list {
			m.note(name, one.UID, one.Capped)
		}
	}
	return nil
}

func (m *marks) note(name, uid string, c Capped) {
	if m.hubs == nil {
		m.hubs, m.all, m.left = map[string]Capped{}, map[string]int{}, map[string]int{}
	}
	switch {
	case strings.HasPrefix(name, markLevel):
		m.left[name] = c.Degree
	case strings.HasPrefix(name, markHubs):
		m.all[name] = c.Degree
	default:
		m.hubs[uid] = c
	}
}

// warnings names the hubs of the most events, and counts the others.
func (m *marks) warnings() Errors {
	var list Errors
	all := 0
	for _, n := range m.all {
		all += n
	}
	hubs := slices.SortedFunc(maps.Values(m.hubs), func(a, b Capped) int {
		return cmp.Or(cmp.Compare(b.Degree, a.Degree), strings.Compare(a.Hash, b.Hash))
	})
	for i, c := range hubs[:min(len(hubs), CappedNamed)] {
		list = append(list, c.Warning("events"))
		if rest := all - CappedNamed; i == CappedNamed-1 && rest > 0 {
			list = append(list, MoreCapped(rest, c.Degree, "events"))
		}
	}
	level := func(name string) string { return name[len(name)-1:] }
	names := slices.SortedFunc(maps.Keys(m.left), func(a, b string) int {
		return cmp.Or(strings.Compare(level(a), level(b)), strings.Compare(a, b))
	})
	for _, name := range names {
		if n := m.left[name]; n > 0 {
			list = append(list, capped("level %s was cut: %d events, the oldest of it, were left out", level(name), n))
		}
	}
	return list
}
