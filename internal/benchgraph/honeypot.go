package benchgraph

import (
	"bufio"
	"fmt"
	"math/rand/v2"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/tahoe"
)

// Honeypot makes records in the shape of honeypot data, the same ones for the same seed: a few addresses, ports and URLs are in very
// many events, most in one or two; three or four objects and seven or eight attributes an event, one raw an event, one session every
// five events. It is not for concurrent use.
type Honeypot struct {
	rng              *rand.Rand
	ips, ports, urls *rand.Zipf
	n                int
}

// NewHoneypot returns a Honeypot that has made nothing.
func NewHoneypot(seed uint64) *Honeypot {
	rng := rand.New(rand.NewPCG(seed, 7))
	return &Honeypot{
		rng: rng, ips: rand.NewZipf(rng, 1.2, 8, 60_000), ports: rand.NewZipf(rng, 1.4, 1, 2_000), urls: rand.NewZipf(rng, 1.15, 10, 30_000),
	}
}

// HoneypotOrgs are the organisations that the events are of.
var HoneypotOrgs = [...]string{"org0", "org1", "org2", "org3", "org4"}

// HoneypotGraph is the graph of so many events; 160,000 of them make a million vertices.
func HoneypotGraph(events int) Recipe {
	return Recipe{
		Name: fmt.Sprintf("honeypot-%d-v1", events),
		Make: func(w *bufio.Writer) error {
			g := NewHoneypot(uint64(events))
			for left := events; left > 0; left -= 1000 {
				if _, err := graph.RDF(w, g.Records(min(left, 1000))); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// Records makes the next n records.
func (g *Honeypot) Records(n int) []tahoe.Record {
	list := make([]tahoe.Record, n)
	for i := range list {
		list[i] = g.record()
	}
	return list
}

func (g *Honeypot) record() tahoe.Record {
	g.n++
	org, at := HoneypotOrgs[g.rng.IntN(len(HoneypotOrgs))], 1.6e9+float64(g.rng.IntN(365*86400))+float64(g.n%8)/8
	orgid := tahoe.OrgHash(org).String()
	src := object("src", g.ip(), attribute("port", tahoe.Int(int64(1024+g.rng.IntN(60_000)))))
	dst := object("dst", g.ip(), attribute("port", tahoe.Int(int64(g.ports.Uint64()))))
	url := object("url", attribute("url", tahoe.String(fmt.Sprintf("http://host%d.example/%d", g.urls.Uint64(), g.urls.Uint64()%50))))
	children := []tahoe.Node{src, dst, url}
	if g.n%2 == 0 {
		children = append(children, object("file", attribute("filename", tahoe.String(fmt.Sprintf("f%d.exe", g.urls.Uint64())))))
	}
	e := must(tahoe.NewEvent("network_traffic", orgid, at, children...))
	must(0, e.SetCategory([]tahoe.Category{tahoe.Unknown, tahoe.Malicious, tahoe.Benign}[g.n%3]))
	if g.n%3 == 1 {
		must(0, e.SetContext(tahoe.Malicious, src.Refs()...))
		must(0, e.SetContext(tahoe.Benign, dst))
	}
	raw := must(tahoe.NewRaw("cowrie", tahoe.Map(map[string]tahoe.Value{"n": tahoe.Int(int64(g.n)), "r": tahoe.Int(g.rng.Int64())}), orgid, "UTC"))
	return tahoe.Record{Raw: raw, State: tahoe.Mapped, Events: []*tahoe.Event{e}, Sessions: []*tahoe.Session{g.inSession(e)}}
}

// inSession puts the event into a session of its own, which has the identity of the other sessions of five events.
func (g *Honeypot) inSession(e *tahoe.Event) *tahoe.Session {
	s := must(tahoe.NewSession("cowrie_session", attribute("sessionid", tahoe.String(fmt.Sprintf("s%d", g.n/5)))))
	s.AddEvent(e)
	switch at := e.Timestamp(); g.n % 5 {
	case 0:
		s.StartTime = &at
	case 4:
		s.EndTime = &at
	}
	return s
}

func (g *Honeypot) ip() *tahoe.Attribute {
	n := g.ips.Uint64()
	return attribute("ipv4", tahoe.String(fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255)))
}

func attribute(subType string, v tahoe.Value) *tahoe.Attribute {
	return must(tahoe.NewAttribute(subType, v))
}

func object(subType string, children ...tahoe.Node) *tahoe.Object {
	return must(tahoe.NewObject(subType, children...))
}

// must is for values that are known to be good.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
