package stix

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Object is an object of STIX by itself, as a TAXII server passes it on.
type Object struct {
	ID      string // such as ipv4-addr--…
	Type    string
	Version string // modified, or created where there is no modified; "" for what has no versions
	Text    json.RawMessage
}

// Objects are what is made of one row of a report, each once, and the hash of the row.
func Objects(text json.RawMessage) (hash string, objects []Object, err error) {
	r, list, err := made(text)
	if err != nil {
		return "", nil, err
	}
	objects, err = apart(list)
	return r.Hash, objects, err
}

// Preamble are the objects that those of rows refer to and that are in no row: who made them, and what their extension means.
func Preamble() []Object {
	objects, err := apart(preamble())
	if err != nil {
		panic("stix: an object of our own is JSON: " + err.Error())
	}
	return objects
}

func apart(list []object) ([]Object, error) {
	objects := make([]Object, 0, len(list))
	seen := make(map[string]bool, len(list))
	for _, o := range list {
		if o == nil || seen[o.id()] {
			continue
		}
		seen[o.id()] = true
		text, err := plain(o)
		if err != nil {
			return nil, err
		}
		kind, _ := o["type"].(string)
		version, ok := o["modified"].(string)
		if !ok {
			version, _ = o["created"].(string)
		}
		objects = append(objects, Object{ID: o.id(), Type: kind, Version: version, Text: text})
	}
	return objects, nil
}

// plain is JSON as it is without a page around it: <, > and & stay.
func plain(v any) (json.RawMessage, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("write object: %w", err)
	}
	return bytes.TrimRight(out.Bytes(), "\n"), nil
}

// Changed is the object as a newer version of itself: its modified is another. What has no versions stays as it is.
func (o Object) Changed(modified string) (Object, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(o.Text, &members); err != nil {
		return o, fmt.Errorf("read object: %w", err)
	}
	if members["modified"] == nil {
		return o, nil
	}
	members["modified"] = json.RawMessage(`"` + modified + `"`)
	text, err := plain(members)
	if err != nil {
		return o, err
	}
	o.Version, o.Text = modified, text
	return o, nil
}
