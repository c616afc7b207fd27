package taxii

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/gob"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cybexp/cybexp/stix"
	"github.com/cybexp/cybexp/tahoe"
)

// entry is what the index has of an object.
type entry struct {
	Type    string
	UUID    [16]byte
	Added   int64 // microseconds since 1970; no two entries have the same
	Version int64 // milliseconds since 1970; 0 is none
	Changed bool  // Version is of here, because the object is not what it was and does not say so
	Digest  [8]byte
	Row     tahoe.Hash // that it is made of; zero is the preamble
}

// key is an object in a map.
type key struct {
	kind string
	uuid [16]byte
}

func (e *entry) key() key { return key{e.Type, e.UUID} }

func (e *entry) id() string {
	u := e.UUID
	return fmt.Sprintf("%s--%x-%x-%x-%x-%x", e.Type, u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// keyOf reads the id of an object.
func keyOf(id string) (key, error) {
	kind, text, _ := strings.Cut(id, "--")
	raw, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(raw) != 16 {
		return key{}, fmt.Errorf("%q is no id of STIX", id)
	}
	return key{kind, [16]byte(raw)}, nil
}

// newEntry is the entry of an object that was not there before.
func newEntry(k key, o stix.Object, row tahoe.Hash) (entry, error) {
	e := entry{Type: k.kind, UUID: k.uuid, Digest: digest(o), Row: row}
	if o.Version != "" {
		at, err := time.Parse(time.RFC3339Nano, o.Version)
		if err != nil {
			return e, fmt.Errorf("version of %s: %w", o.ID, err)
		}
		e.Version = at.UnixMilli()
	}
	return e, nil
}

func digest(o stix.Object) [8]byte {
	sum := sha256.Sum256(o.Text)
	return [8]byte(sum[:8])
}

// change makes an entry that of an object which is another now, at a time: a new version, later than the one before.
func (e *entry) change(now entry, at time.Time) {
	now.Type = e.Type
	if now.Version != 0 && now.Version <= e.Version {
		now.Version, now.Changed = max(e.Version+1, at.UnixMilli()), true
	}
	*e = now
}

func (e *entry) added() string { return Stamp(time.UnixMicro(e.Added)) }

// version is the object's own, or when it was added, of what has none.
func (e *entry) version() string {
	if e.Version == 0 {
		return e.added()
	}
	return milli(e.Version)
}

func milli(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

func (e *entry) isVersion(text string) bool {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return true // first, last, all
	}
	if e.Version == 0 {
		return at.UnixMicro() == e.Added
	}
	return at.UnixMilli() == e.Version
}

// object is the object as this version of it.
func (e *entry) object(o stix.Object) (stix.Object, error) {
	if !e.Changed {
		return o, nil
	}
	return o.Changed(milli(e.Version))
}

// A chunk is entries as they are stored: the types that occur, and of each entry a record of a fixed length.
type chunk struct {
	Types   []string
	Records []byte
}

type record struct {
	Type           uint16
	UUID           [16]byte
	Added, Version int64
	Changed        bool
	Digest         [8]byte
	Row            [32]byte
}

func encode(list []entry) ([]byte, error) {
	var c chunk
	for _, e := range list {
		at := slices.Index(c.Types, e.Type)
		if at < 0 {
			at, c.Types = len(c.Types), append(c.Types, e.Type)
		}
		r := record{uint16(at), e.UUID, e.Added, e.Version, e.Changed, e.Digest, e.Row}
		var err error
		if c.Records, err = binary.Append(c.Records, binary.BigEndian, r); err != nil {
			return nil, fmt.Errorf("write index: %w", err)
		}
	}
	var out bytes.Buffer
	err := gob.NewEncoder(&out).Encode(c)
	return out.Bytes(), err
}

func decode(text []byte) ([]entry, error) {
	var c chunk
	if err := gob.NewDecoder(bytes.NewReader(text)).Decode(&c); err != nil {
		return nil, fmt.Errorf("read index: %w", err)
	}
	size := binary.Size(record{})
	list := make([]entry, 0, len(c.Records)/size)
	for ; len(c.Records) > 0; c.Records = c.Records[size:] {
		var r record
		if _, err := binary.Decode(c.Records, binary.BigEndian, &r); err != nil || int(r.Type) >= len(c.Types) {
			return nil, errors.Join(errors.New("read index: broken"), err)
		}
		list = append(list, entry{c.Types[r.Type], r.UUID, r.Added, r.Version, r.Changed, r.Digest, r.Row})
	}
	return list, nil
}
