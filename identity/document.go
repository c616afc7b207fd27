package identity

import (
	"crypto/sha256"
	"slices"

	"github.com/cybexp/cybexp/tahoe"
)

// Document is a user or an organisation as TAHOE has it, in its JSON form. The classic API answers with it. It has no password: in
// the first Cybex-P a user's was in it, as a hash, and so in the documents of the user's organisations.
type Document struct {
	Kind     tahoe.Kind   `json:"itype"`
	SubType  string       `json:"sub_type"`
	Hash     tahoe.Hash   `json:"_hash"`
	Data     tahoe.Value  `json:"data"`
	Children []tahoe.Hash `json:"_cref"`
	Refs     []tahoe.Hash `json:"_ref"` // all descendants

	Users  []tahoe.Hash `json:"_usr_ref,omitempty"`
	Admins []tahoe.Hash `json:"_adm_ref,omitempty"`
	ACL    []tahoe.Hash `json:"_acl,omitempty"`
}

// Document is the user's.
func (u User) Document() Document {
	d := Document{Kind: tahoe.KindObject, SubType: "cybexp_user", Hash: u.Hash}
	if u.Super {
		d.SubType = "cybexp_superuser"
	}
	d.hold(map[string]string{"email_addr": u.Email, "name": u.Name})
	return d
}

// hold gives a document attributes.
func (d *Document) hold(attributes map[string]string) {
	fields := map[string]tahoe.Value{}
	for subType, text := range attributes {
		fields[subType] = tahoe.Array(tahoe.String(text))
		if h, err := tahoe.AttributeHash(subType, tahoe.String(text)); err == nil { // a checked text has no fault
			d.Children = append(d.Children, h)
		}
	}
	slices.SortFunc(d.Children, tahoe.Hash.Compare)
	d.Data, d.Refs = tahoe.Map(fields), slices.Clone(d.Children)
}

// Document is the organisation's; find must know its people.
func (o Org) Document(find func(tahoe.Hash) (User, error)) (Document, error) {
	d := Document{Kind: tahoe.KindObject, SubType: "cybexp_org", Hash: o.Hash, Users: o.Users, Admins: o.Admins, ACL: o.ACL}
	d.hold(map[string]string{"orgname": o.Name, "name": o.Title})
	fields := map[string]tahoe.Value{}
	for _, name := range []string{"orgname", "name"} {
		fields[name], _ = d.Data.Get(name)
	}
	people := func(hashes []tahoe.Hash) (map[string]tahoe.Value, error) {
		lists := map[string][]tahoe.Value{}
		for _, h := range hashes {
			u, err := find(h)
			if err != nil {
				return nil, err
			}
			doc := u.Document()
			lists[doc.SubType] = append(lists[doc.SubType], doc.Data)
			d.Refs = append(append(d.Refs, h), doc.Refs...)
		}
		values := map[string]tahoe.Value{}
		for subType, list := range lists {
			values[subType] = tahoe.Array(list...)
		}
		return values, nil
	}
	users, err := people(o.Users)
	if err != nil {
		return d, err
	}
	admins, err := people(o.Admins)
	if err != nil {
		return d, err
	}
	for subType, list := range users {
		fields[subType] = list
	}
	admin := tahoe.Map(admins)
	fields["admin"] = tahoe.Array(admin)
	text, err := tahoe.Canonical(admin)
	if err != nil {
		return d, err
	}
	group := tahoe.Hash(sha256.Sum256([]byte(string(tahoe.KindObject) + "admin" + text)))
	d.Data = tahoe.Map(fields)
	d.Children = sorted(append(slices.Concat(d.Children, o.Users), group))
	d.Refs = sorted(append(d.Refs, group))
	return d, nil
}

// sorted sorts hashes and leaves out what is there twice.
func sorted(hashes []tahoe.Hash) []tahoe.Hash {
	slices.SortFunc(hashes, tahoe.Hash.Compare)
	return slices.Compact(hashes)
}
