package filter

import (
	"fmt"
	"strings"

	"github.com/cybexp/cybexp/indicator"
	"github.com/cybexp/cybexp/tahoe"
)

// applyZeek maps one record of a Zeek log, as an object with the names that the log gives its fields. Lines of logs with tabs come as
// such objects too: whoever cuts the log up has seen its header. What is counted only stays in the raw, as with Suricata.
func applyZeek(in Input) (Result, error) {
	data := unwrapMessage(in.Data, "ts")
	if data.Type() != tahoe.TypeObject {
		return Result{}, fmt.Errorf("%w: it is of type %s and no object", ErrFormat, data.Type())
	}
	z := &zeek{record{fields: data}}
	log := z.log()
	if log == "" {
		return Result{}, fmt.Errorf("%w: neither _path nor the fields tell which log it is of", ErrFormat)
	}
	parts := z.parts(log)
	if len(present(parts.children)) == 0 {
		return z.sensed(nil, ""), nil
	}
	stamp, err := z.time(in)
	if err != nil {
		return Result{}, err
	}
	parts.stamp, parts.category = stamp, tahoe.Unknown
	return z.sensed(z.happen(in, log, parts), "zeek_session", z.optional("sessionid", "uid")), nil
}

type zeek struct{ record }

// time reads unix seconds, ISO 8601, and the milliseconds that some ask Zeek for.
func (z *zeek) time(in Input) (float64, error) {
	stamp, err := z.stamp("ts", in)
	if stamp > 1e11 {
		stamp /= 1000
	}
	return stamp, err
}

// log names the log: by its path, or by a field that only it has.
func (z *zeek) log() string {
	if path := z.text("_path"); path != "" {
		return path
	}
	for _, mark := range []struct{ field, log string }{
		{"conn_state", "conn"},
		{"qtype_name", "dns"},
		{"trans_id", "dns"},
		{"note", "notice"},
		{"certificate.serial", "x509"},
		{"cipher", "ssl"},
		{"auth_attempts", "ssh"},
		{"trans_depth", "http or smtp"},
		{"fuid", "files"},
		{"msg_types", "dhcp"},
		{"reply_code", "ftp"},
		{"unparsed_version", "software"},
	} {
		if _, ok := z.get(mark.field); !ok {
			continue
		}
		if mark.log != "http or smtp" {
			return mark.log
		}
		if _, mail := z.get("helo"); mail {
			return "smtp"
		}
		return "http"
	}
	return ""
}

// parts has no children for records that are kept only.
func (z *zeek) parts(log string) happening {
	h := happening{subType: log}
	switch log {
	case "conn":
		h.subType, h.children = "network_traffic", []tahoe.Node{z.endpoint("dst", "id.resp_h", "id.resp_p")}
	case "dns":
		h.children = z.dns()
	case "http":
		h.children = z.http()
	case "ssl":
		h.subType, h.children = "tls", z.tls()
	case "ssh":
		h.children = z.ssh()
	case "smtp":
		h.subType, h.children = "email", z.smtp()
	case "ftp":
		h.children = z.ftp()
	case "notice":
		h.subType, h.children = "alert", z.notice()
	case "weird":
		h.subType, h.children = "anomaly", z.weird()
	case "software":
		return happening{subType: log, children: z.software()}
	case "files":
		return happening{subType: "file_transfer", children: z.file()}
	case "x509":
		return happening{subType: "certificate", children: z.certificate()}
	case "dhcp":
		return happening{subType: log, children: z.lease()}
	default:
		z.problem("_path", "the log %.60q is not mapped, the record is kept", log)
		return happening{}
	}
	if len(present(h.children)) == 0 {
		return happening{}
	}
	h.children = append(h.children, z.endpoint("src", "id.orig_h", "id.orig_p"), z.endpoint("dst", "id.resp_h", "id.resp_p"), z.protocol("proto"),
		z.service("service"))
	return h
}

func (z *zeek) dns() []tahoe.Node {
	name, kind := z.text("query"), z.text("qtype_name")
	if name == "" {
		return nil
	}
	nodes := []tahoe.Node{z.question("query", name, kind), z.optional("rcode", "rcode_name")}
	for _, data := range z.list("answers") {
		nodes = append(nodes, z.answer("answers", name, answerKind(kind, data), data))
	}
	return nodes
}

// answerKind is the type of an answer, which Zeek does not log: a name that answers the question for an address is an alias.
func answerKind(kind, data string) string {
	switch subType, _ := indicator.Address(data); {
	case subType == "ipv4":
		return "A"
	case subType == "ipv6":
		return "AAAA"
	case kind == "A" || kind == "AAAA":
		return "CNAME"
	}
	return kind
}

func (z *zeek) http() []tahoe.Node {
	host := z.text("host")
	url := webURL("http", host, z.text("id.resp_p"), z.text("uri"))
	if z.text("method") == "CONNECT" {
		url = ""
	}
	credential := z.object("credential", z.optional("username", "username"), z.optional("password", "password"))
	nodes := []tahoe.Node{
		z.textNode("url", "uri", url), z.host("host", bareHost(host)),
		z.optional("method", "method"), z.optional("status", "status_code"),
		z.optional("user_agent", "user_agent"), z.object("referrer", z.optional("url", "referrer")),
		credential,
	}
	for _, field := range []string{"orig_filenames", "resp_filenames"} {
		for _, name := range z.list(field) {
			nodes = append(nodes, z.object("file", z.textNode("filename", field, baseName(name))))
		}
	}
	return nodes
}

func (z *zeek) tls() []tahoe.Node {
	certificate := []tahoe.Node{z.optional("subject", "subject"), z.optional("issuer", "issuer")}
	nodes := []tahoe.Node{
		z.host("server_name", z.text("server_name")), z.optional("tls_version", "version"), z.optional("cipher", "cipher"),
		z.optional("ja3", "ja3"), z.optional("ja3s", "ja3s"), z.object("certificate", certificate...),
	}
	for _, field := range []string{"cert_chain_fps", "client_cert_chain_fps"} {
		for _, sum := range z.list(field) {
			nodes = append(nodes, z.object("certificate", z.fingerprint(field, sum)))
		}
	}
	return nodes
}

// fingerprint is the hash over a certificate, of which Zeek can be told to use another function.
func (z *zeek) fingerprint(field, sum string) tahoe.Node {
	subType, ok := indicator.HashKind(sum)
	if !ok {
		return nil
	}
	return z.textNode(subType, field, sum)
}

func (z *zeek) ssh() []tahoe.Node {
	nodes := []tahoe.Node{
		z.object("client", z.optional("ssh_version", "client"), z.optional("hassh", "hassh")),
		z.object("server", z.optional("ssh_version", "server"), z.optional("hassh", "hasshServer"), z.optional("fingerprint", "host_key")),
	}
	if len(present(nodes)) > 0 {
		nodes = append(nodes, z.optional("success", "auth_success"))
	}
	return nodes
}

// smtp makes parts of an e-mail of what Zeek saw of it. The headers count, and the envelope where they are missing.
func (z *zeek) smtp() []tahoe.Node {
	from, to := z.text("from"), z.list("to")
	if from == "" {
		from = z.text("mailfrom")
	}
	if len(to) == 0 {
		to = z.list("rcptto")
	}
	nodes := []tahoe.Node{
		z.mailbox("sender", "from", from), z.mailbox("reply_to", "reply_to", z.text("reply_to")),
		z.optional("subject", "subject"), z.optional("message_id", "msg_id"), z.optional("helo", "helo"), z.optional("x_mailer", "user_agent"),
		z.object("origin", z.ip("x_originating_ip")),
	}
	for _, addr := range append(to, z.list("cc")...) {
		nodes = append(nodes, z.mailbox("recipient", "to", addr))
	}
	return nodes
}

func (z *zeek) ftp() []tahoe.Node {
	return []tahoe.Node{
		z.object("credential", z.optional("username", "user"), z.optional("password", "password")),
		z.object("command", z.optional("name", "command"), z.optional("argument", "arg")),
	}
}

// file is a file that went over the wire. Certificates are told of in x509.log.
func (z *zeek) file() []tahoe.Node {
	file := z.object("file", z.textNode("filename", "filename", baseName(z.text("filename"))), z.optional("md5", "md5"),
		z.optional("sha1", "sha1"), z.optional("sha256", "sha256"))
	if file == nil {
		z.problem("filename", "is missing, and so are the hashes, the record is kept")
		return nil
	}
	nodes := []tahoe.Node{file, z.optional("mime_type", "mime_type"), z.service("source")}
	for role, fields := range map[string][2]string{"src": {"tx_hosts", "id.orig_h"}, "dst": {"rx_hosts", "id.resp_h"}} {
		hosts := z.list(fields[0])
		if len(hosts) == 0 {
			nodes = append(nodes, z.object(role, z.ip(fields[1]))) // newer Zeeks name the connection instead
		}
		for _, host := range hosts {
			nodes = append(nodes, z.object(role, z.host(fields[0], host)))
		}
	}
	return nodes
}

func (z *zeek) certificate() []tahoe.Node {
	var sum tahoe.Node
	if text := z.text("fingerprint"); text != "" {
		sum = z.fingerprint("fingerprint", text)
	}
	nodes := []tahoe.Node{z.object("certificate", sum, z.optional("subject", "certificate.subject"), z.optional("issuer", "certificate.issuer"),
		z.optional("serial_number", "certificate.serial"))}
	for _, name := range z.list("san.dns") {
		nodes = append(nodes, z.host("san.dns", name))
	}
	for _, addr := range z.list("san.ip") {
		nodes = append(nodes, z.host("san.ip", addr))
	}
	return append(append(nodes, z.each("email_addr", "san.email")...), z.each("url", "san.uri")...)
}

func (z *zeek) lease() []tahoe.Node {
	ip := z.ip("assigned_addr")
	if ip == nil {
		ip = z.ip("client_addr")
	}
	host := z.object("host", ip, z.optional("mac_addr", "mac"), z.optional("hostname", "host_name"))
	return []tahoe.Node{host, z.object("server", z.ip("server_addr"))}
}

// zeekScalar reads a cell of a log with tabs as JSON would have it.
func zeekScalar(kind, text string) tahoe.Value {
	switch kind {
	case "bool":
		switch text {
		case "T":
			return tahoe.Bool(true)
		case "F":
			return tahoe.Bool(false)
		}
	case "count", "int", "port", "double", "time", "interval":
		if v, err := tahoe.ParseValue([]byte(text)); err == nil && (v.Type() == tahoe.TypeInt || v.Type() == tahoe.TypeFloat) {
			return v
		}
	}
	return tahoe.String(text)
}

// ZeekHeader is what the lines with # at the beginning of a log with tabs say of the lines that follow. The zero value is that of a
// log that has said nothing yet.
type ZeekHeader struct {
	separator, set, empty, unset string
	path                         string
	fields, types                []string
}

// Directive reads a line that begins with #.
func (h *ZeekHeader) Directive(line string) {
	if text, ok := strings.CutPrefix(line, "#separator "); ok {
		*h = ZeekHeader{separator: unescapeZeek(text)}
		return
	}
	if h.separator == "" {
		h.separator = "\t"
	}
	name, value, _ := strings.Cut(line, h.separator)
	switch name {
	case "#set_separator":
		h.set = unescapeZeek(value)
	case "#empty_field":
		h.empty = value
	case "#unset_field":
		h.unset = value
	case "#path":
		h.path = value
	case "#fields":
		h.fields = strings.Split(value, h.separator)
	case "#types":
		h.types = strings.Split(value, h.separator)
	}
}

// Row is a line under the header as the object that Zeek would have written as JSON; false where the header has not named the fields,
// or the line has not as many.
func (h *ZeekHeader) Row(line string) (tahoe.Value, bool) {
	cells := strings.Split(line, h.separator)
	if len(h.fields) == 0 || len(cells) != len(h.fields) {
		return tahoe.Null(), false
	}
	fields := make(map[string]tahoe.Value, len(cells)+1)
	if h.path != "" {
		fields["_path"] = tahoe.String(h.path)
	}
	for i, cell := range cells {
		if cell == h.unset {
			continue
		}
		kind := "string"
		if i < len(h.types) {
			kind = h.types[i]
		}
		fields[h.fields[i]] = h.value(kind, cell)
	}
	return tahoe.Map(fields), true
}

func (h *ZeekHeader) value(kind, cell string) tahoe.Value {
	_, inner, isList := strings.Cut(kind, "[")
	if !isList {
		if cell == h.empty {
			cell = ""
		}
		return zeekScalar(kind, unescapeZeek(cell))
	}
	if cell == h.empty || h.set == "" {
		return tahoe.Array()
	}
	var elements []tahoe.Value
	for part := range strings.SplitSeq(cell, h.set) {
		elements = append(elements, zeekScalar(strings.TrimSuffix(inner, "]"), unescapeZeek(part)))
	}
	return tahoe.Array(elements...)
}

// unescapeZeek reads \x09 and \\ as Zeek writes them.
func unescapeZeek(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		rest := text[i:]
		var b byte
		if n, err := fmt.Sscanf(rest[:min(len(rest), 4)], `\x%02x`, &b); n == 1 && err == nil && len(rest) >= 4 {
			out.WriteByte(b)
			i += 3
			continue
		}
		if strings.HasPrefix(rest, `\\`) {
			i++
		}
		out.WriteByte(text[i])
	}
	return out.String()
}
