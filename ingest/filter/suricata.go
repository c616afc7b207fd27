package filter

import (
	"fmt"
	"strings"

	"github.com/cybexp/cybexp/tahoe"
)

// applySuricata maps one JSON object of Suricata's eve.json: as such, as a string, or as the message of a Filebeat line. What is
// counted only, such as bytes and packets, stays in the raw: as values of their own, small numbers would join what has nothing in common.
func applySuricata(in Input) (Result, error) {
	data := unwrapMessage(in.Data, "event_type")
	if _, ok := data.Get("event_type"); !ok {
		return Result{}, fmt.Errorf("%w: no event_type", ErrFormat)
	}
	s := &suricata{record{fields: data}}
	stamp, err := s.stamp("timestamp", in)
	if err != nil {
		return Result{}, err
	}
	event := s.happen(in, "event_type", s.happening(stamp))
	return s.sensed(event, "suricata_session", s.flow()...), nil
}

// unwrapMessage looks for the record with the field in data itself, in a string, and in the message of a Filebeat line.
func unwrapMessage(data tahoe.Value, field string) tahoe.Value {
	data = unwrap(data)
	if _, ok := data.Get(field); ok {
		return data
	}
	for _, wrapper := range []string{"message", "data"} {
		if message, ok := data.Get(wrapper); ok {
			if inner := unwrap(message); inner.Type() == tahoe.TypeObject {
				return inner
			}
		}
	}
	return data
}

type suricata struct{ record }

// flow identifies the flow that the record is part of.
func (s *suricata) flow() []tahoe.Node {
	id := s.optional("sessionid", "flow_id")
	if id == nil {
		return nil
	}
	return []tahoe.Node{id, s.optional("sensor", "host")}
}

// happening has no children for records that are kept only.
func (s *suricata) happening(stamp float64) happening {
	kind := s.text("event_type")
	ends := []tahoe.Node{s.endpoint("src", "src_ip", "src_port"), s.endpoint("dst", "dest_ip", "dest_port"), s.protocol("proto")}
	f := happening{subType: kind}
	switch kind {
	case "alert":
		f = s.alert()
	case "flow", "netflow":
		f.subType, f.children = "network_traffic", []tahoe.Node{s.service("app_proto")}
	case "dns":
		f.children = s.dns("dns")
	case "http", "http2":
		f.subType, f.children = "http", s.http()
	case "tls":
		f.children = s.tls()
	case "fileinfo":
		f.subType, f.children = "file_transfer", append(s.http(), s.file("fileinfo"))
	case "ssh":
		f.children = []tahoe.Node{s.sshEnd("client"), s.sshEnd("server")}
	case "smtp":
		f.subType, f.children = "email", s.smtp()
	case "dhcp":
		f.children = []tahoe.Node{s.lease()}
	case "anomaly":
		f.children = s.anomaly()
	default:
		s.problem("event_type", "%.60q is not mapped, the record is kept", kind)
		return happening{}
	}
	if len(present(f.children)) == 0 && f.subType != "network_traffic" {
		return happening{}
	}
	f.stamp, f.children = stamp, append(f.children, ends...)
	if f.category == "" {
		f.category = tahoe.Unknown
	}
	return f
}

// service is the protocol above the transport, where Suricata knows it.
func (r *record) service(field string) tahoe.Node {
	if name := r.text(field); name != "failed" {
		return r.textNode("service", field, name)
	}
	return nil
}

// alert is malicious where the rule's severity is 1 or 2; others tell of habits and faults. Which end is the attacker only some rules say.
func (s *suricata) alert() happening {
	rule := s.object("alert",
		s.optional("signature", "alert.signature"), s.optional("signature_id", "alert.signature_id"), s.optional("category", "alert.category"),
		s.optional("severity", "alert.severity"), s.optional("action", "alert.action"))
	f := happening{subType: "alert", children: []tahoe.Node{rule, s.service("app_proto")}}
	if v, ok := s.scalar("alert.severity"); ok {
		if n, isInt := v.Int(); isInt && (n == 1 || n == 2) {
			f.category = tahoe.Malicious
			f.context = []tahoe.Node{rule}
		}
	}
	if attacker := s.ip("alert.source.ip"); attacker != nil && f.category == tahoe.Malicious {
		object := s.object("attacker", attacker)
		f.children = append(f.children, object)
		f.context = append(f.context, attacker, object)
	}
	if rule == nil {
		return happening{subType: "alert"}
	}
	f.children = append(f.children, s.http()...)
	f.children = append(f.children, s.tls()...)
	f.children = append(f.children, s.dns("dns")...)
	for _, part := range s.elements("dns.query") {
		f.children = append(f.children, part.dns("")...)
		s.problems = append(s.problems, part.problems...)
	}
	for _, part := range s.elements("files") {
		f.children = append(f.children, part.file(""))
		s.problems = append(s.problems, part.problems...)
	}
	return f
}

// anomaly is what is against the rules of a protocol.
func (s *suricata) anomaly() []tahoe.Node {
	name := s.optional("name", "anomaly.event")
	if name == nil {
		return nil
	}
	return []tahoe.Node{s.object("anomaly", name, s.optional("layer", "anomaly.layer")), s.service("anomaly.app_proto")}
}

// elements are the objects of a list, each to be read by itself.
func (s *suricata) elements(field string) []*suricata {
	v, _ := s.get(field)
	var parts []*suricata
	for _, e := range v.Elements() {
		if e.Type() == tahoe.TypeObject {
			parts = append(parts, &suricata{record{fields: e}})
		}
	}
	return parts
}

// dns reads all forms that Suricata has had: one record flat, answers in a list, and questions in a list too.
func (s *suricata) dns(place string) []tahoe.Node {
	path := func(field string) string {
		if place == "" {
			return field
		}
		return place + "." + field
	}
	name, kind, data := s.text(path("rrname")), s.text(path("rrtype")), s.text(path("rdata"))
	var nodes []tahoe.Node
	if data != "" {
		nodes = append(nodes, s.answer(path("rdata"), name, kind, data))
	} else if name != "" {
		nodes = append(nodes, s.question(path("rrname"), name, kind))
	}
	for _, q := range s.elements(path("queries")) {
		nodes = append(nodes, s.question(path("queries"), q.text("rrname"), q.text("rrtype")))
	}
	for _, a := range s.elements(path("answers")) {
		if a.text("rdata") != "" {
			nodes = append(nodes, s.answer(path("answers"), a.text("rrname"), a.text("rrtype"), a.text("rdata")))
		}
	}
	if len(nodes) > 0 {
		nodes = append(nodes, s.textNode("rcode", path("rcode"), s.text(path("rcode"))))
	}
	return nodes
}

func (s *suricata) http() []tahoe.Node {
	if _, ok := s.get("http"); !ok {
		return nil
	}
	host := s.text("http.hostname")
	port := s.text("dest_port")
	if p := s.text("http.http_port"); p != "" {
		port = p
	} else if s.text("event_type") == "fileinfo" {
		port = "" // the file may go either way
	}
	return []tahoe.Node{
		s.textNode("url", "http.url", webURL("http", host, port, s.text("http.url"))),
		s.host("http.hostname", bareHost(host)),
		s.optional("method", "http.http_method"), s.optional("status", "http.status"),
		s.optional("user_agent", "http.http_user_agent"), s.object("referrer", s.optional("url", "http.http_refer")),
	}
}

func (s *suricata) tls() []tahoe.Node {
	if _, ok := s.get("tls"); !ok {
		return nil
	}
	return []tahoe.Node{
		s.host("tls.sni", s.text("tls.sni")),
		s.optional("tls_version", "tls.version"),
		s.optional("ja3", "tls.ja3.hash"), s.optional("ja3s", "tls.ja3s.hash"), s.optional("ja4", "tls.ja4"),
		s.object("certificate", s.optional("subject", "tls.subject"), s.optional("issuer", "tls.issuerdn"),
			s.optional("serial_number", "tls.serial"),
			s.textNode("sha1", "tls.fingerprint", strings.ReplaceAll(s.text("tls.fingerprint"), ":", ""))),
	}
}

func (s *suricata) file(place string) tahoe.Node {
	if place != "" {
		place += "."
	}
	return s.object("file", s.textNode("filename", place+"filename", baseName(s.text(place+"filename"))), s.optional("md5", place+"md5"),
		s.optional("sha1", place+"sha1"), s.optional("sha256", place+"sha256"))
}

// baseName is the last part of a path of either kind.
func baseName(path string) string { return path[strings.LastIndexAny(path, `/\`)+1:] }

func (s *suricata) sshEnd(end string) tahoe.Node {
	version := s.text("ssh." + end + ".software_version")
	if proto := s.text("ssh." + end + ".proto_version"); proto != "" && version != "" {
		version = "SSH-" + proto + "-" + version
	}
	return s.object(end, s.textNode("ssh_version", "ssh."+end+".software_version", version), s.optional("hassh", "ssh."+end+".hassh.hash"))
}

// smtp makes parts of an e-mail of what a sensor saw of it. The headers count, and the envelope where they are missing.
func (s *suricata) smtp() []tahoe.Node {
	from, to := s.text("email.from"), s.list("email.to")
	if from == "" {
		from = s.text("smtp.mail_from")
	}
	if len(to) == 0 {
		to = s.list("smtp.rcpt_to")
	}
	nodes := []tahoe.Node{s.mailbox("sender", "email.from", from), s.optional("subject", "email.subject"), s.optional("helo", "smtp.helo")}
	for _, addr := range to {
		nodes = append(nodes, s.mailbox("recipient", "email.to", addr))
	}
	for _, name := range s.list("email.attachment") {
		nodes = append(nodes, s.object("file", s.textNode("filename", "email.attachment", name)))
	}
	return append(nodes, s.each("url", "email.url")...)
}

// lease is who got which address.
func (s *suricata) lease() tahoe.Node {
	address := s.text("dhcp.assigned_ip")
	var ip tahoe.Node
	if address != "" && address != "0.0.0.0" {
		ip = s.ip("dhcp.assigned_ip")
	}
	return s.object("host", ip, s.optional("mac_addr", "dhcp.client_mac"), s.optional("hostname", "dhcp.hostname"))
}
