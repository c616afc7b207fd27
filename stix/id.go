package stix

import (
	"crypto/sha1" //nolint:gosec // UUIDs of version 5 are made with it
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// The namespaces of our UUIDs: that of STIX for observables, so that everybody gives the same fact the same id, and one of our own for
// everything else.
var (
	observables = uuid("00abedb4-aa42-466c-9c01-fed23315a9b7")
	others      = uuid("d957c1a3-ebe4-4801-b6c6-a8e0c017bf12")
)

func uuid(text string) [16]byte {
	raw, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(raw) != 16 {
		panic("stix: not a UUID: " + text)
	}
	return [16]byte(raw)
}

// identifier is the id of a thing of a type, by its name in a namespace: a UUID of version 5.
func identifier(kind string, space [16]byte, name string) string {
	sum := sha1.Sum(append(space[:], name...)) //nolint:gosec // see above
	u := sum[:16]
	u[6], u[8] = u[6]&0x0f|0x50, u[8]&0x3f|0x80
	return fmt.Sprintf("%s--%x-%x-%x-%x-%x", kind, u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// canonical is a flat JSON object as RFC 8785 spells it. Values are strings, integers, or objects of the same.
func canonical(members map[string]any) string {
	keys := make([]string, 0, len(members))
	for k := range members {
		keys = append(keys, k)
	}
	slices.Sort(keys) // names are ASCII
	var b strings.Builder
	b.WriteByte('{')
	for i, k := range keys {
		if i > 0 {
			b.WriteByte(',')
		}
		quote(&b, k)
		b.WriteByte(':')
		switch v := members[k].(type) {
		case string:
			quote(&b, v)
		case map[string]any:
			b.WriteString(canonical(v))
		default:
			fmt.Fprint(&b, v)
		}
	}
	b.WriteByte('}')
	return b.String()
}

// quote writes a string as RFC 8785 does, which escapes only what it must.
func quote(b *strings.Builder, s string) {
	short := map[rune]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\t': `\t`, '\n': `\n`, '\f': `\f`, '\r': `\r`}
	b.WriteByte('"')
	for _, r := range s {
		switch escaped, ok := short[r]; {
		case ok:
			b.WriteString(escaped)
		case r < ' ':
			fmt.Fprintf(b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}
