package stix

import (
	"encoding/hex"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/cybexp/cybexp/tahoe"
)

// object is an object of a bundle.
type object map[string]any

// instanceType is the type of what STIX has no type for.
const instanceType = "x-cybexp-instance"

// hashNames are what STIX calls the hashes of files, and their length in bytes.
var hashNames = map[string]struct {
	name  string
	bytes int
}{
	"md5": {"MD5", 16}, "sha1": {"SHA-1", 20}, "sha256": {"SHA-256", 32}, "sha512": {"SHA-512", 64},
	"sha3_256": {"SHA3-256", 32}, "sha3_512": {"SHA3-512", 64},
}

var macAddress = regexp.MustCompile(`^[0-9a-f]{2}(:[0-9a-f]{2}){5}$`)

// fact is an attribute as an observable, and as the comparison that an indicator makes of it: "" when it is none that tells of an attack.
type fact struct {
	object  object
	pattern string
}

// observable makes an observable of an attribute. What its sub-type's observable cannot hold becomes an instance.
func observable(subType string, v tahoe.Value) (fact, error) {
	hash, err := tahoe.AttributeHash(subType, v)
	if err != nil {
		return fact{}, err
	}
	kind, property, value := typed(subType, v)
	if kind == "" {
		return fact{object: instance(hash.String(), "attribute", subType, v)}, nil
	}
	members := map[string]any{property: value}
	f := fact{object: object{"type": kind, "spec_version": specVersion, "id": identifier(kind, observables, canonical(members)), property: value}}
	if kind != "file" { // whose extensions would change its id
		f.object["extensions"] = extended(object{"extension_type": "property-extension", "hash": hash.String(), "sub_type": subType})
	}
	f.pattern = pattern(kind, property, value)
	return f, nil
}

// typed finds the type of an observable, and its one property; no type when it has none.
func typed(subType string, v tahoe.Value) (kind, property string, value any) {
	text, _ := v.Str() // an ASN may be a number
	switch subType {
	case "ipv4", "ipv6", "ip", "cidr":
		return address(text), "value", text
	case "domain", "hostname":
		kind = "domain-name"
	case "url", "uri":
		kind = "url"
	case "email_addr":
		kind = "email-addr"
	case "mac_addr":
		if macAddress.MatchString(text) {
			return "mac-addr", "value", text
		}
		return "", "", nil
	case "asn":
		n, err := strconv.ParseUint(strings.TrimPrefix(v.Text(), "AS"), 10, 32)
		if err != nil {
			return "", "", nil
		}
		return "autonomous-system", "number", n
	case "filename":
		kind, property = "file", "name"
	case "mutex":
		kind, property = "mutex", "name"
	case "regkey":
		kind, property = "windows-registry-key", "key"
	case "username":
		kind, property = "user-account", "account_login"
	}
	if h, ok := hashNames[subType]; ok {
		if raw, err := hex.DecodeString(text); err != nil || len(raw) != h.bytes {
			return "", "", nil
		}
		return "file", "hashes", map[string]any{h.name: text}
	}
	if text == "" {
		return "", "", nil
	}
	if property == "" {
		property = "value"
	}
	return kind, property, text
}

// address is the type of an address or network.
func address(text string) string {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return ""
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	if p.Addr().Is4() {
		return "ipv4-addr"
	}
	return "ipv6-addr"
}

// pattern is the comparison with an observable that tells of an attack.
func pattern(kind, property string, value any) string {
	path := kind + ":" + property
	text, _ := value.(string)
	switch kind {
	case "ipv4-addr", "ipv6-addr", "domain-name", "url", "email-addr":
	case "file":
		hashes, ok := value.(map[string]any)
		if !ok {
			return "" // a name alone says little
		}
		for name, hash := range hashes {
			path += ".'" + name + "'"
			text, _ = hash.(string)
		}
	default:
		return ""
	}
	return path + " = '" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}

// instance is the observable of what STIX has no type for.
func instance(hash, itype, subType string, data any) object {
	o := object{
		"type": instanceType, "spec_version": specVersion, "id": identifier(instanceType, observables, canonical(map[string]any{"hash": hash})),
		"hash": hash, "itype": itype, "sub_type": subType, "extensions": extended(object{"extension_type": "new-sco"}),
	}
	if data != nil {
		o["data"] = data
	}
	return o
}

func extended(o object) object { return object{extensionID: o} }
