package filter

import (
	"strings"

	"github.com/cybexp/cybexp/indicator"
	"github.com/cybexp/cybexp/spelling"
	"github.com/cybexp/cybexp/tahoe"
)

// This file has what the filters of network sensors share, so that one packet seen by two sensors gives the same parts.

// ip makes ipv4 or ipv6 of a field that may be missing.
func (r *record) ip(field string) tahoe.Node {
	text := strings.TrimSpace(r.text(field))
	if text == "" {
		return nil
	}
	subType, text := indicator.Address(text)
	if subType != "ipv4" && subType != "ipv6" {
		r.problem(field, "%.60q is no IP address", text)
		return nil
	}
	return r.make(subType, field, tahoe.String(text))
}

// endpoint is one end of a connection: src or dst.
func (r *record) endpoint(role, ipField, portField string) tahoe.Node {
	return r.object(role, r.ip(ipField), r.optional("port", portField))
}

// host makes ipv4, ipv6 or domain of text; nil for none.
func (r *record) host(field, text string) tahoe.Node {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil
	}
	subType, text := indicator.Address(text)
	if subType == "url" {
		subType = "domain"
	}
	return r.make(subType, field, tahoe.String(text))
}

// textNode makes an attribute of text; nil for none.
func (r *record) textNode(subType, field, text string) tahoe.Node {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	return r.make(subType, field, tahoe.String(text))
}

// protocol is the transport protocol, in capitals as Suricata and Cowrie have it.
func (r *record) protocol(field string) tahoe.Node {
	return r.textNode("protocol", field, strings.ToUpper(r.text(field)))
}

// each makes an attribute of each element of a list.
func (r *record) each(subType, field string) []tahoe.Node {
	var nodes []tahoe.Node
	for _, text := range r.list(field) {
		nodes = append(nodes, r.textNode(subType, field, text))
	}
	return nodes
}

// mailbox makes an object of an e-mail address as envelopes and headers have it: "Name <a@b>", <a@b> or a@b.
func (r *record) mailbox(role, field, text string) tahoe.Node {
	name, addr := splitMailbox(text)
	return r.object(role, r.textNode("name", field, name), r.textNode("email_addr", field, addr))
}

// splitMailbox parts the name from the address.
func splitMailbox(text string) (name, addr string) {
	text = strings.TrimSpace(text)
	open, end := strings.LastIndexByte(text, '<'), strings.LastIndexByte(text, '>')
	if open < 0 || end < open {
		return "", text
	}
	return strings.Trim(strings.TrimSpace(text[:open]), `"`), strings.TrimSpace(text[open+1 : end])
}

// webURL is the address of a request that was sent to host and port.
func webURL(scheme, host, port, path string) string {
	if strings.Contains(path, "://") {
		return path // sent to a proxy
	}
	if host == "" {
		return ""
	}
	if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") && strings.Count(host, ":") > 1 {
		host = "[" + host + "]"
	}
	if _, has := spelling.CutPort(host); has == "" && port != "" && port != "80" {
		host += ":" + port
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return scheme + "://" + host + path
}

// bareHost is a host without its port and brackets.
func bareHost(host string) string {
	if strings.HasPrefix(host, "[") || strings.Count(host, ":") == 1 {
		host, _ = spelling.CutPort(host)
	}
	return strings.Trim(host, "[]")
}

// question is what DNS was asked.
func (r *record) question(field, name, kind string) tahoe.Node {
	return r.object("question", r.textNode("domain", field, name), r.textNode("record_type", field, strings.ToUpper(kind)))
}

// answer is what DNS said of a name: an address, another name, or text.
func (r *record) answer(field, name, kind, data string) tahoe.Node {
	var value tahoe.Node
	switch subType, _ := indicator.Address(strings.TrimSpace(data)); {
	case subType == "ipv4" || subType == "ipv6":
		value = r.host(field, data)
	case kind == "CNAME" || kind == "NS" || kind == "PTR" || kind == "":
		value = r.host(field, data)
	default:
		value = r.textNode("data", field, data)
	}
	return r.object("answer", r.textNode("domain", field, name), r.textNode("record_type", field, strings.ToUpper(kind)), value)
}

// sensed is the result of a record that gave one event, in the session that id names.
func (r *record) sensed(event *tahoe.Event, sessionType string, id ...tahoe.Node) Result {
	result := Result{}
	if event != nil {
		result.Events = []*tahoe.Event{event}
		if id = present(id); len(id) > 0 {
			s, err := tahoe.NewSession(sessionType, id...)
			if err != nil {
				r.problem(sessionType, "%v", err)
			} else {
				s.AddEvent(event)
				result.Sessions = []*tahoe.Session{s}
			}
		}
	}
	if event == nil && len(r.problems) == 0 {
		r.problem("record", "holds nothing that is used, it is kept")
	}
	result.Problems = r.problems
	return result
}
