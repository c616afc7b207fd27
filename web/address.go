package web

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// address is where a request came from: its connection's other end, or, behind proxies of ours, what the outermost of them saw.
func (s *Server) address(c echo.Context) netip.Addr {
	return clientAddress(c.Request().RemoteAddr, c.Request().Header.Values(echo.HeaderXForwardedFor), s.cfg.Proxies)
}

// clientAddress goes back along X-Forwarded-For for as long as a proxy of ours wrote it; what is before that anybody can have written.
func clientAddress(remote string, forwarded []string, proxies []netip.Prefix) netip.Addr {
	end, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	from := end.Addr().Unmap()
	hops := strings.Split(strings.Join(forwarded, ","), ",")
	for i := len(hops) - 1; i >= 0 && ours(from, proxies); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		from = hop.Unmap()
	}
	return from
}

func ours(a netip.Addr, proxies []netip.Prefix) bool {
	return slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// secure tells whether the caller's connection is encrypted: here, or at a proxy of ours that says so.
func (s *Server) secure(c echo.Context) bool {
	if c.Request().TLS != nil {
		return true
	}
	end, err := netip.ParseAddrPort(c.Request().RemoteAddr)
	return err == nil && ours(end.Addr().Unmap(), s.cfg.Proxies) && c.Request().Header.Get(echo.HeaderXForwardedProto) == "https"
}
