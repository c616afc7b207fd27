package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"strings"

	"github.com/cybexp/cybexp/graph/dgraphd"
	"github.com/cybexp/cybexp/ingest"
)

// wanted is a port that a platform is to have.
type wanted struct{ whose, network, address, advice string }

// checkPorts looks whether a platform that does not run could have the ports that it is to have. Dgraph runs on others meanwhile.
func (p *platform) checkPorts(ctx context.Context, f *findings) error {
	offset, err := parseOffset(p.dgraphOffset)
	if err != nil {
		return err
	}
	p.dgraphOffset = "auto"
	const advice = "`ss -ltunp` tells which program has it: end that one, or choose another with "
	list := []wanted{{"", "tcp", p.listen, advice + "--listen"}, {"", "tcp", p.admin, advice + "--admin"}}
	list = append(list, p.syslogPorts(ctx, f)...)
	free := true
	var held []io.Closer // until all were tried: two may want the same
	defer func() {
		for _, l := range held {
			_ = l.Close()
		}
	}()
	for _, w := range list {
		if w.address == "" {
			continue
		}
		taken, err := listen(ctx, w.network, w.address)
		if err != nil {
			free = false
			if errors.Is(err, fs.ErrPermission) {
				w.advice = "a port below 1024 needs the capability CAP_NET_BIND_SERVICE: choose a higher one"
			}
			f.fail("ports", w.advice, "%s%v", w.whose, err)
			continue
		}
		held = append(held, taken)
	}
	if offset != dgraphd.AutoOffset {
		if err := dgraphd.FreePorts(offset); err != nil {
			free = false
			f.fail("ports", advice+"--dgraph-offset", "dgraph: %v", err)
		}
	}
	if free {
		f.ok("ports", "free")
	}
	return nil
}

// syslogPorts are those of the sources that listen for syslog.
func (p *platform) syslogPorts(ctx context.Context, f *findings) (list []wanted) {
	sources, err := ingest.SourceListeners(ctx, p.bus)
	if err != nil {
		f.fail("sources", "look whether the data folder can be read", "%v", err)
		return nil
	}
	if len(sources) > 0 && p.sources.listen == "" {
		var names []string
		for _, s := range sources {
			names = append(names, printable(s.Name))
		}
		f.warn("sources", "name the host with --sources-listen, for `cybexp up` too", "nobody listens to syslog for %s", strings.Join(names, ", "))
		return nil
	}
	for i := range sources {
		network, address := sources[i].Address(p.sources.listen)
		list = append(list, wanted{
			whose: "source " + printable(sources[i].Name) + ": ", network: network, address: address,
			advice: "`ss -ltunp` tells which program has it: end that one, or remove the source and add it with another port",
		})
	}
	return list
}

// listen takes a port, tcp or udp.
func listen(ctx context.Context, network, address string) (io.Closer, error) {
	var lc net.ListenConfig
	if network == "udp" {
		return lc.ListenPacket(ctx, network, address)
	}
	return lc.Listen(ctx, network, address)
}
