package filter

import (
	"strings"

	"github.com/cybexp/cybexp/indicator"
)

// stixPaths says where the properties of STIX observables go, in patterns and in observables alike, where that is not plain: the objects
// around from outside in, and the sub-type last.
var stixPaths = map[string]string{
	"autonomous-system:number":              "autonomous_system.asn",
	"domain-name:value":                     "domain",
	"email-addr:display_name":               "email_display_name",
	"email-addr:value":                      "email_addr",
	"email-message:bcc_refs.value":          "email.bcc.email_addr",
	"email-message:body":                    "email.body.data",
	"email-message:cc_refs.value":           "email.cc.email_addr",
	"email-message:from_ref.value":          "email.src.email_addr",
	"email-message:sender_ref.value":        "email.sender.email_addr",
	"email-message:to_refs.value":           "email.dst.email_addr",
	"file:name":                             "file.filename",
	"file:size":                             "file.size.bytes",
	"ipv4-addr:value":                       "ipv4",
	"ipv6-addr:value":                       "ipv6",
	"mac-addr:value":                        "mac_addr",
	"mutex:name":                            "mutex",
	"network-traffic:dst_port":              "network_traffic.dst.port",
	"network-traffic:protocols":             "network_traffic.protocol",
	"network-traffic:src_port":              "network_traffic.src.port",
	"url:value":                             "url",
	"user-account:account_login":            "user_account.username",
	"windows-registry-key:key":              "win_registry.regkey",
	"windows-registry-key:values.data":      "win_registry.regdata",
	"windows-registry-key:values.data_type": "win_registry.regtype",
	"windows-registry-key:values.name":      "win_registry.regvalue",
}

// stixObjects are the names of the objects around the properties of an observable, where they are not those of STIX.
var stixObjects = map[string]string{
	"email-message":        "email",
	"windows-registry-key": "win_registry",
	"x509-certificate":     "x509",
}

// stixRoles are the objects that stand for a reference of an observable to another.
var stixRoles = map[string]string{
	"email-message:from_ref": "src",
	"email-message:to_refs":  "dst",
}

// stixNames are other names for the properties of STIX objects.
var stixNames = map[string]string{
	"aliases":             "alias",
	"external_references": "external_reference",
	"kill_chain_phases":   "kill_chain_phase",
	"labels":              "tag",
	"x_mitre_aliases":     "alias",
	"x_mitre_platforms":   "x_mitre_platform",
}

// stixTLP are the marking definitions of the Traffic Light Protocol, 1.0 and 2.0, which bundles may refer to without having them.
var stixTLP = map[string]string{
	"marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": "tlp:white",
	"marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": "tlp:green",
	"marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": "tlp:amber",
	"marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": "tlp:red",
	"marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487": "tlp:clear",
	"marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb": "tlp:green",
	"marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421": "tlp:amber",
	"marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003": "tlp:amber+strict",
	"marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1": "tlp:red",
}

// stixObservables are the types of observables that STIX 2.1 has. Others are known by the x- of their names and the want of a time.
var stixObservables = strings.Fields(`artifact autonomous-system directory domain-name email-addr email-message file ipv4-addr ipv6-addr
 mac-addr mutex network-traffic process software url user-account windows-registry-key x509-certificate`)

// stixObject is the name of the object around the properties of an observable.
func stixObject(kind string) string {
	if name, ok := stixObjects[kind]; ok {
		return name
	}
	return identifier(kind)
}

// stixPath is where a property goes. The last step of a way through references, such as src_ref.value, tells nothing of what the value
// is: then the value does.
func stixPath(kind string, steps []string, value string) string {
	if path, ok := stixPaths[kind+":"+strings.Join(steps, ".")]; ok {
		return path
	}
	path := []string{stixObject(kind)}
	for i, step := range steps {
		last, reference := i == len(steps)-1, i > 0 && isReference(steps[i-1])
		switch {
		case i > 0 && steps[i-1] == "hashes":
			if kind == "x509-certificate" {
				path = append(path, "fingerprint")
			}
			path = append(path, stixHash(step))
		case step == "hashes" && !last:
		case last && step == "value" && reference:
			path = append(path, addressKind(value))
		case last && step == "name" && reference && strings.HasPrefix(steps[i-1], "body_raw"):
			path = append(path, "filename")
		default:
			path = append(path, stixRole(kind, step))
		}
	}
	return strings.Join(path, ".")
}

func isReference(step string) bool {
	return strings.HasSuffix(step, "_ref") || strings.HasSuffix(step, "_refs")
}

// stixRole is the name of the object that stands for a reference, and of any other property its own name.
func stixRole(kind, step string) string {
	if role, ok := stixRoles[kind+":"+step]; ok {
		return role
	}
	if name, ok := stixNames[step]; ok {
		return name
	}
	if isReference(step) {
		step = strings.TrimSuffix(strings.TrimSuffix(step, "s"), "_ref")
	}
	return identifier(step)
}

// addressKind tells what kind of address text is.
func addressKind(text string) string {
	if strings.Contains(text, "@") {
		return "email_addr"
	}
	subType, _ := indicator.Address(text)
	if subType == "url" && isNetwork(text) {
		return "cidr"
	}
	return subType
}

// stixHash is the sub-type of a hash: SHA-256 and SHA256 are sha256, SHA3-256 is sha3_256.
func stixHash(algorithm string) string {
	name := strings.ToLower(algorithm)
	if rest, ok := strings.CutPrefix(name, "sha-"); ok {
		name = "sha" + rest
	}
	return identifier(name)
}
