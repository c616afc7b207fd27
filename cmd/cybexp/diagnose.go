package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cybexp/cybexp"
	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/certs"
	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/web"
)

// dgraphVersion is the Dgraph that the Makefile builds, and that all tests ran with.
const dgraphVersion = "v25.4.0"

// Where a diagnosis begins to worry.
const (
	sampled     = 100 // events whose hashes are checked
	clockSlack  = time.Minute
	answerTime  = 5 * time.Second
	renewBefore = 14 * 24 * time.Hour // the end of a certificate, or in the last fifth of its life when that is shorter
)

// findings gathers what is found.
type findings []web.Finding

func (f *findings) ok(check, format string, args ...any) {
	*f = append(*f, web.Finding{Check: check, Status: web.OK, Text: fmt.Sprintf(format, args...)})
}

func (f *findings) warn(check, advice, format string, args ...any) {
	*f = append(*f, web.Finding{Check: check, Status: web.Warn, Text: fmt.Sprintf(format, args...), Advice: advice})
}

func (f *findings) fail(check, advice, format string, args ...any) {
	*f = append(*f, web.Finding{Check: check, Status: web.Fail, Text: fmt.Sprintf(format, args...), Advice: advice})
}

// diagnose checks all that the process has opened. What it cannot ask, it tells as failed.
func (p *platform) diagnose(ctx context.Context) []web.Finding {
	var f findings
	f.ok("version", "cybexp %s", version)
	p.checkDisk(&f)
	p.checkKeys(&f)
	p.checkCertificates(&f)
	p.checkNATS(&f)
	p.checkBus(ctx, &f)
	p.checkLayout(ctx, &f)
	p.checkGraph(ctx, &f)
	return f
}

func (p *platform) checkDisk(f *findings) {
	free, known, err := p.bus.Free()
	least := uint64(max(p.minFree, 0)) << 20
	if least == 0 {
		least = ingest.DefaultConfig().MinFree
	}
	const advice = "free some, or move the data folder to a larger disk; --retain removes old events"
	switch {
	case err != nil:
		f.fail("disk", "look whether the data folder can be read", "%v", err)
	case !known:
		f.ok("disk", "the bus is a server of its own: watch its disk and Dgraph's")
	case free < least:
		f.fail("disk", advice, "%s free: uploads are refused below %s", byteText(int64(free)), byteText(int64(least))) //nolint:gosec // no disk has so much
	case ingest.Tight(free, least):
		f.warn("disk", advice, "%s free", byteText(int64(free))) //nolint:gosec // no disk has so much
	default:
		f.ok("disk", "%s free", byteText(int64(free))) //nolint:gosec // no disk has so much
	}
}

// checkKeys looks whether the keys are there, fit each other, and are nobody else's to read.
func (p *platform) checkKeys(f *findings) {
	dir := filepath.Join(p.data, "keys")
	if !isDir(dir) {
		f.fail("keys", "name the platform's data folder with --data; if the keys are lost, restore a backup", "there is no %s", dir)
		return
	}
	if open := openToOthers(p.data); len(open) > 0 {
		f.fail("keys", "chmod go= "+strings.Join(open, " "), "others can read %s", strings.Join(open, ", "))
	}
	keys, err := ingest.LoadOrCreateKeys(dir)
	if err != nil {
		f.fail("keys", "restore the keys from a backup", "%v", err)
		return
	}
	sealed, err := keys.Seal([]byte("doctor"))
	if err == nil && keys.CanOpen() {
		_, err = keys.Open(sealed)
	}
	switch {
	case err != nil:
		f.fail("keys", "restore the keys from a backup", "what is sealed cannot be opened: %v", err)
	case !keys.CanOpen():
		f.ok("keys", "only public ones: this process seals, and ingest opens elsewhere")
	default:
		f.ok("keys", "what is sealed can be opened")
	}
}

// openToOthers lists the secrets that somebody but their owner can read.
func openToOthers(data string) (open []string) {
	names, _ := filepath.Glob(filepath.Join(data, "keys", "priv*.pem")) // the pattern is a good one
	for _, name := range append(names, filepath.Join(data, tokenKeyFile), filepath.Join(data, adminTokenFile)) {
		info, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			open = append(open, name)
		}
	}
	return open
}

// checkCertificates looks at each file once. The alert CybexpCertificateEnds warns at the same time.
func (p *platform) checkCertificates(f *findings) {
	seen := map[string]bool{}
	for _, c := range p.certificates() {
		path := c.path
		if seen[path] {
			continue
		}
		seen[path] = true
		begin, end, err := certs.Life(path)
		if err != nil {
			f.fail("certificates", "what was read before is used until the process ends: put a whole file there", "%v", err)
			continue
		}
		f.life(path, "renew it in its place: no restart is needed", begin, end)
	}
}

// checkNATS asks each NATS for its certificate: one that was not told of a renewal goes on with what it had, until nobody can connect.
func (p *platform) checkNATS(f *findings) {
	const advice = "renew it, and have that NATS read it: nats-server --signal reload"
	cfg, err := p.busConfig()
	if err != nil || cfg.TLS == nil {
		return // openBus has told what is wrong
	}
	for server := range strings.SplitSeq(p.nats, ",") {
		cfg.URL = server
		c, err := cfg.Certificate()
		switch invalid := (x509.CertificateInvalidError{}); {
		case err == nil:
			f.life("that of "+server, advice, c.NotBefore, c.NotAfter)
		case errors.As(err, &invalid):
			f.fail("certificates", advice, "%s: %v", server, err)
		default:
			f.warn("bus", "look whether it runs, and at its log", "%s: %v", server, err)
		}
	}
}

// life tells how long a certificate is valid yet.
func (f *findings) life(what, advice string, begin, end time.Time) {
	switch left := time.Until(end); {
	case left < 0 || time.Until(begin) > 0:
		f.fail("certificates", advice, "%s is valid from %s to %s only", what, begin.UTC().Format(time.RFC3339), end.UTC().Format(time.RFC3339))
	case left < min(renewBefore, end.Sub(begin)/5):
		f.warn("certificates", advice, "%s ends at %s", what, end.UTC().Format(time.RFC3339))
	default:
		f.ok("certificates", "%s is valid until %s", what, end.UTC().Format(time.RFC3339))
	}
}

// checkBus looks at what waits, what was given up, and whether the clock went back since something was written.
func (p *platform) checkBus(ctx context.Context, f *findings) {
	streams, err := p.bus.Stored(ctx)
	if err != nil {
		f.fail("bus", "look whether NATS runs, and at its log", "%v", err)
		return
	}
	f.ok("bus", "%d streams and buckets", len(streams))
	now, newest := time.Now(), time.Time{}
	for _, s := range streams {
		if s.Newest.After(newest) {
			newest = s.Newest
		}
		switch s.Name {
		case "lake":
			checkBacklog(s, now, f)
		case "lake-dead":
			checkDead(s, f)
		}
	}
	if ahead := newest.Sub(now); ahead > clockSlack {
		f.fail("clock", "set this machine's clock, and have it kept by NTP", "it is %s behind what was written already", ahead.Round(time.Second))
		return
	}
	f.ok("clock", "%s, and nothing was written later", now.UTC().Format(time.RFC3339))
}

// checkLayout tells whether what is beside the graph is of this version. A newer one was refused before.
func (p *platform) checkLayout(ctx context.Context, f *findings) {
	folder, errFolder := p.folderLayout().Check(ctx)
	bus, errBus := p.busLayout().Check(ctx)
	switch err := errors.Join(errFolder, errBus); {
	case err != nil:
		f.fail("layout", "see the message", "%v", err)
	case min(folder, bus) < layoutVersion:
		f.warn("layout", "start the platform: it brings them up to date", "the data folder has version %d, the bus %d, this cybexp %d", folder, bus, layoutVersion)
	default:
		f.ok("layout", "version %d", layoutVersion)
	}
}

func checkBacklog(lake bus.Stored, now time.Time, f *findings) {
	if lake.Messages == 0 {
		f.ok("backlog", "nothing waits")
		return
	}
	text := fmt.Sprintf("%d chunks wait, %s, the oldest for %s", lake.Messages, byteText(int64(lake.Bytes)), now.Sub(lake.Oldest).Round(time.Second)) //nolint:gosec // no disk has so much
	if ingest.Late(lake.Oldest, now) {
		f.warn("backlog", "look whether ingest runs, and at its log; a second `cybexp ingest` works beside the first", "%s", text)
		return
	}
	f.ok("backlog", "%s", text)
}

func checkDead(dead bus.Stored, f *findings) {
	if dead.Messages == 0 {
		f.ok("dead letters", "none")
		return
	}
	f.warn("dead letters", "`cybexp ingest dead list` says why; retry or delete them there", "%d", dead.Messages)
}

func (p *platform) checkGraph(ctx context.Context, f *findings) {
	server, err := p.store.ServerVersion(ctx)
	switch {
	case err != nil:
		f.fail("dgraph", "look whether Dgraph runs, and at its log", "%v", err)
		return
	case server != dgraphVersion:
		f.warn("dgraph", "use the one that `make build` makes: older ones let a report see what comes later", "version %s, tested is %s", server, dgraphVersion)
	default:
		f.ok("dgraph", "%s", server)
	}
	answer, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	if err := p.store.Ready(answer); err != nil {
		f.fail("dgraph", "look whether its zero runs, and at the logs of both", "it runs and answers no query: %v", err)
		return
	}
	if !p.checkSchema(ctx, f) {
		return
	}
	c, err := p.store.Check(ctx, sampled)
	const advice = "restore a backup, or send the raw data again into an empty platform; tell us"
	switch {
	case err != nil:
		f.fail("graph", "look at Dgraph's log", "%v", err)
	case len(c.Wrong) > 0:
		f.fail("graph", advice, "%d of %d events are not what their hash says, such as %s", len(c.Wrong), c.Events, c.Wrong[0])
	case c.Dangling > 0:
		f.fail("graph", advice, "%d edges of %d events lead nowhere", c.Dangling, c.Events)
	case c.Orphans > 0:
		f.warn("graph", "they do no harm, and are counted only by who asks for them alone; a kill of Dgraph may have left them", "nothing holds %d attributes and objects of a sample", c.Orphans)
	default:
		f.ok("graph", "%d events are what their hashes say, and no edge leads nowhere", c.Events)
	}
}

// checkSchema tells whether this version can read the graph.
func (p *platform) checkSchema(ctx context.Context, f *findings) bool {
	v, err := p.store.Version(ctx)
	ours := graph.SchemaVersion(cybexp.Schema)
	switch {
	case err != nil:
		f.fail("schema", "look at Dgraph's log", "%v", err)
	case v.Schema == 0:
		f.ok("schema", "the graph is empty")
	case max(v.Schema, v.Data) > ours:
		f.fail("schema", "use cybexp "+cmp.Or(v.Program, "of that version")+" or a later one", "the graph has version %d, this cybexp knows %d", max(v.Schema, v.Data), ours)
	case v.Data < ours:
		f.warn("schema", "start the platform: it brings the graph up to date", "the graph has version %d, this cybexp %d", v.Data, ours)
	default:
		f.ok("schema", "version %d", ours)
		return true
	}
	return false
}
