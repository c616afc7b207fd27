package graph_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cybexp/cybexp/tahoe"
)

// generator makes records in the shape of honeypot data: a few addresses, ports and URLs are in very many events, most in one or
// two; three or four objects and five or six attributes an event, one raw an event, one session every five events.
type generator struct {
	tb               testing.TB
	rng              *rand.Rand
	ips, ports, urls *rand.Zipf
	orgs             []string
	n                int
}

func newGenerator(tb testing.TB, seed uint64) *generator {
	rng := rand.New(rand.NewPCG(seed, 7))
	g := &generator{
		tb: tb, rng: rng,
		ips: rand.NewZipf(rng, 1.2, 8, 60_000), ports: rand.NewZipf(rng, 1.4, 1, 2_000), urls: rand.NewZipf(rng, 1.15, 10, 30_000),
	}
	for i := range 5 {
		g.orgs = append(g.orgs, tahoe.OrgHash(fmt.Sprintf("org%d", i)).String())
	}
	return g
}

func (g *generator) records(n int) []tahoe.Record {
	list := make([]tahoe.Record, n)
	for i := range list {
		list[i] = g.record()
	}
	return list
}

func (g *generator) record() tahoe.Record {
	g.n++
	org, at := g.orgs[g.rng.IntN(len(g.orgs))], 1.6e9+float64(g.rng.IntN(365*86400))+float64(g.n%8)/8
	src := g.object("src", g.ip(), g.attribute("port", tahoe.Int(int64(1024+g.rng.IntN(60_000)))))
	dst := g.object("dst", g.ip(), g.attribute("port", tahoe.Int(int64(g.ports.Uint64()))))
	url := g.object("url", g.attribute("url", tahoe.String(fmt.Sprintf("http://host%d.example/%d", g.urls.Uint64(), g.urls.Uint64()%50))))
	children := []tahoe.Node{src, dst, url}
	if g.n%2 == 0 {
		children = append(children, g.object("file", g.attribute("filename", tahoe.String(fmt.Sprintf("f%d.exe", g.urls.Uint64())))))
	}
	e, err := tahoe.NewEvent("network_traffic", org, at, children...)
	g.check(err)
	g.check(e.SetCategory([]tahoe.Category{tahoe.Unknown, tahoe.Malicious, tahoe.Benign}[g.n%3]))
	if g.n%3 == 1 {
		g.check(e.SetContext(tahoe.Malicious, src.Refs()...))
		g.check(e.SetContext(tahoe.Benign, dst))
	}
	raw, err := tahoe.NewRaw("cowrie", tahoe.Map(map[string]tahoe.Value{"n": tahoe.Int(int64(g.n)), "r": tahoe.Int(g.rng.Int64())}), org, "UTC")
	g.check(err)
	return tahoe.Record{Raw: raw, State: tahoe.Mapped, Events: []*tahoe.Event{e}, Sessions: []*tahoe.Session{g.inSession(e)}}
}

// inSession puts the event into a session of its own, which has the identity of the other sessions of five events.
func (g *generator) inSession(e *tahoe.Event) *tahoe.Session {
	s, err := tahoe.NewSession("cowrie_session", g.attribute("sessionid", tahoe.String(fmt.Sprintf("s%d", g.n/5))))
	g.check(err)
	s.AddEvent(e)
	switch at := e.Timestamp(); g.n % 5 {
	case 0:
		s.StartTime = &at
	case 4:
		s.EndTime = &at
	}
	return s
}

func (g *generator) ip() *tahoe.Attribute {
	n := g.ips.Uint64()
	return g.attribute("ipv4", tahoe.String(fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255)))
}

func (g *generator) attribute(subType string, v tahoe.Value) *tahoe.Attribute {
	a, err := tahoe.NewAttribute(subType, v)
	g.check(err)
	return a
}

func (g *generator) object(subType string, children ...tahoe.Node) *tahoe.Object {
	o, err := tahoe.NewObject(subType, children...)
	g.check(err)
	return o
}

func (g *generator) check(err error) {
	if err != nil {
		g.tb.Helper()
		g.tb.Fatal(err)
	}
}
