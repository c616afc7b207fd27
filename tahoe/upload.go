package tahoe

import (
	"slices"
	"strings"
)

// RawUpload is what an organisation said with a raw, and what became of that for it. A raw that one organisation uploaded has it in its own fields.
type RawUpload struct {
	Org      string // hash of the organisation
	State    RawState
	Timezone string
}

// String is the upload as one text, which ParseRawUpload reads.
func (u RawUpload) String() string { return u.Org + " " + string(u.State) + " " + u.Timezone }

// ParseRawUpload reads what String wrote.
func ParseRawUpload(text string) (u RawUpload) {
	var rest, state string
	u.Org, rest, _ = strings.Cut(text, " ")
	state, u.Timezone, _ = strings.Cut(rest, " ")
	u.State = RawState(state)
	return u
}

// MergeRawUploads is what some uploads of one raw say together: the state that came furthest, and of several time zones the first by name.
func MergeRawUploads(list []RawUpload) (state RawState, timezone string) {
	for i, u := range list {
		if state = state.Later(u.State); i == 0 || u.Timezone < timezone {
			timezone = u.Timezone
		}
	}
	return state, timezone
}

// rawStates are what can become of a raw, in order: a state gives way to a later one.
var rawStates = []RawState{"", NotSupported, Invalid, Kept, Mapped}

// Rank is the place of the state among those that can become of a raw, in order; 0 for none.
func (s RawState) Rank() int { return max(0, slices.Index(rawStates, s)) }

// RankedState is the state with a rank.
func RankedState(rank int) RawState { return rawStates[rank] }

// Later is what became of a raw of which two states are told.
func (s RawState) Later(o RawState) RawState {
	if o.Rank() > s.Rank() {
		return o
	}
	return s
}
