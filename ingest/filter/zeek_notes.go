package filter

import (
	"strings"

	"github.com/cybexp/cybexp/tahoe"
)

// This file has the logs of what Zeek concludes: notice, weird and software.

func (z *zeek) notice() []tahoe.Node {
	alert := z.object("alert", z.optional("signature", "note"), z.optional("description", "msg"), z.optional("detail", "sub"))
	nodes := []tahoe.Node{alert}
	if _, ok := z.get("id.orig_h"); !ok {
		nodes = append(nodes, z.object("src", z.ip("src")), z.object("dst", z.ip("dst"), z.optional("port", "p")))
	}
	return nodes
}

// weird is what is against the rules of a protocol.
func (z *zeek) weird() []tahoe.Node {
	return []tahoe.Node{z.object("anomaly", z.optional("name", "name"), z.optional("detail", "addl"))}
}

// software is what a host was seen to run.
func (z *zeek) software() []tahoe.Node {
	program := z.object("software", z.optional("name", "name"), z.textNode("version", "version.major", z.version()),
		z.optional("unparsed_version", "unparsed_version"))
	if program == nil {
		return nil
	}
	return []tahoe.Node{program, z.optional("software_type", "software_type"), z.object("host", z.ip("host"), z.optional("port", "host_p"))}
}

// version puts the parts of a version together as Zeek writes it in notices: 2.4.7-ubuntu.
func (z *zeek) version() string {
	var parts []string
	for _, field := range []string{"version.major", "version.minor", "version.minor2", "version.minor3"} {
		if part := z.text(field); part != "" {
			parts = append(parts, part)
		}
	}
	text := strings.Join(parts, ".")
	if addition := z.text("version.addl"); addition != "" && text != "" {
		text += "-" + addition
	}
	return text
}
