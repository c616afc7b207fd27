package private

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/tink-crypto/tink-go/v2/daead/subtle"

	"github.com/cybexp/cybexp/spelling"
	"github.com/cybexp/cybexp/tahoe"
)

// Known are values that somebody has at home. A private form holds the hash of an attribute, so who has the secret reads the hash out of it, and
// finds the value among those that they know. The zero value knows none.
type Known struct {
	values map[tahoe.Hash]tahoe.Value
	fresh  []byte // lines that are not in a file yet
}

// knownLine is a value in a file: one a line, as an attribute's TAHOE document has it.
type knownLine struct {
	SubType string          `json:"sub_type"`
	Data    json.RawMessage `json:"data"`
}

// ReadKnown reads a file of values, which nobody but its owner may be able to read. An error wraps fs.ErrNotExist if there is none.
func ReadKnown(path string) (*Known, error) {
	if err := ownersOnly(path); err != nil {
		return nil, fmt.Errorf("read known values: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read known values: %w", err)
	}
	defer f.Close()
	known, err := ParseKnown(f)
	if err != nil {
		return nil, fmt.Errorf("read known values: %s: %w", path, err)
	}
	return known, nil
}

// ParseKnown reads values, one a line. Lines that are none are left out, since a write may have broken off, unless all are.
func ParseKnown(in io.Reader) (*Known, error) {
	known, broken := &Known{}, 0
	lines := bufio.NewReader(in)
	for {
		text, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if text := bytes.TrimSpace(text); len(text) > 0 && known.parse(text) != nil {
			broken++
		}
		switch {
		case err == nil:
		case broken > 0 && len(known.values) == 0:
			return nil, errors.New(`it has no line such as {"sub_type":"ipv4","data":"192.0.2.1"}`)
		default:
			known.fresh = nil
			return known, nil
		}
	}
}

func (k *Known) parse(text []byte) error {
	var line knownLine
	if err := json.Unmarshal(text, &line); err != nil {
		return err
	}
	v, err := tahoe.ParseValue(line.Data)
	if err != nil {
		return err
	}
	return k.add(line.SubType, v)
}

// Add takes a value that somebody names, in their spelling and in the usual one.
func (k *Known) Add(subType string, v tahoe.Value) error {
	return errors.Join(k.add(subType, v), k.add(subType, spelling.Value(subType, v)))
}

func (k *Known) add(subType string, v tahoe.Value) error {
	hash, err := tahoe.AttributeHash(subType, v)
	if err != nil {
		return err
	}
	if _, ok := k.values[hash]; ok {
		return nil
	}
	if k.values == nil {
		k.values = map[tahoe.Hash]tahoe.Value{}
	}
	k.values[hash] = v
	line, err := json.Marshal(knownLine{subType, v.AppendJSON(nil)})
	if err != nil {
		return err
	}
	k.fresh = append(append(k.fresh, line...), '\n')
	return nil
}

// AddNodes takes the values of all attributes of some sub-types, at any depth of objects.
func (k *Known) AddNodes(nodes []tahoe.Node, subTypes []string) error {
	for _, n := range nodes {
		var err error
		switch n := n.(type) {
		case *tahoe.Attribute:
			if slices.Contains(subTypes, n.SubType()) {
				err = k.add(n.SubType(), n.Value())
			}
		case *tahoe.Object:
			err = k.AddNodes(n.Children(), subTypes)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Append adds to a file what was taken since it was read, and returns when it is on disk. The file is made if there is none, mode 0600.
func (k *Known) Append(path string) (err error) {
	if len(k.fresh) == 0 {
		return nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("keep known values: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text := k.fresh
	if info, err := f.Stat(); err == nil && info.Size() > 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, info.Size()-1); err == nil && last[0] != '\n' { // a write broke off
			text = append([]byte("\n"), text...)
		}
	}
	if _, err := f.Write(text); err != nil {
		return fmt.Errorf("keep known values: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("keep known values: %w", err)
	}
	k.fresh = nil
	return nil
}

// formInJSON is a form as a string of JSON: 48 bytes in base32.
var formInJSON = regexp.MustCompile(`"` + Prefix + `[a-z2-7]{77}"`)

// Reveal is a text of JSON with the values that are known in place of their private forms. Forms of other secrets, and of values that are not known,
// stay, and so do names of members.
func (s Secrets) Reveal(text []byte, known *Known) []byte {
	if known == nil || len(known.values) == 0 {
		return text
	}
	var out []byte
	done := 0
	for _, at := range formInJSON.FindAllIndex(text, -1) {
		if rest := bytes.TrimLeft(text[at[1]:], " \t\r\n"); len(rest) > 0 && rest[0] == ':' {
			continue
		}
		if hash, ok := s.open(string(text[at[0]+1 : at[1]-1])); ok {
			if v, ok := known.values[hash]; ok {
				out = v.AppendJSON(append(out, text[done:at[0]]...))
				done = at[1]
			}
		}
	}
	if done == 0 {
		return text
	}
	return append(out, text[done:]...)
}

// open reads the hash out of a form that one of the secrets made.
func (s Secrets) open(form string) (hash tahoe.Hash, ok bool) {
	sealed, err := formText.DecodeString(strings.ToUpper(strings.TrimPrefix(form, Prefix)))
	if err != nil {
		return hash, false
	}
	return hash, slices.ContainsFunc(s, func(key *subtle.AESSIV) bool {
		plain, err := key.DecryptDeterministically(sealed, []byte(formPurpose))
		return err == nil && copy(hash[:], plain) == len(hash)
	})
}

// ownersOnly refuses a file that others may read.
func ownersOnly(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("others may read %s: chmod 600 %s", path, path)
	}
	return nil
}
