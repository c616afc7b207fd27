// Package private hides chosen attributes of events from all who do not have an organisation's secret, as TAHOE's data governance has
// it: in place of its value an attribute gets a private form, which is the AES-SIV ciphertext of its TAHOE hash. Equal attributes have
// equal forms under one secret, so that they still meet in the graph, and who has the secret can ask for them.
//
// It works on the client's side: neither secrets nor hidden values go to a server. What the forms tell is in docs/privacy.md.
//
//	secrets, err := private.Read("unr.secret")
//	hidden, err := secrets.Hide(event, []string{"ipv4"})
//	forms, err := secrets.Forms("ipv4", tahoe.String("192.0.2.1")) // what to ask for
package private

import (
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tink-crypto/tink-go/v2/daead/subtle"

	"github.com/cybexp/cybexp/spelling"
	"github.com/cybexp/cybexp/tahoe"
)

// Prefix is what every private form begins with.
const Prefix = "private:"

// keyBytes is the length of a secret: AES-256-SIV (RFC 5297) takes two keys of 256 bits.
const keyBytes = 64

// Secrets are an organisation's secrets, newest first. The first hides, all of them find.
type Secrets []*subtle.AESSIV

// formPurpose is the associated data of forms, so that they are nothing else's.
const formPurpose = "cybexp private attribute"

var formText = base32.StdEncoding.WithPadding(base32.NoPadding)

// form is the private form of an attribute's hash.
func form(key *subtle.AESSIV, attribute tahoe.Hash) (tahoe.Value, error) {
	sealed, err := key.EncryptDeterministically(attribute[:], []byte(formPurpose))
	if err != nil {
		return tahoe.Value{}, fmt.Errorf("make private form: %w", err)
	}
	return tahoe.String(Prefix + strings.ToLower(formText.EncodeToString(sealed))), nil
}

// Forms are the private forms that an attribute may have, by each secret, in the spelling given and in the usual one.
func (s Secrets) Forms(subType string, v tahoe.Value) ([]tahoe.Value, error) {
	var forms []tahoe.Value
	for _, spelled := range []tahoe.Value{v, spelling.Value(subType, v)} {
		hash, err := tahoe.AttributeHash(subType, spelled)
		if err != nil {
			return nil, err
		}
		for _, key := range s {
			f, err := form(key, hash)
			if err != nil {
				return nil, err
			}
			if !slices.ContainsFunc(forms, func(o tahoe.Value) bool { return o.Text() == f.Text() }) {
				forms = append(forms, f)
			}
		}
	}
	return forms, nil
}

// Hide is the event with the newest secret's forms in place of attributes of some sub-types, at any depth. Category and contexts stay.
func (s Secrets) Hide(e *tahoe.Event, subTypes []string) (*tahoe.Event, error) {
	if len(s) == 0 {
		return nil, errors.New("no secret to hide with")
	}
	h := hider{key: s[0], subTypes: subTypes, made: map[tahoe.Hash]tahoe.Node{}}
	children, err := h.nodes(e.Children())
	if err != nil {
		return nil, err
	}
	hidden, err := tahoe.NewEvent(e.SubType(), e.OrgID(), e.Timestamp(), children...)
	if err != nil {
		return nil, fmt.Errorf("hide attributes: %w", err)
	}
	hidden.Mark(e.Marking())
	if err := hidden.SetCategory(e.Category()); err != nil {
		return nil, fmt.Errorf("hide attributes: %w", err)
	}
	for category, hashes := range map[tahoe.Category][]tahoe.Hash{tahoe.Malicious: e.Malicious(), tahoe.Benign: e.Benign()} {
		for _, hash := range hashes {
			if err := hidden.SetContext(category, h.made[hash]); err != nil {
				return nil, fmt.Errorf("hide attributes: %w", err)
			}
		}
	}
	return hidden, nil
}

// HideNodes is Hide for what identifies a session.
func (s Secrets) HideNodes(nodes []tahoe.Node, subTypes []string) ([]tahoe.Node, error) {
	h := hider{key: s[0], subTypes: subTypes, made: map[tahoe.Hash]tahoe.Node{}}
	return h.nodes(nodes)
}

// hider remembers what it made of which node.
type hider struct {
	key      *subtle.AESSIV
	subTypes []string
	made     map[tahoe.Hash]tahoe.Node
}

func (h *hider) nodes(nodes []tahoe.Node) ([]tahoe.Node, error) {
	hidden := make([]tahoe.Node, len(nodes))
	for i, n := range nodes {
		var err error
		if hidden[i], err = h.node(n); err != nil {
			return nil, err
		}
	}
	return hidden, nil
}

func (h *hider) node(n tahoe.Node) (made tahoe.Node, err error) {
	if known, ok := h.made[n.Hash()]; ok {
		return known, nil
	}
	made = n
	switch n := n.(type) {
	case *tahoe.Attribute:
		if slices.Contains(h.subTypes, n.SubType()) {
			made, err = h.attribute(n)
		}
	case *tahoe.Object:
		var children []tahoe.Node
		if children, err = h.nodes(n.Children()); err == nil {
			made, err = tahoe.NewObject(n.SubType(), children...)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("hide attributes: %w", err)
	}
	h.made[n.Hash()] = made
	return made, nil
}

func (h *hider) attribute(a *tahoe.Attribute) (tahoe.Node, error) {
	f, err := form(h.key, a.Hash())
	if err != nil {
		return nil, err
	}
	return tahoe.NewAttribute(a.SubType(), f)
}
