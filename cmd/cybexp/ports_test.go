package main

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/web"
)

// portOf is the port of an address.
func portOf(t *testing.T, at net.Addr) string {
	t.Helper()
	_, port, err := net.SplitHostPort(at.String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// TestDoctorTriesPortsOfSyslog keeps sources whose ports are free, taken by others, wanted by two, or of no concern.
func TestDoctorTriesPortsOfSyslog(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	taken := portOf(t, udp.LocalAddr())
	for _, c := range []struct {
		name, host string
		sources    []string // NAME KIND LISTEN
		want       []string // STATUS and what is told, by line
	}{
		{"no source", "", nil, []string{"ok free"}},
		{"not asked for", "", []string{"one syslog tcp:" + portOf(t, tcp.Addr())}, []string{"warn nobody listens to syslog for one", "ok free"}},
		{"taken", "127.0.0.1", []string{"one syslog tls:" + portOf(t, tcp.Addr()), "two syslog udp:" + taken},
			[]string{"fail source one: listen tcp 127.0.0.1:", "fail source two: listen udp 127.0.0.1:" + taken}},
		{"other protocol, other kind", "127.0.0.1", []string{"one syslog udp:" + portOf(t, tcp.Addr()), "two file udp:" + taken, "off syslog udp:" + taken}, []string{"ok free"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			err := withBus(t, filepath.Join(dir, "data"), func(p *platform) {
				p.dgraphOffset, p.sources.listen = "auto", c.host
				keepSources(t, p, c.sources)
				wantFindings(t, p, c.want)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	udp.Close()
	err = withBus(t, filepath.Join(t.TempDir(), "data"), func(p *platform) {
		p.dgraphOffset, p.sources.listen = "auto", "127.0.0.1"
		keepSources(t, p, []string{"one syslog udp:" + taken, "two syslog udp:" + taken})
		wantFindings(t, p, []string{"fail source two: listen udp 127.0.0.1:" + taken})
		for range 2 {
			keepSources(t, p, []string{"two file -"})
			wantFindings(t, p, []string{"ok free"}) // all are let go of
		}
	})
	if err != nil {
		t.Error(err)
	}
}

func keepSources(t *testing.T, p *platform, sources []string) {
	t.Helper()
	kv, err := p.bus.KV(t.Context(), bus.KVConfig{Bucket: "sources"})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sources {
		f := strings.Fields(s)
		text := fmt.Sprintf(`{"name":%q,"kind":%q,"listen":%q,"enabled":%t}`, f[0], f[1], f[2], f[0] != "off")
		if _, err := kv.Put(t.Context(), "source."+f[0], []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
}

func wantFindings(t *testing.T, p *platform, want []string) {
	t.Helper()
	var f findings
	if err := p.checkPorts(t.Context(), &f); err != nil {
		t.Fatal(err)
	}
	told := make([]string, len(f))
	for i, one := range f {
		told[i] = string(one.Status) + " " + one.Text
		if one.Status != web.OK && one.Advice == "" {
			t.Errorf("no advice: %v", one)
		}
	}
	for i := range max(len(told), len(want)) {
		if i >= len(told) || i >= len(want) || !strings.HasPrefix(told[i], want[i]) {
			t.Errorf("told %q, want %q", told, want)
			return
		}
	}
}
