package tahoe

import "fmt"

// Specs hashes many specs, one after another. It remembers the users it has met, because the text of an organisation nests
// those of its users and a spec only names them. The zero value is ready.
type Specs struct {
	users map[string]*Object // by e-mail address
}

// Hash is HashSpec that knows the users of the specs before.
func (s *Specs) Hash(line []byte) (Spec, error) {
	kind, in, err := specParts(line)
	if err != nil {
		return Spec{}, err
	}
	var out Spec
	switch kind {
	case "user", "superuser":
		out, err = s.user(kind, in)
	case "org":
		out, err = s.org(in)
	default:
		out, err = hashSpec(kind, in)
	}
	if err != nil {
		return Spec{}, fmt.Errorf("spec: %w", err)
	}
	out.Kind = kind
	return out, nil
}

// user is of a user, whose document holds the SHA-256 of the password and not the password.
func (s *Specs) user(kind string, in Value) (Spec, error) {
	email, err := field(in, "email")
	if err != nil {
		return Spec{}, err
	}
	password, _ := in.Get("password_sha256")
	name, _ := in.Get("name")
	o, err := fieldsObject("cybexp_"+kind, map[string]Value{"email_addr": String(email), "password": password, "name": name})
	if err != nil {
		return Spec{}, err
	}
	if s.users == nil {
		s.users = map[string]*Object{}
	}
	s.users[email] = o
	return identified(o, userImage(email, kind == "superuser")), nil
}

// org is of an organisation. When one of its users has not been met, its canonical text cannot be known and is left empty.
func (s *Specs) org(in Value) (Spec, error) {
	name, err := field(in, "orgname")
	if err != nil {
		return Spec{}, err
	}
	users, known, err := s.members(in, "user")
	if err != nil {
		return Spec{}, err
	}
	admins, knownAdmins, err := s.members(in, "admin")
	if err != nil {
		return Spec{}, err
	}
	if !known || !knownAdmins {
		return Spec{Unique: orgImage(name), Hash: OrgHash(name)}, nil
	}
	admin, err := NewObject("admin", admins...)
	if err != nil {
		return Spec{}, err
	}
	title, _ := in.Get("name")
	fields, err := fieldNodes(map[string]Value{"orgname": String(name), "name": title})
	if err != nil {
		return Spec{}, err
	}
	o, err := NewObject("cybexp_org", append(append(fields, users...), admin)...)
	if err != nil {
		return Spec{}, err
	}
	return identified(o, orgImage(name)), nil
}

// members are the users that a field names; known says whether all have been met.
func (s *Specs) members(in Value, key string) (users []Node, known bool, err error) {
	list, _ := in.Get(key)
	if list.Type() != TypeArray || len(list.Elements()) == 0 {
		return nil, false, nil
	}
	for _, e := range list.Elements() {
		email, ok := e.Str()
		if !ok {
			return nil, false, fmt.Errorf("%w: %s is no list of e-mail addresses", ErrData, key)
		}
		o, met := s.users[email]
		if !met {
			return nil, false, nil
		}
		users = append(users, o)
	}
	return users, true, nil
}

// identified is the Spec of an object whose identity is not its data. The object takes that identity too.
func identified(o *Object, image string) Spec {
	o.hash = sum(image)
	return Spec{Canonical: o.canonical, Unique: image, Hash: o.hash, Children: hashes(o.children), Refs: hashes(o.refs)}
}
