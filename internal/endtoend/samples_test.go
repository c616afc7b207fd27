package endtoend_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/tahoe"
)

// sampleTypetags says what the files in a folder of samples are. Formats without a filter are among them: they have to be kept.
var sampleTypetags = []struct{ folder, typetag string }{
	{"cowrie", "cowrie"}, {"emails", "email"}, {"misp_events", "misp_event"}, {"stix", "stix"}, {"csv_indicators", "csv"},
	{"ioc_lists/openioc_fireeye", "openioc"}, {"ioc_lists", "indicators"}, {"sightings", "sighting"},
	{"url_feeds/openphish_daily", "openphish_feed"}, {"url_feeds/phishtank_daily_csv", "phishtank_feed"}, {"url_feeds", "csv"},
	{"network_logs/suricata", "suricata"}, {"network_logs", "zeek"}, {"other_honeypots", "docker_api"}, {"misp_vocab", "misp_vocab"},
}

// Bounds, unless CYBEXP_SAMPLES is "all".
const (
	samplesBytes  = 32 << 10  // of a file of lines
	samplesWhole  = 256 << 10 // of a file that is one record
	samplesFolder = 2         // files of a folder
)

// sampleFile is a file of samples, and what became of it.
type sampleFile struct {
	name, typetag string
	text          []byte
	status        ingest.Status
	took          time.Duration
}

// TestSamples sends every file of the samples beside the repository with its typetag to a platform, and holds the account of each to what it
// promises: all records are there, none is given up, none is stuck, no filter panics. It logs a table. With CYBEXP_SAMPLES=all nothing is
// cut off or left out.
func TestSamples(t *testing.T) {
	t.Parallel()
	files := sampleFiles(t)
	p := up(t, filepath.Join(t.TempDir(), "data"))
	p.must("org", "create", "demo")
	c := p.client()
	raws := map[tahoe.Hash]bool{}
	for i := range files {
		f := &files[i]
		c.send(f)
		f.check(t, raws)
	}
	if got := p.count("raws | count"); got != len(raws) {
		t.Errorf("%d raws are in the graph, the files have %d records that differ", got, len(raws))
	}
	if log := p.log.String(); strings.Contains(log, "panicked") {
		t.Errorf("something panicked:\n%s", log)
	}
	t.Log("\n" + sampleTable(files))
}

// sampleFiles reads all samples, and skips the test where there are none.
func sampleFiles(t *testing.T) (files []sampleFile) {
	t.Helper()
	const root = "../../../shared/data"
	if _, err := os.Stat(root); os.IsNotExist(err) {
		t.Skip("no folder of samples beside the repository")
	}
	all := os.Getenv("CYBEXP_SAMPLES") == "all"
	taken := map[string]int{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || d.Name() == "README.md" {
			return err
		}
		f := sampleFile{name: filepath.ToSlash(strings.TrimPrefix(path, root+"/"))}
		if f.typetag = sampleTypetag(f.name); f.typetag == "" {
			return fmt.Errorf("nobody knows what %s is", f.name)
		}
		if f.text, err = os.ReadFile(path); err != nil {
			return err
		}
		if dir := filepath.Dir(path); !all {
			if taken[dir] == samplesFolder || !f.cut() {
				return nil
			}
			taken[dir]++
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func sampleTypetag(name string) string {
	for _, s := range sampleTypetags {
		if strings.HasPrefix(name, s.folder+"/") {
			return s.typetag
		}
	}
	return ""
}

// cut shortens a file of lines. It returns false for one that is long and cannot be cut.
func (f *sampleFile) cut() bool {
	switch f.typetag {
	case "email", "misp_event", "stix", "misp_vocab":
		return len(f.text) <= samplesWhole
	}
	if len(f.text) > samplesBytes {
		f.text = f.text[:bytes.LastIndexByte(f.text[:samplesBytes], '\n')+1]
	}
	return true
}

// check holds the account of a file to the file. It gathers its raws.
func (f *sampleFile) check(t *testing.T, raws map[tahoe.Hash]bool) {
	t.Helper()
	st := f.status
	if st.Received != st.Mapped+st.Kept+st.NotSupported+st.Invalid || st.Dead != 0 || st.Rejected != 0 || st.State != ingest.Finished {
		t.Errorf("%s: the account does not add up: %+v", f.name, st)
	}
	records, u := 0, ingest.Upload{Typetag: f.typetag, Org: tahoe.OrgHash("demo"), Timezone: "UTC"}
	for out, err := range ingest.Try(u, time.Unix(0, 0), bytes.NewReader(f.text)) {
		if err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
		records++
		if out.Record.Raw == nil {
			t.Errorf("%s: line %d cannot be kept: %v", f.name, out.Line, out.Problems)
			continue
		}
		raws[out.Record.Raw.Hash()] = true
	}
	if records != st.Received {
		t.Errorf("%s: received %d records of %d", f.name, st.Received, records)
	}
}

// client calls the API as somebody else's program would.
type client struct {
	t          testing.TB
	url, token string
}

func (p *platform) client() client {
	p.t.Helper()
	token, err := os.ReadFile(filepath.Join(p.data, "admin.token"))
	if err != nil {
		p.t.Fatal(err)
	}
	return client{t: p.t, url: p.url + "/api/v1", token: strings.TrimSpace(string(token))}
}

// request makes a request of the API that is signed in.
func (c client) request(method, path string, body io.Reader) *http.Request {
	c.t.Helper()
	req, err := http.NewRequest(method, c.url+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	return req
}

// send uploads a file and waits until it is in the graph.
func (c client) send(f *sampleFile) {
	c.t.Helper()
	begun := time.Now()
	var receipt ingest.Receipt
	query := url.Values{"org": {"demo"}, "typetag": {f.typetag}, "name": {f.name}}
	c.call(http.MethodPost, "/raw?"+query.Encode(), bytes.NewReader(f.text), &receipt)
	for tick := time.NewTicker(25 * time.Millisecond); !f.status.Done; <-tick.C {
		if f.took = time.Since(begun); f.took > 5*time.Minute {
			c.t.Fatalf("%s is stuck: %+v", f.name, f.status)
		}
		f.status = ingest.Status{}
		c.call(http.MethodGet, "/uploads/"+receipt.ID, nil, &f.status)
	}
	f.took = time.Since(begun)
}

func (c client) call(method, path string, body io.Reader, into any) {
	c.t.Helper()
	resp, err := http.DefaultClient.Do(c.request(method, path, body))
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= http.StatusMultipleChoices {
		c.t.Fatalf("%s %s: %s, %v\n%s", method, path, resp.Status, err, answer)
	}
	if err := json.Unmarshal(answer, into); err != nil {
		c.t.Fatalf("%s %s: %v\n%s", method, path, err, answer)
	}
}

// sampleTable shows what became of the files: each that is large, the folders of small ones, and the sum of each typetag.
func sampleTable(files []sampleFile) string {
	groups := map[string]*sampleRow{}
	var rows []*sampleRow
	add := func(name string, f sampleFile) {
		key := name + "\x00" + f.typetag
		if groups[key] == nil {
			groups[key] = &sampleRow{name: name, typetag: f.typetag, reasons: map[string]int{}}
			rows = append(rows, groups[key])
		}
		groups[key].add(f)
	}
	for _, f := range files {
		name := f.name
		if f.typetag == "email" {
			name = filepath.Dir(name) + "/*"
		}
		add(name, f)
	}
	for _, f := range files {
		add("all", f)
	}
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "file\ttypetag\tfiles\tKiB\trecords\tmapped\tkept\tno filter\tinvalid\tevents\tparts unused\tseconds\ttop reasons")
	for _, r := range rows {
		r.print(w)
	}
	_ = w.Flush() // into memory
	return text.String()
}

// sampleRow sums up files.
type sampleRow struct {
	name, typetag                                                        string
	files, bytes, records, mapped, kept, unknown, invalid, events, parts int
	took                                                                 time.Duration
	reasons                                                              map[string]int
}

func (r *sampleRow) add(f sampleFile) {
	st := f.status
	r.files++
	r.bytes += len(f.text)
	r.records += st.Received
	r.mapped += st.Mapped
	r.kept += st.Kept
	r.unknown += st.NotSupported
	r.invalid += st.Invalid
	r.events += st.Events
	r.parts += st.Parts
	r.took += f.took
	for _, reason := range st.Reasons {
		r.reasons[strings.TrimPrefix(reason.Field+": "+reason.Message, ": ")] += reason.Count
	}
}

func (r *sampleRow) print(w io.Writer) {
	fmt.Fprintf(w, "%.70s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.1f\t%s\n", r.name, r.typetag, r.files, r.bytes>>10, r.records, r.mapped,
		r.kept, r.unknown, r.invalid, r.events, r.parts, r.took.Seconds(), r.top(3))
}

// top gives the n most frequent reasons.
func (r *sampleRow) top(n int) string {
	texts := make([]string, 0, len(r.reasons))
	for text := range r.reasons {
		texts = append(texts, text)
	}
	slices.SortFunc(texts, func(a, b string) int { return cmp.Or(cmp.Compare(r.reasons[b], r.reasons[a]), cmp.Compare(a, b)) })
	for i, text := range texts {
		texts[i] = fmt.Sprintf("%d × %.90s", r.reasons[text], text)
	}
	return strings.Join(texts[:min(n, len(texts))], "; ")
}
