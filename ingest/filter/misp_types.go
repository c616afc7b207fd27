package filter

import (
	"slices"
	"strings"
)

// mispPaths says where the value of a MISP attribute goes: the objects around it from outside in, and its sub-type last. Types of two
// values with a bar between them, such as filename|sha256, have two paths.
var mispPaths = map[string]string{
	"AS":                          "autonomous_system.asn",
	"attachment":                  "file.filename",
	"bro":                         "cti_analysis.bro",
	"campaign-id":                 "campaign.id",
	"campaign-name":               "campaign.name",
	"dns-soa-email":               "dns.statement_of_authority.email_addr",
	"domain|ip":                   "domain ipv4",
	"email":                       "email_addr",
	"email-attachment":            "email.attachment.filename",
	"email-body":                  "email.body.data",
	"email-dst":                   "email.dst.email_addr",
	"email-dst-display-name":      "email.dst.email_display_name",
	"email-header":                "email.header",
	"email-message-id":            "email.message_id",
	"email-mime-boundary":         "email.mime_boundary",
	"email-reply-to":              "email.reply_to.email_addr",
	"email-src":                   "email.src.email_addr",
	"email-src-display-name":      "email.src.email_display_name",
	"email-subject":               "email.subject",
	"email-thread-index":          "email.thread_index",
	"email-x-mailer":              "email.x_mailer",
	"filename":                    "file.filename",
	"filename-pattern":            "file.filename_pattern",
	"filename|authentihash":       "file.filename file.authentihash",
	"filename|imphash":            "file.filename file.imphash",
	"filename|impfuzzy":           "file.filename file.impfuzzy",
	"filename|md5":                "file.filename file.md5",
	"filename|pehash":             "file.filename file.pehash",
	"filename|sha1":               "file.filename file.sha1",
	"filename|sha224":             "file.filename file.sha224",
	"filename|sha256":             "file.filename file.sha256",
	"filename|sha3-224":           "file.filename file.sha3_224",
	"filename|sha3-256":           "file.filename file.sha3_256",
	"filename|sha3-384":           "file.filename file.sha3_384",
	"filename|sha3-512":           "file.filename file.sha3_512",
	"filename|sha384":             "file.filename file.sha384",
	"filename|sha512":             "file.filename file.sha512",
	"filename|sha512/224":         "file.filename file.sha512_224",
	"filename|sha512/256":         "file.filename file.sha512_256",
	"filename|ssdeep":             "file.filename file.ssdeep",
	"filename|tlsh":               "file.filename file.tlsh",
	"filename|vhash":              "file.filename file.vhash",
	"gene":                        "cti_analysis.gene",
	"github-organisation":         "github.organization",
	"github-repository":           "github.repository",
	"github-username":             "github.username",
	"hassh-md5":                   "hassh",
	"hasshserver-md5":             "hasshserver",
	"hex":                         "hex_data",
	"hostname|port":               "host.hostname host.port",
	"http-method":                 "http.method",
	"impfuzzy":                    "file.impfuzzy",
	"imphash":                     "file.imphash",
	"ip-dst":                      "dst.ipv4",
	"ip-dst|port":                 "dst.ipv4 dst.port",
	"ip-src":                      "src.ipv4",
	"ip-src|port":                 "src.ipv4 src.port",
	"ja3-fingerprint-md5":         "ja3",
	"jabber-id":                   "jabber.username",
	"jarm-fingerprint":            "jarm",
	"kusto-query":                 "cti_analysis.kusto_query",
	"link":                        "external_information.url",
	"mac-address":                 "mac_addr",
	"malware-sample":              "malware.filename malware.md5",
	"mobile-application-id":       "mobile_app.mobile_app_id",
	"named pipe":                  "named_pipe",
	"pattern-in-file":             "file.pattern",
	"pattern-in-memory":           "memory.pattern",
	"pattern-in-traffic":          "traffic.pattern",
	"pdb":                         "file.pdb",
	"pehash":                      "file.pehash",
	"prtn":                        "premium_rate_telephone_number",
	"regkey":                      "win_registry.regkey",
	"regkey|value":                "win_registry.regkey win_registry.regdata",
	"sha512/224":                  "sha512_224",
	"sha512/256":                  "sha512_256",
	"sigma":                       "cti_analysis.sigma",
	"size-in-bytes":               "size.bytes",
	"snort":                       "cti_analysis.snort",
	"stix2-pattern":               "cti_analysis.stix2_pattern",
	"suricata":                    "cti_analysis.suricata",
	"target-email":                "target.email_addr",
	"target-external":             "target.description",
	"target-location":             "target.location",
	"target-machine":              "target.machine_name",
	"target-org":                  "target.organization.name",
	"target-user":                 "target.user.name",
	"threat-actor":                "threat_actor.name",
	"twitter-id":                  "twitter.username",
	"user-agent":                  "http.user_agent",
	"vulnerability":               "cve_id",
	"whois-creation-date":         "whois.creation_date",
	"whois-registrant-email":      "whois.registrant.email_addr",
	"whois-registrant-name":       "whois.registrant.name",
	"whois-registrant-org":        "whois.registrant.organization",
	"whois-registrant-phone":      "whois.registrant.phone_number",
	"whois-registrar":             "whois.registrar",
	"windows-scheduled-task":      "win_scheduled_task",
	"windows-service-displayname": "win_service_displayname",
	"windows-service-name":        "win_service_name",
	"x509-fingerprint-md5":        "x509.fingerprint.md5",
	"x509-fingerprint-sha1":       "x509.fingerprint.sha1",
	"x509-fingerprint-sha256":     "x509.fingerprint.sha256",
	"yara":                        "cti_analysis.yara",
	"zeek":                        "cti_analysis.zeek",
}

// mispPlain are the types whose values are attributes of the same name, with _ for -.
var mispPlain = strings.Fields(`anonymised aba-rtn authentihash azure-application-id bank-account-nr bic bin boolean btc cc-number cdhash chrome-extension-id
 comment community-id cookie cortex counter country-of-residence cpe dash date-of-birth datetime dkim dkim-signature dom-hash domain
 edge-extension-id eppn favicon-mmh3 first-name float frequent-flyer-number full-name gender git-commit-id hostname iban
 identity-card-number integer issue-date-of-the-visa last-name mac-eui-64 malware-type md5 middle-name mime-type mutex nationality
 onion-address other passenger-name-record-locator-number passport-country passport-expiration passport-number payment-details
 pgp-private-key pgp-public-key phone-number place-of-birth place-port-of-clearance place-port-of-onward-foreign-destination
 place-port-of-original-embarkation port primary-residence process-state redress-number sha1 sha224 sha256 sha3-224 sha3-256 sha3-384
 sha3-512 sha384 sha512 special-service-request ssdeep ssh-fingerprint telfhash text tlsh travel-details uri url uuid vhash visa-number
 weakness xmr`)

// mispPath lists the paths of a type; none if MISP has no such type.
func mispPath(kind string) []string {
	if paths, ok := mispPaths[kind]; ok {
		return strings.Fields(paths)
	}
	if slices.Contains(mispPlain, kind) {
		return []string{identifier(kind)}
	}
	return nil
}

// mispShapes are the types that tell the shape of a value only. In an object the relation tells what it is.
var mispShapes = strings.Fields("anonymised boolean comment counter datetime float hex integer other text")

// mispRelations are the relations of object attributes that tell the place of a value better than its type does.
var mispRelations = map[string]string{
	"dst-ip":       "dst.ipv4",
	"dst-port":     "dst.port",
	"hostname-dst": "dst.hostname",
	"hostname-src": "src.hostname",
	"ip":           "ipv4",
	"ip-dst":       "dst.ipv4",
	"ip-src":       "src.ipv4",
	"mac-dst":      "dst.mac_addr",
	"mac-src":      "src.mac_addr",
	"src-ip":       "src.ipv4",
	"src-port":     "src.port",
}

// mispGalaxies are the sub-types of the objects that the clusters of a galaxy become, where the name of the galaxy is not one already.
var mispGalaxies = map[string]string{
	"mitre-attack-pattern":                     "attack_pattern",
	"mitre-course-of-action":                   "course_of_action",
	"mitre-enterprise-attack-attack-pattern":   "attack_pattern",
	"mitre-enterprise-attack-course-of-action": "course_of_action",
	"mitre-enterprise-attack-intrusion-set":    "intrusion_set",
	"mitre-enterprise-attack-malware":          "malware",
	"mitre-enterprise-attack-tool":             "tool",
	"mitre-intrusion-set":                      "intrusion_set",
	"mitre-malware":                            "malware",
	"mitre-tool":                               "tool",
}
