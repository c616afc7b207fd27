package source_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/ingest/source"
)

func TestOnlyTheInternetIsPublic(t *testing.T) {
	for text, want := range map[string]bool{
		"1.1.1.1": true, "8.8.8.8": true, "2606:4700:4700::1111": true, "172.32.0.1": true, "::ffff:1.1.1.1": true,
		"127.0.0.1": false, "::1": false, "0.0.0.0": false, "::": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false,
		"169.254.169.254": false, "100.64.0.1": false, "fe80::1": false, "fe80::1%eth0": false, "fd00::1": false, "224.0.0.1": false, "ff02::1": false,
		"255.255.255.255": false, "198.18.0.1": false, "240.0.0.1": false, "0.1.2.3": false,
		"::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::127.0.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "2001:0:1::": false,
		"fec0::1": false,
	} {
		if got := source.Public(netip.MustParseAddr(text)); got != want {
			t.Errorf("public(%s) = %v, want %v", text, got, want)
		}
	}
}

// TestPrivateAddressesNeedLeave tries addresses and names of this machine, with every kind that dials.
func TestPrivateAddressesNeedLeave(t *testing.T) {
	r := newRig(t)
	asked := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the server was reached") })
	_, port, _ := strings.Cut(strings.TrimPrefix(asked, "http://"), ":")
	s := r.service(func(c *source.Config) { c.PrivateNets = false })
	var all []source.Source
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "127.1"} {
		for kind, scheme := range map[source.Kind]string{source.HTTP: "http", source.MISP: "http", source.TAXII: "https", source.WebSocket: "ws"} {
			all = append(all, r.add(s, source.Source{
				Name: host + string(kind), Kind: kind, Settings: source.Settings{URL: scheme + "://" + host + ":" + port + "/"},
			}, ""))
		}
	}
	r.start(s.Run)
	for _, src := range all {
		eventually(t, src.Name+" is refused", func() bool { return r.status(s, src).Failures > 0 })
		if got := r.status(s, src).Error; !strings.Contains(got, "not public") && !strings.Contains(got, "no such host") {
			t.Errorf("%s: %s", src.Name, got)
		}
	}
}

func TestRedirectsAreGuarded(t *testing.T) {
	var reached bool
	other := serve(t, func(http.ResponseWriter, *http.Request) { reached = true })
	for name, c := range map[string]struct{ to, secret, want string }{
		"to a file":                   {"file:///etc/passwd", "", "not followed"},
		"to gopher":                   {"gopher://127.0.0.1/", "", "not followed"},
		"to itself":                   {"/", "", "without end"},
		"elsewhere, with the secret":  {other, "key", "must not get the secret"},
		"elsewhere, by another name ": {strings.Replace(other, "127.0.0.1", "localhost", 1), "key", "must not get the secret"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			s := r.service()
			src := r.add(s, httpSource(serve(t, func(w http.ResponseWriter, q *http.Request) {
				if q.Header.Get("Referer") != "" {
					t.Error("a redirected request tells where it comes from")
				}
				w.Header().Set("Location", c.to)
				w.WriteHeader(http.StatusFound)
			})), c.secret)
			r.start(s.Run)
			eventually(t, "the reason", func() bool { return strings.Contains(r.status(s, src).Error, c.want) })
		})
	}
	if reached {
		t.Error("the other server was reached")
	}
}

// TestRedirectsAreFollowed goes where a server without our secret says, which is on another port and so another host.
func TestRedirectsAreFollowed(t *testing.T) {
	r := newRig(t)
	there := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "one") })
	s := r.service()
	r.add(s, httpSource(serve(t, func(w http.ResponseWriter, q *http.Request) { http.Redirect(w, q, there, http.StatusMovedPermanently) })), "")
	r.start(s.Run)
	r.await("one")
}
