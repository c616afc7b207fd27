package filter

import (
	"bytes"
	"crypto/md5"  //nolint:gosec // files are known by it, nothing is proved with it
	"crypto/sha1" //nolint:gosec // likewise
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/mail"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cybexp/cybexp/tahoe"
)

// applyEmail maps a message as RFC 5322 has it: {"data": "…"}, or the text itself. With "encoding": "latin-1" each character is a byte.
func applyEmail(in Input) (Result, error) {
	message, ok := messageOf(in.Data)
	if !ok {
		return Result{}, fmt.Errorf("%w: neither text nor an object with the text as data", ErrFormat)
	}
	e := &email{}
	var rest []byte
	e.header, rest = e.split(message)
	if !e.isMail() {
		return Result{}, fmt.Errorf("%w: it has none of the headers of an e-mail", ErrFormat)
	}
	e.read(e.header, rest, 0)
	nodes := e.addresses()
	nodes = append(nodes, e.optionalHeader("subject", "subject"), e.optionalHeader("message_id", "message-id"), e.optionalHeader("x_mailer", "x-mailer"))
	body, found := e.contents()
	h := happening{"email", e.date(in), append(slices.Concat(nodes, found), body), tahoe.Unknown, nil}
	event := e.happen(in, "event", h)
	if event == nil && body != nil { // its quotes multiply
		e.problem("body", "is in the raw only")
		h.children = slices.Concat(nodes, found)
		event = e.happen(in, "event", h)
	}
	var result Result
	if event != nil {
		result.Events = []*tahoe.Event{event}
	}
	result.Problems = e.problems
	return result, nil
}

// messageOf gives the bytes of the message.
func messageOf(data tahoe.Value) ([]byte, bool) {
	if inner := unwrap(data); inner.Type() == tahoe.TypeObject {
		data = inner
	}
	encoding, _ := data.Get("encoding")
	if inner, ok := data.Get("data"); ok {
		data = inner
	}
	text, ok := data.Str()
	if !ok {
		return nil, false
	}
	if encoding.Text() != "latin-1" {
		return []byte(text), true
	}
	message := make([]byte, 0, len(text))
	for _, c := range text {
		if c > 0xff {
			return []byte(text), true // it is no Latin-1 after all
		}
		message = append(message, byte(c))
	}
	return message, true
}

// email is a message and what becomes of it.
type email struct {
	mailReader

	header header
}

// isMail asks for a header that no other text begins with.
func (e *email) isMail() bool {
	return slices.ContainsFunc(e.header, func(f headerField) bool {
		switch f.name {
		case "from", "to", "subject", "date", "received", "message-id", "return-path", "sender", "mime-version":
			return true
		}
		return false
	})
}

// once is a header that ought to stand once; the first counts.
func (e *email) once(name string) string {
	values := e.header.all(name)
	switch {
	case len(values) == 0:
		return ""
	case len(values) > 1:
		e.problem(name, "stands %d times, the first counts", len(values))
	}
	return values[0]
}

func (e *email) optionalHeader(subType, name string) tahoe.Node {
	return e.textNode(subType, name, e.words(name, e.once(name)))
}

// addresses makes src, dst, cc and reply_to, each address an object of its own, and what is known of the way that the message took.
func (e *email) addresses() []tahoe.Node {
	var nodes []tahoe.Node
	sender, relays := e.hops()
	from := e.people("from")
	if len(from) == 0 {
		from = e.people("sender")
	}
	if len(from) == 0 {
		if e.header.first("from") == "" {
			e.problem("from", "is missing")
		}
		from = []*mail.Address{{Name: strings.Trim(e.words("from", e.header.first("from")), "<>\" ")}}
	}
	for i, a := range from {
		parts := e.person("from", a)
		if i == 0 {
			parts = append(parts, sender...)
		}
		nodes = append(nodes, e.object("src", parts...))
	}
	for _, role := range []struct{ subType, header string }{
		{"dst", "to"},
		{"cc", "cc"},
		{"bcc", "bcc"},
		{"reply_to", "reply-to"},
		{"return_path", "return-path"},
	} {
		for _, a := range e.people(role.header) {
			nodes = append(nodes, e.object(role.subType, e.person(role.header, a)...))
		}
	}
	return append(nodes, relays...)
}

func (e *email) person(field string, a *mail.Address) []tahoe.Node {
	return []tahoe.Node{e.textNode("name", field, a.Name), e.textNode("email_addr", field, a.Address)}
}

// people reads all addresses of all headers of a name, also where they are not as they should be.
func (e *email) people(name string) []*mail.Address {
	var people []*mail.Address
	for _, value := range e.header.all(name) {
		parser := mail.AddressParser{WordDecoder: wordDecoder()}
		if list, err := parser.ParseList(value); err == nil {
			people = append(people, list...)
			continue
		}
		found := e.loosePeople(name, value)
		if len(found) == 0 && strings.Trim(value, "<> ") != "" && !strings.HasSuffix(value, ";") {
			e.problem(name, "%.60q has no address", value)
		}
		people = append(people, found...)
	}
	if len(people) > maxValues {
		e.problem(name, "has %d addresses, all but %d are in the raw only", len(people), maxValues)
		people = people[:maxValues]
	}
	return people
}

// loosePeople reads lists of addresses that are no lists of addresses.
func (e *email) loosePeople(field, value string) []*mail.Address {
	var people []*mail.Address
	start := 0
	for _, at := range looseAddress.FindAllStringIndex(value, maxValues) {
		name := strings.Trim(value[start:at[0]], " \t,;:<>\"'()")
		people = append(people, &mail.Address{Name: e.words(field, name), Address: value[at[0]:at[1]]})
		start = at[1]
	}
	return people
}

var looseAddress = regexp.MustCompile(`[^\s<>()\[\],;:"'@]+@[^\s<>(),;:"'@]+`)

// senderHeaders hold the address of who handed the message in, as different systems call it.
var senderHeaders = []string{
	"x-originating-ip", "x-sender-ip", "x-mailgun-sending-ip", "x-source-ip", "x-client-ip", "x-real-ip", "x-senderip", "x-sending-ip", "x-remote-ip",
	"x-sender-address-ip", "x-origin-ip", "x-php-originating-ip", "x-aol-ip", "x-apparently-from-ip", "x-sg-eid-ip",
}

var (
	clientIP   = regexp.MustCompile(`(?i)\b(?:client-ip=|sender ip is |CIP:)\[?([0-9a-f.:]+)`)
	receivedIP = regexp.MustCompile(`[\[( ](?:IPv6:)?([0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})[\]) ;,:]`)
)

// hops finds the addresses that the message passed. The sender's are those that a header names as such; where none does, it is the
// first public one that a relay has received it from. The relays are all public ones.
func (e *email) hops() (sender, relays []tahoe.Node) {
	seen := map[netip.Addr]bool{}
	for _, name := range senderHeaders {
		for _, value := range e.header.all(name) {
			if ip, ok := parseIP(strings.Trim(value, "[]<>() ")); ok && !seen[ip] {
				seen[ip] = true
				sender = append(sender, e.addr(name, ip))
			}
		}
	}
	for _, name := range []string{"received-spf", "authentication-results", "x-forefront-antispam-report"} {
		for _, value := range e.header.all(name) {
			for _, m := range clientIP.FindAllStringSubmatch(value, maxValues) {
				if ip, ok := parseIP(strings.TrimRight(m[1], ".:")); ok && isPublic(ip) && !seen[ip] {
					seen[ip] = true
					sender = append(sender, e.addr(name, ip))
				}
			}
		}
	}
	var first netip.Addr
	for _, value := range e.header.all("received") { // the latest stands first
		from, _, _ := strings.Cut(value, " by ")
		for _, m := range receivedIP.FindAllStringSubmatch(from+" ", maxValues) {
			ip, ok := parseIP(m[1])
			if !ok || !isPublic(ip) {
				continue
			}
			first = ip
			if len(relays) < maxValues {
				relays = append(relays, e.object("relay", e.addr("received", ip)))
			}
		}
	}
	if len(sender) == 0 && first.IsValid() {
		sender = append(sender, e.addr("received", first))
	}
	return sender, relays
}

func (e *email) addr(field string, ip netip.Addr) tahoe.Node {
	return e.host(field, ip.String())
}

func parseIP(text string) (netip.Addr, bool) {
	ip, err := netip.ParseAddr(text)
	return ip.Unmap().WithZone(""), err == nil
}

func isPublic(ip netip.Addr) bool { return ip.IsGlobalUnicast() && !ip.IsPrivate() }

// date is that of the message, or of its latest relay, or of its arrival.
func (e *email) date(in Input) float64 {
	value := e.once("date")
	t, err := parseMailDate(value)
	if err == nil {
		return unixSeconds(t)
	}
	if value == "" {
		e.problem("date", "is missing")
	} else {
		e.problem("date", "%.60q is no date", value)
	}
	for _, value := range e.header.all("received") {
		if t, err := parseMailDate(value[strings.LastIndexByte(value, ';')+1:]); err == nil {
			e.problem("date", "that of the latest relay stands in")
			return unixSeconds(t)
		}
	}
	e.problem("date", "the time of arrival stands in")
	return unixSeconds(in.Received)
}

// parseMailDate also reads dates with remarks behind them, without zone or with its name in words.
func parseMailDate(value string) (time.Time, error) {
	value = strings.TrimSpace(value)
	t, err := mail.ParseDate(value)
	for _, layout := range []string{
		"Mon, 2 Jan 2006 15:04:05", "Mon, 2 Jan 2006 15:04:05 MST", "2 Jan 2006 15:04:05", "Mon Jan _2 15:04:05 2006", "Mon Jan _2 15:04:05 MST 2006",
		time.RFC3339, "2006-01-02 15:04:05",
	} {
		if err == nil {
			break
		}
		t, err = time.Parse(layout, value)
	}
	if err == nil && (t.Year() < 1 || t.Year() > 9999) {
		err = fmt.Errorf("year %d", t.Year())
	}
	return t, err
}

// Bounds of what is made of a message; the raw has all.
const (
	maxBody   = 128 << 10 // bytes of the body
	maxValues = 500       // URLs, addresses and files, each
)

// contents makes the body, and links, addresses and files of the parts.
func (e *email) contents() (body tahoe.Node, nodes []tahoe.Node) {
	var plain, htm string
	found := &links{}
	for _, p := range e.parts {
		isText := p.mediaType == "text/plain" || p.mediaType == "text/html" || p.mediaType == "text/enriched"
		if !isText || p.attached || p.filename != "" {
			nodes = append(nodes, e.file(p))
		}
		if !isText || p.attached {
			continue
		}
		text := e.decode(p)
		if p.mediaType == "text/html" {
			found.html(text)
			if htm == "" {
				htm = text
			}
			continue
		}
		found.text(text)
		if strings.TrimSpace(plain) == "" {
			plain = text
		}
	}
	if strings.TrimSpace(plain) == "" {
		plain = htm
	}
	if len(plain) > maxBody {
		e.problem("body", "of %d bytes is in the raw only", len(plain))
		plain = ""
	}
	for _, url := range e.most("url", found.urls) {
		nodes = append(nodes, e.make("url", "body", tahoe.String(url)))
	}
	for _, addr := range e.most("email_addr", found.addrs) {
		nodes = append(nodes, e.make("email_addr", "body", tahoe.String(addr)))
	}
	return e.textNode("body", "body", plain), nodes
}

// most keeps the first of many.
func (e *email) most(field string, values []string) []string {
	if len(values) <= maxValues {
		return values
	}
	e.problem(field, "there are %d, all but %d are in the raw only", len(values), maxValues)
	return values[:maxValues]
}

// file makes an object of an attachment. One that is empty has nothing but its name.
func (e *email) file(p part) tahoe.Node {
	content := p.content
	if len(bytes.TrimSpace(content)) == 0 {
		return e.object("file", e.textNode("filename", "filename", baseName(p.filename)))
	}
	sum5, sum1, sum256 := md5.Sum(content), sha1.Sum(content), sha256.Sum256(content) //nolint:gosec // see above
	return e.object("file",
		e.textNode("filename", "filename", baseName(p.filename)),
		e.textNode("mime_type", "content-type", p.mediaType),
		e.make("size", "size", tahoe.Int(int64(len(content)))),
		e.make("md5", "content", tahoe.String(hex.EncodeToString(sum5[:]))),
		e.make("sha1", "content", tahoe.String(hex.EncodeToString(sum1[:]))),
		e.make("sha256", "content", tahoe.String(hex.EncodeToString(sum256[:]))))
}
