package tahoe

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Brief is what of an event never changes, without its edges. It is kept as one text, since a database that keeps each field by itself
// takes as long to read one field as to read all of them together.
type Brief struct {
	Hash      string
	SubType   string
	OrgID     string
	Timestamp float64 // unix seconds, exactly as hashed
	Data      string  // JSON text
}

// Brief is the event in brief, as the JSON text of an object with hash, sub_type, orgid, timestamp and data, in this order.
func (e *Event) Brief() string {
	return string(e.AppendBrief(make([]byte, 0, 512)))
}

// AppendBrief appends Brief.
func (e *Event) AppendBrief(buf []byte) []byte {
	buf = append(buf, `{"hash":"`...)
	buf = hex.AppendEncode(buf, e.hash[:])
	buf = append(buf, `","sub_type":`...)
	buf = appendQuoted(buf, e.subType, false)
	buf = append(buf, `,"orgid":`...)
	buf = appendQuoted(buf, e.orgid, false)
	buf = append(buf, `,"timestamp":`...)
	buf = strconv.AppendFloat(buf, e.timestamp, 'f', -1, 64)
	buf = append(buf, `,"data":`...)
	return append(e.AppendData(buf), '}')
}

// ParseBrief reads what [Event.Brief] wrote. It takes any JSON object with these members; one that is written as Brief does is read without
// looking at its data.
func ParseBrief(text string) (Brief, error) {
	if b, ok := cutBrief(text); ok {
		return b, nil
	}
	var b struct {
		Hash      string
		SubType   string `json:"sub_type"`
		OrgID     string
		Timestamp float64
		Data      json.RawMessage
	}
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		return Brief{}, fmt.Errorf("event in brief: %w", err)
	}
	return Brief{b.Hash, b.SubType, b.OrgID, b.Timestamp, string(b.Data)}, nil
}

// cutBrief cuts a brief text where its members are; it fails when they are not as Brief writes them, or have escapes.
func cutBrief(text string) (b Brief, ok bool) {
	rest := text
	member := func(before, after string) string {
		var value string
		if !strings.HasPrefix(rest, before) {
			ok = false
			return ""
		}
		var found bool
		if value, rest, found = strings.Cut(rest[len(before):], after); !found || strings.IndexByte(value, '\\') >= 0 {
			ok = false
		}
		return value
	}
	ok = true
	b.Hash = member(`{"hash":"`, `"`)
	b.SubType = member(`,"sub_type":"`, `"`)
	b.OrgID = member(`,"orgid":"`, `"`)
	stamp := member(`,"timestamp":`, `,"data":`)
	var err error
	if b.Timestamp, err = strconv.ParseFloat(stamp, 64); err != nil || !strings.HasSuffix(rest, "}") || !plainNumber(stamp) {
		return Brief{}, false
	}
	b.Data = rest[:len(rest)-1]
	return b, ok
}

// plainNumber says whether a number is written as Brief does it.
func plainNumber(s string) bool { return strings.Trim(s, "-.0123456789") == "" }
