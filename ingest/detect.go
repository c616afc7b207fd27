package ingest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/cybexp/cybexp/ingest/filter"
	"github.com/cybexp/cybexp/tahoe"
)

// Bounds of Detect.
const (
	MaxHead       = 256 << 10 // bytes that are looked at
	detectRecords = 100       // that are tried with each filter
	detectShare   = 0.5       // of them must be understood
)

// Guess is a format that a file may be of.
type Guess struct {
	Typetag string `json:"typetag"`
	Why     string `json:"why"`
	Records int    `json:"records"` // that were tried
	Mapped  int    `json:"mapped"`  // of which something came

	sure float64
}

// Detect guesses the format of a file by its beginning and its name, the likeliest first: it runs each filter on the first records. What
// is not found out before ctx ends is left out. It keeps nothing.
func Detect(ctx context.Context, name string, head []byte) []Guess {
	head = head[:min(len(head), MaxHead)]
	guesses := []Guess{}
	for i, f := range filter.Formats() {
		if f.Typetag == "sighting" && !isObject(head) {
			continue
		}
		g := try(ctx, f.Typetag, head)
		if ctx.Err() != nil {
			break
		}
		begins := begin(f.Typetag, head)
		if g.Mapped == 0 && begins == "" {
			continue
		}
		if g.Mapped == 0 {
			g.Why, g.sure = begins, 1
		} else if g.sure < detectShare {
			continue
		}
		if hint := named(f.Typetag, name); hint != "" {
			g.Why += ", and " + hint
			g.sure++
		}
		g.sure -= float64(i) / 1000
		g.sure += lean(f, head)
		guesses = append(guesses, g)
	}
	slices.SortStableFunc(guesses, func(a, b Guess) int { return cmp.Compare(b.sure, a.sure) })
	return guesses
}

// try runs a filter on the first records. The last one of a beginning may be broken off, and does not count then.
func try(ctx context.Context, typetag string, head []byte) Guess {
	g := Guess{Typetag: typetag}
	understood := 0
	broken := len(head) == MaxHead
	u := Upload{Typetag: typetag, Timezone: "UTC", Org: tahoe.OrgHash("detect")}
	var last Outcome
	for out, err := range Try(u, time.Unix(0, 0).UTC(), bytes.NewReader(head)) {
		if err != nil || ctx.Err() != nil || g.Records == detectRecords {
			break
		}
		last = out
		g.Records++
		switch out.Record.State {
		case tahoe.Mapped:
			if typetag == "sighting" && !indicates(out.Record) {
				continue
			}
			g.Mapped++
			understood++
		case tahoe.Kept:
			understood++
		case tahoe.Invalid, tahoe.NotSupported:
		}
	}
	if broken && g.Records > 1 && g.Records < detectRecords && last.Record.State == tahoe.Invalid {
		g.Records--
	}
	if g.Records > 0 {
		g.sure = float64(understood) / float64(g.Records)
	}
	g.Why = fmt.Sprintf("%d of the first %d records give events", g.Mapped, g.Records)
	if g.Records == 1 {
		g.Why = "the first record gives events"
	}
	return g
}

// begin tells of a document that is longer than what is looked at by what it begins with.
func begin(typetag string, head []byte) string {
	if len(head) < MaxHead {
		return ""
	}
	start := string(head[:4<<10])
	switch {
	case typetag == "stix" && strings.Contains(start, `"bundle"`) && strings.Contains(start, `"objects"`):
		return "it begins as a STIX bundle"
	case typetag == "misp_event" && strings.Contains(start, `"Event"`) && strings.HasPrefix(strings.TrimSpace(start), "{"):
		return "it begins as a MISP event"
	}
	return ""
}

// lean is what the look of a file adds to what the filter says: some make something of nearly everything.
func lean(f filter.Format, head []byte) float64 {
	phishTank := bytes.Contains(head, []byte("phish_id"))
	switch {
	case f.Typetag == "phishtank_feed" && phishTank:
		return 1
	case f.Typetag == "phishtank_feed":
		return -0.8
	case f.Typetag == "indicators" && !isTable(head):
		return -0.74
	case f.Loose && f.Typetag != "sighting" && isObject(head):
		return -0.8
	case f.Loose:
		return -0.75
	}
	return 0
}

func isObject(head []byte) bool {
	head = bytes.TrimLeft(head, " \t\r\n")
	return len(head) > 0 && (head[0] == '{' || head[0] == '[')
}

// isTable tells rows from a list by the first line that is no comment.
func isTable(head []byte) bool {
	for line := range bytes.Lines(head) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return bytes.ContainsAny(line, ",;\t|")
		}
	}
	return false
}

// indicates tells whether a record has what others may have seen too: any flat object is a sighting of something.
func indicates(r tahoe.Record) bool {
	for _, e := range r.Events {
		for _, n := range e.Refs() {
			switch n.SubType() {
			case "ipv4", "ipv6", "domain", "url", "email_addr", "md5", "sha1", "sha256", "sha512", "filename":
				return true
			}
		}
	}
	return false
}

// named tells what the name of a file says for a format.
func named(typetag, name string) string {
	name = strings.ToLower(path.Base(strings.ReplaceAll(name, `\`, "/")))
	ending := path.Ext(name)
	product, _, _ := strings.Cut(typetag, "_")
	switch {
	case typetag == "email" && (ending == ".eml" || ending == ".mbox"):
		return "its name ends in " + ending
	case typetag == "csv" && (ending == ".csv" || ending == ".tsv"):
		return "its name ends in " + ending
	case typetag == "suricata" && strings.HasPrefix(name, "eve"), typetag == "zeek" && ending == ".log" && strings.Contains(name, "conn"):
		return "it is named as such logs are"
	case len(product) > 3 && product != "email" && strings.Contains(name, product):
		return "its name has " + product
	}
	return ""
}

// Format is a format that has a filter.
type Format = filter.Format

// Formats lists the formats that have a filter, by name.
func Formats() []Format {
	list := filter.Formats()
	slices.SortFunc(list, func(a, b filter.Format) int { return strings.Compare(a.Typetag, b.Typetag) })
	return list
}
