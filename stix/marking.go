package stix

import (
	"slices"
	"strings"

	"github.com/cybexp/cybexp/tahoe"
)

// markingIDs are those of the marking definitions of the Traffic Light Protocol 2.0, which are the same everywhere.
var markingIDs = map[tahoe.Marking]string{
	tahoe.Clear:  "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
	tahoe.Green:  "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
	tahoe.Amber:  "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
	tahoe.Strict: "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
	tahoe.Red:    "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}

// definition is the marking definition of a marking, as OASIS publishes it.
func definition(m tahoe.Marking) object {
	return object{
		"type": "marking-definition", "spec_version": specVersion, "id": markingIDs[m], "created": "2022-10-01T00:00:00.000Z",
		"name": "TLP:" + strings.ToUpper(string(m)),
		"extensions": object{"extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d": object{
			"extension_type": "property-extension", "tlp_2_0": string(m),
		}},
	}
}

// definitions are those of markings.
func definitions(list []tahoe.Marking) []object {
	objects := make([]object, len(list))
	for i, m := range list {
		objects[i] = definition(m)
	}
	return objects
}

// mark refers to the marking of a row. A row without one, such as a session, is marked as the tags in it say.
func (p *parts) mark(tlp string) {
	if m, err := tahoe.ParseMarking(tlp); err == nil {
		p.markings = []tahoe.Marking{m}
	}
}

// tag notes the marking that a tag is, if it is one.
func (p *parts) tag(text string) {
	if !strings.HasPrefix(strings.ToLower(text), "tlp:") {
		return
	}
	if m, err := tahoe.ParseMarking(text); err == nil && !slices.Contains(p.markings, m) {
		p.markings = append(p.markings, m)
	}
}
