package filter

import (
	"fmt"
	"strings"

	"github.com/cybexp/cybexp/tahoe"
)

// applyCowrie maps one JSON object of the Cowrie SSH and Telnet honeypot: as such, as a string, or as the message of a Filebeat line.
// Everybody who talks to a honeypot is an attacker, so its events are malicious.
func applyCowrie(in Input) (Result, error) {
	l, err := openCowrie(in.Data)
	if err != nil {
		return Result{}, err
	}
	stamp, err := l.stamp("timestamp", in)
	if err != nil {
		return Result{}, err
	}
	session := l.session(stamp)
	event := l.event(in.OrgID, stamp)
	var result Result
	if session != nil {
		result.Sessions = []*tahoe.Session{session}
	}
	if event != nil {
		result.Events = []*tahoe.Event{event}
	}
	if session != nil && event != nil {
		session.AddEvent(event)
	}
	result.Problems = l.problems
	return result, nil
}

// cowrieLine is a line of Cowrie's log.
type cowrieLine struct {
	record
	eventid string
}

func openCowrie(data tahoe.Value) (*cowrieLine, error) {
	data = unwrap(data)
	if _, ok := data.Get("eventid"); !ok {
		if message, ok := data.Get("message"); ok {
			if inner := unwrap(message); inner.Type() == tahoe.TypeObject {
				data = inner
			}
		}
	}
	v, ok := data.Get("eventid")
	if !ok {
		return nil, fmt.Errorf("%w: no eventid", ErrFormat)
	}
	eventid, _ := v.Str()
	if !strings.HasPrefix(eventid, "cowrie.") {
		return nil, fmt.Errorf("%w: eventid %.60q is none of Cowrie's", ErrFormat, v.Text())
	}
	return &cowrieLine{record: record{fields: data}, eventid: eventid}, nil
}

// unwrap reads JSON that is wrapped in a string.
func unwrap(v tahoe.Value) tahoe.Value {
	text, ok := v.Str()
	if !ok {
		return v
	}
	inner, err := tahoe.ParseValue([]byte(text))
	if err != nil {
		return v
	}
	return inner
}

// session is the session of the line; nil if it names none.
func (l *cowrieLine) session(stamp float64) *tahoe.Session {
	id := l.optional("sessionid", "session")
	if id == nil {
		l.problem("session", "is missing or empty, the line belongs to no session")
		return nil
	}
	s, err := tahoe.NewSession("cowrie_session", present([]tahoe.Node{id, l.optional("sensor", "sensor")})...)
	if err != nil {
		l.problem("session", "%v", err)
		return nil
	}
	switch l.eventid {
	case "cowrie.session.connect":
		s.StartTime = &stamp
	case "cowrie.session.closed":
		s.EndTime = &stamp
		s.Duration = l.duration()
	}
	return s
}

func (l *cowrieLine) duration() *float64 {
	if d := l.seconds("duration"); d != nil {
		return d
	}
	d := l.seconds("duration_ms")
	if d != nil {
		*d /= 1000
	}
	return d
}

// event is the event of the line; nil for lines that only tell about their session.
func (l *cowrieLine) event(orgid string, stamp float64) *tahoe.Event {
	c := l.content()
	c.children = present(c.children)
	if len(c.children) == 0 {
		return nil
	}
	if ip := l.source(); ip != nil {
		attacker := l.object("attacker", ip)
		c.children = append(c.children, attacker)
		c.malicious = append(c.malicious, ip, attacker)
	}
	e, err := tahoe.NewEvent(c.subType, orgid, stamp, present(c.children)...)
	if err == nil {
		err = e.SetCategory(tahoe.Malicious)
	}
	if err == nil {
		err = e.SetContext(tahoe.Malicious, present(c.malicious)...)
	}
	if err != nil {
		l.problem("eventid", "%v", err)
		return nil
	}
	return e
}

// source is the attacker's address; nil if it is none.
func (l *cowrieLine) source() tahoe.Node {
	n := l.address("src_ip")
	if n != nil && n.SubType() != "ipv4" && n.SubType() != "ipv6" {
		l.problem("src_ip", "%.60q is no IP address", l.text("src_ip"))
		return nil
	}
	return n
}

// content is what an event holds besides the attacker, and what of that is malicious. Nodes may be nil.
type content struct {
	subType             string
	children, malicious []tahoe.Node
}

// content has no children for lines that only tell about their session.
func (l *cowrieLine) content() content {
	switch l.eventid {
	case "cowrie.login.success":
		return l.login(true)
	case "cowrie.login.failed":
		return l.login(false)
	case "cowrie.command.input":
		return l.command(nil)
	case "cowrie.command.success":
		return l.command(l.make("success", "eventid", tahoe.Bool(true)))
	case "cowrie.command.failed":
		return l.command(l.make("success", "eventid", tahoe.Bool(false)))
	case "cowrie.client.version":
		return l.clientVersion()
	case "cowrie.client.kex":
		return l.clientKeyExchange()
	case "cowrie.client.size":
		size := l.object("ssh_client_size", l.attribute("height", "height"), l.attribute("width", "width"))
		return content{"ssh", []tahoe.Node{size}, []tahoe.Node{size}}
	case "cowrie.client.var":
		return l.clientVariable()
	case "cowrie.client.fingerprint":
		return l.clientFingerprint()
	case "cowrie.client.malformed_packet":
		packet := l.object("ssh_malformed_packet",
			l.optional("message_number", "messagenum"), l.optional("size", "datalen"), l.optional("data", "data"))
		return content{"ssh", []tahoe.Node{packet}, []tahoe.Node{packet}}
	case "cowrie.direct-tcpip.request":
		return l.traffic(nil)
	case "cowrie.direct-tcpip.data":
		c := l.traffic(l.attribute("data", "data"))
		c.malicious = nil
		return c
	case "cowrie.direct-tcpip.ja4":
		return l.traffic(l.attribute("ja4", "ja4"))
	case "cowrie.direct-tcpip.ja4h":
		return l.traffic(l.attribute("ja4h", "ja4h"))
	case "cowrie.session.file_download":
		return l.download(true)
	case "cowrie.session.file_download.failed":
		return l.download(false)
	case "cowrie.session.file_upload":
		return l.upload()
	case "cowrie.session.connect", "cowrie.session.closed", "cowrie.session.params", "cowrie.log.open", "cowrie.log.closed":
		return content{}
	}
	l.problem("eventid", "unknown event %.60q, only its session is used", l.eventid)
	return content{}
}

func (l *cowrieLine) login(success bool) content {
	username := l.attribute("username", "username")
	var password, key tahoe.Node
	if l.text("fingerprint") != "" {
		key = l.publicKey()
	}
	if _, ok := l.fields.Get("password"); ok || key == nil {
		password = l.attribute("password", "password")
	}
	credential := l.object("credential", username, password)
	done := l.make("success", "eventid", tahoe.Bool(success))
	method := l.make("method", "protocol", tahoe.String(l.method()))
	return content{"login", []tahoe.Node{credential, key, done, method}, []tahoe.Node{credential, key}}
}

// method is how the attacker came in. Lines of old Cowries tell it only by the name of the system that wrote them.
func (l *cowrieLine) method() string {
	if l.text("protocol") == "telnet" || strings.Contains(l.text("system"), "Telnet") {
		return "telnet"
	}
	return "ssh"
}

func (l *cowrieLine) publicKey() tahoe.Node {
	return l.object("public_key",
		l.attribute("fingerprint", "fingerprint"), l.optional("key_type", "type"), l.optional("key", "key"))
}

func (l *cowrieLine) command(success tahoe.Node) content {
	command := l.attribute("shell_command", "input")
	if command == nil {
		return content{}
	}
	return content{"shell_command", []tahoe.Node{command, success}, []tahoe.Node{command}}
}

// clientVersion also has the key lists that Cowries of 2018 put beside the version.
func (l *cowrieLine) clientVersion() content {
	var version tahoe.Node
	if v, ok := l.need("version"); ok {
		version = l.make("ssh_version", "version", tahoe.String(unquote(v.Text())))
	}
	return content{subType: "ssh", children: []tahoe.Node{version, l.keyExchange(nil)}}
}

// unquote takes the quotes of Python's repr off, with which some Cowries write what the client sent: 'x' and b'x' become x.
func unquote(text string) string {
	for _, quote := range []string{"'", `"`} {
		bare := strings.TrimPrefix(text, "b")
		if len(bare) >= 2 && strings.HasPrefix(bare, quote) && strings.HasSuffix(bare, quote) {
			return bare[1 : len(bare)-1]
		}
	}
	return text
}

func (l *cowrieLine) clientKeyExchange() content {
	hassh := l.attribute("hassh", "hassh")
	return content{"ssh", []tahoe.Node{l.keyExchange(hassh)}, []tahoe.Node{hassh}}
}

// keyExchange lists the algorithms that the client offers.
func (l *cowrieLine) keyExchange(hassh tahoe.Node) tahoe.Node {
	offers := []tahoe.Node{hassh}
	for _, kind := range []struct{ subType, field string }{
		{"kex_algo", "kexAlgs"},
		{"pub_key_algo", "keyAlgs"},
		{"encr_algo", "encCS"},
		{"mac_algo", "macCS"},
		{"comp_algo", "compCS"},
	} {
		for _, name := range l.list(kind.field) {
			if name != "" {
				offers = append(offers, l.make(kind.subType, kind.field, tahoe.String(name)))
			}
		}
	}
	return l.object("ssh_key_exchange", offers...)
}

func (l *cowrieLine) clientVariable() content {
	if _, ok := l.need("name"); !ok {
		return content{}
	}
	env := l.make("ssh_client_env", "name", tahoe.String(l.text("name")+"="+l.text("value")))
	return content{"ssh", []tahoe.Node{env}, []tahoe.Node{env}}
}

func (l *cowrieLine) clientFingerprint() content {
	credential := l.object("credential", l.attribute("username", "username"))
	key := l.publicKey()
	return content{"ssh", []tahoe.Node{credential, key}, []tahoe.Node{credential, key}}
}

// traffic is a connection that the attacker asks for through the honeypot, with what else is known of it.
func (l *cowrieLine) traffic(detail tahoe.Node) content {
	dst := l.object("dst", l.address("dst_ip"), l.attribute("port", "dst_port"))
	if dst == nil && detail == nil {
		return content{}
	}
	protocol := l.make("protocol", "eventid", tahoe.String("TCP"))
	return content{"network_traffic", []tahoe.Node{dst, protocol, detail}, []tahoe.Node{detail}}
}

// download is a file that the attacker fetched; without a url one that he wrote by redirecting output or from standard input.
func (l *cowrieLine) download(success bool) content {
	var url tahoe.Node
	place := l.text("destfile")
	if text := strings.TrimSpace(l.text("url")); text != "" {
		url = l.make("url", "url", tahoe.String(text))
		place = text
	}
	var sum tahoe.Node
	if success {
		sum = l.optional("sha256", "shasum")
	}
	name := l.fileName(place)
	file := l.object("file", name, sum)
	if url == nil && file == nil {
		l.problem("url", "is missing, and so are destfile and shasum")
		return content{}
	}
	done := l.make("success", "eventid", tahoe.Bool(success))
	return content{"file_download", []tahoe.Node{url, file, done}, []tahoe.Node{url, name, sum, file}}
}

// fileName is the last part of a path or URL; nil if that is empty.
func (l *cowrieLine) fileName(path string) tahoe.Node {
	name := path[strings.LastIndexByte(path, '/')+1:]
	if strings.TrimSpace(name) == "" {
		return nil
	}
	return l.make("filename", "filename", tahoe.String(name))
}

func (l *cowrieLine) upload() content {
	name := l.optional("filename", "filename")
	if name == nil {
		name = l.fileName(l.text("destfile"))
	}
	sum := l.optional("sha256", "shasum")
	file := l.object("file", name, sum)
	if file == nil {
		l.problem("filename", "is missing, and so is shasum")
	}
	c := content{"file_upload", []tahoe.Node{file}, []tahoe.Node{name, sum, file}}
	if strings.HasPrefix(l.message(), "SFTP") {
		c.children = append(c.children, l.make("method", "message", tahoe.String("SFTP")), l.optional("output_file_path", "outfile"))
	}
	return c
}

// message is the line's text for people, which some Cowries write as a list.
func (l *cowrieLine) message() string {
	v, _ := l.fields.Get("message")
	s, _ := v.Str()
	return s
}
