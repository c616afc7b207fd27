// Package source brings in data from places that offer it all the time: it fetches feeds, MISP servers and TAXII collections when their
// time has come, follows files, listens for syslog and to websockets, and hands everything to the same intake as uploads. What people
// say of a source, how far it has come and who runs it is kept in a store, so that any number of processes may run sources: each source
// is run by one of them, and by another when that one dies.
//
// A position moves on only when the intake has acknowledged what lies before it, so that nothing is lost and some may come twice, which
// the hashes of the graph make harmless. Syslog and websockets cannot be asked again: what came and was not acknowledged is lost with
// its process.
//
// It does not ask who may have a source.
//
//	s, err := source.New(source.Config{Store: sources, Leases: leases, Intake: lake, Keys: keys})
//	src, err := s.Add(ctx, source.Source{Name: "urlhaus", Kind: source.HTTP, Org: org, Typetag: "csv", Enabled: true, Settings: …}, "")
//	err = s.Run(ctx)
//
// Names of files: spec.go and check.go say what a source is, store.go and state.go keep it, run.go and lease.go run it, outlet.go and
// pump.go hand on what it brings, guard.go and request.go are how servers are reached; the others are the kinds.
package source

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"time"

	"github.com/cybexp/cybexp/tahoe"
)

// Intake takes in what sources bring. When Accept returns without an error, all of body is where nothing is lost. If body breaks off,
// what came before may have been taken in.
type Intake interface {
	Accept(ctx context.Context, u Upload, body io.Reader) (Receipt, error)
}

// Upload says what an Intake is given.
type Upload struct {
	Name, Typetag, Timezone string
	Org, User               tahoe.Hash
	Marking                 tahoe.Marking
}

// Receipt tells what an Intake took.
type Receipt struct {
	Records  int
	Rejected int // records that were too long
	Bytes    int64
}

// Config is what a Service needs; DefaultConfig has the rest. One that does not Run needs no Intake and no private key.
type Config struct {
	Store  Store
	Leases Store // forgets a key LeaseTTL after it was last written
	Intake Intake
	Keys   Keys // for secrets
	Logger *slog.Logger
	Holder string           // names this process to people; made up if empty
	Agent  string           // what servers are told of who asks
	Now    func() time.Time // nil is time.Now

	// What sources may reach, which those who add them cannot say.
	PrivateNets bool   // addresses that are not public
	Files       string // the folder that kind file may read; empty for none
	Listen      string // the host that kind syslog may listen on; empty for none

	TLS *tls.Config // of kind syslog over TLS; nil for none

	LeaseTTL   time.Duration                    // after which the sources of a process that died go to others
	Look       time.Duration                    // between looks for sources to run
	MinPeriod  time.Duration                    // of sources that are looked at
	BatchDelay time.Duration                    // how long records of kinds that send by themselves wait for others
	Rotation   time.Duration                    // how long a file is followed after it was moved away or last grew
	Stall      time.Duration                    // after which a server that sends nothing is given up
	Backoff    func(failures int) time.Duration // nil is Backoff with chance
}

// DefaultConfig works for a laptop and for a server. It lets sources reach what is public, and nothing here.
func DefaultConfig() Config {
	return Config{
		Agent: "cybexp", LeaseTTL: 16 * time.Second, Look: 2 * time.Second, MinPeriod: time.Second, BatchDelay: 5 * time.Second,
		Rotation: 30 * time.Second, Stall: time.Minute,
		Backoff: func(failures int) time.Duration { return Backoff(failures, mathrand.Float64()) },
	}
}

// Keys seal the secrets of sources, and open them where sources run.
type Keys interface {
	Seal(plain []byte) ([]byte, error)
	Open(sealed []byte) ([]byte, error)
	CanOpen() bool
}

// Validate tells what is wrong with c.
func (c Config) Validate() error {
	switch {
	case c.Store == nil || c.Leases == nil:
		return errors.New("source: no store")
	case c.Keys == nil:
		return errors.New("source: no keys")
	case c.LeaseTTL < 0 || c.Look < 0 || c.MinPeriod < 0 || c.BatchDelay < 0 || c.Rotation < 0 || c.Stall < 0:
		return errors.New("source: a length of time is negative")
	}
	return nil
}

// Service keeps sources and runs them. It is safe for concurrent use.
type Service struct {
	Config

	client *http.Client
}

// New makes a Service. What c leaves at zero is as in DefaultConfig.
func New(c Config) (*Service, error) {
	d := DefaultConfig()
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	c.Holder, c.Agent = cmp.Or(c.Holder, rand.Text()[:8]), cmp.Or(c.Agent, d.Agent)
	c.LeaseTTL, c.Look, c.MinPeriod = cmp.Or(c.LeaseTTL, d.LeaseTTL), cmp.Or(c.Look, d.Look), cmp.Or(c.MinPeriod, d.MinPeriod)
	c.BatchDelay, c.Rotation, c.Stall = cmp.Or(c.BatchDelay, d.BatchDelay), cmp.Or(c.Rotation, d.Rotation), cmp.Or(c.Stall, d.Stall)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Backoff == nil {
		c.Backoff = d.Backoff
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s := &Service{Config: c}
	s.client = s.newClient()
	return s, nil
}

// canRun tells what is missing for Run.
func (s *Service) canRun() error {
	if s.Intake == nil || !s.Keys.CanOpen() {
		return fmt.Errorf("run sources: %w", errors.New("an intake and the private key are needed"))
	}
	return nil
}
