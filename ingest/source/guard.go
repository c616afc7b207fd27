package source

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// errPrivate is an address that a source may not reach.
var errPrivate = errors.New("the address is not public: --sources-private of the server allows such")

// notPublic are the networks, beyond those that netip knows, that nobody offers feeds in: shared, special or for documentation (RFC
// 6890), or with an IPv4 address inside that was not looked at (RFC 3056, 4380, 6052).
func notPublic() []netip.Prefix {
	var nets []netip.Prefix
	for _, text := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "240.0.0.0/4", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16",
		"::/96", "fec0::/10", "5f00::/16",
	} {
		nets = append(nets, netip.MustParsePrefix(text))
	}
	return nets
}

// public tells whether an address is one of the internet's.
func public(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return false
	}
	for _, n := range notPublic() {
		if n.Contains(addr) {
			return false
		}
	}
	return true
}

// guard looks at every address that is dialled, after names were resolved, so that no name, redirect or second answer of a resolver
// leads to where sources may not go.
func (s *Service) guard(_ context.Context, network, address string, _ syscall.RawConn) error {
	if s.PrivateNets {
		return nil
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil || network != "tcp4" && network != "tcp6" || !public(to.Addr()) {
		return errPrivate
	}
	return nil
}

// dial reaches a server for a source.
func (s *Service) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: 15 * time.Second, ControlContext: s.guard}
	return d.DialContext(ctx, network, address)
}

// newClient makes the client for all sources. It takes no proxy of the environment, behind which nothing could be guarded.
func (s *Service) newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            s.dial,
			ForceAttemptHTTP2:      true,
			TLSHandshakeTimeout:    15 * time.Second,
			ResponseHeaderTimeout:  s.Stall,
			MaxIdleConnsPerHost:    2,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: 64 << 10,
			DisableCompression:     true, // see decompress
		},
		CheckRedirect: checkRedirect,
	}
}

// withSecret marks the context of a request whose headers must not go to another host.
type withSecret struct{}

func checkRedirect(req *http.Request, via []*http.Request) error {
	last := via[len(via)-1].URL
	req.Header.Del("Referer") // may hold a secret
	switch {
	case len(via) > 5:
		return errors.New("the server redirects without end")
	case req.URL.Scheme != "https" && (req.URL.Scheme != "http" || last.Scheme == "https"):
		return fmt.Errorf("the server redirects to %.10q, which is not followed", req.URL.Scheme)
	case req.Context().Value(withSecret{}) != nil && req.URL.Host != last.Host:
		return errors.New("the server redirects to another host, which must not get the secret")
	}
	return nil
}
