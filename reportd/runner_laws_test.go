package reportd

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// lawLines is how many lines of each sample the graph of the laws has.
const lawLines = 250

// honeypots are lines of real honeypots: the samples beside the repository, or else the one in it.
func honeypots(tb testing.TB) [][]byte {
	tb.Helper()
	files, err := filepath.Glob("../../shared/data/cowrie/internet/*/cowrie*.json*")
	if err != nil {
		tb.Fatal(err)
	}
	if files = files[:min(len(files), 8)]; len(files) == 0 {
		tb.Log("no samples beside the repository: only that of the demo")
		files = []string{"../cmd/cybexp/demo/cowrie.json"}
	}
	var lines [][]byte
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		for s, n := bufio.NewScanner(bytes.NewReader(data)), 0; n < lawLines && s.Scan(); n++ {
			lines = append(lines, slices.Clone(s.Bytes()))
		}
	}
	return lines
}

// The organisations that hold the laws' graph, each a part of the lines, and some of them both.
var (
	lawA = tdql.Org{Hash: tahoe.OrgHash("law a"), Name: "a"}
	lawB = tdql.Org{Hash: tahoe.OrgHash("law b"), Name: "b"}
)

func lawGraph(tb testing.TB) Querier {
	tb.Helper()
	parts := map[tdql.Org][][]byte{}
	for i, line := range honeypots(tb) {
		if i%3 != 1 {
			parts[lawA] = append(parts[lawA], line)
		}
		if i%3 != 0 {
			parts[lawB] = append(parts[lawB], line)
		}
	}
	store := testdgraph.Open(tb)
	for org, lines := range parts {
		var batch []tahoe.Record
		text := bytes.NewReader(bytes.Join(lines, []byte("\n")))
		for out, err := range ingest.Try(ingest.Upload{Org: org.Hash, Typetag: "cowrie", Timezone: "UTC"}, testNow, text) {
			if err != nil {
				tb.Fatal(err)
			}
			if out.Record.Raw != nil {
				batch = append(batch, out.Record)
			}
		}
		for part := range slices.Chunk(batch, 200) {
			if _, err := store.Write(tb.Context(), part); err != nil {
				tb.Fatal(err)
			}
		}
	}
	return store
}

// law asks for one user.
type law struct {
	*testing.T
	db   Querier
	orgs []tdql.Org
}

func (l law) ask(text string) []tdql.Row {
	l.Helper()
	return askAs(l, l.db, l.orgs, text)
}

// count adds up what queries count.
func (l law) count(texts ...string) (n int) {
	l.Helper()
	for _, text := range texts {
		for _, c := range column[int](l, l.ask(text), "count") {
			n += c
		}
	}
	return n
}

// hashes are those of a query's rows.
func (l law) hashes(text string) []string {
	l.Helper()
	return column[string](l, l.ask(text), "hash")
}

// TestLawsOfTheAlgebra asks a graph of real data, as users of one organisation, of the other, of both and of none, what must hold
// whatever the data are.
func TestLawsOfTheAlgebra(t *testing.T) {
	db := lawGraph(t)
	a, b, both := law{t, db, []tdql.Org{lawA}}, law{t, db, []tdql.Org{lawB}}, law{t, db, []tdql.Org{lawA, lawB}}
	for _, kind := range []string{"events", "attributes", "sessions", "raws"} {
		want := slices.Concat(a.hashes(kind), b.hashes(kind))
		slices.Sort(want)
		if kind != "events" && kind != "raws" { // those are of one organisation each
			want = slices.Compact(want)
		}
		got := both.hashes(kind)
		if kind == "raws" {
			want = slices.Compact(want)
			got = slices.Compact(slices.Sorted(slices.Values(got)))
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: both organisations together see %d, apart %d", kind, len(got), len(want))
		}
	}
	for name, orgs := range map[string][]tdql.Org{"a": {lawA}, "b": {lawB}, "both": {lawA, lawB}, "nobody": nil} {
		t.Run(name, func(t *testing.T) {
			l := law{t, db, orgs}
			if len(orgs) == 0 {
				l.nothing()
				return
			}
			top := column[string](t, l.ask("events | top 2 ipv4"), "data")
			for _, set := range []string{"events", "ipv4 " + top[0] + " | events", "events where ipv4 in (" + strings.Join(top, ", ") + ")"} {
				l.spansAddUp(set)
				l.groupsAddUp(set)
			}
			for _, set := range []string{"events", "ipv4 " + top[0] + " | events | attributes", "sessions", "related ipv4 " + top[0], "events | sort hash", "raws", "attributes | sort data desc"} {
				l.pagesAreTheWhole(set)
			}
			l.spellings(top[0])
			l.classics(top[0])
		})
	}
}

// nothing is what somebody without organisations sees.
func (l law) nothing() {
	l.Helper()
	for _, text := range []string{"events", "attributes", "sessions", "raws", "objects", "events | threatrank", "any 22 | related level 3"} {
		if rows := l.ask(text); len(rows) != 0 {
			l.Errorf("%s: %d rows", text, len(rows))
		}
	}
	if n := l.count("events | count", "attributes ipv4 | count"); n != 0 {
		l.Errorf("counted %d", n)
	}
}

// spansAddUp cuts time in three.
func (l law) spansAddUp(set string) {
	l.Helper()
	times := column[time.Time](l, l.ask(set+" | fields timestamp"), "timestamp")
	first, last := times[len(times)-1], times[0]
	cut := []time.Time{first, times[len(times)*2/3], times[len(times)/3], last.Add(time.Microsecond)}
	span := func(from, to time.Time) string { // without the end
		return set + " | events from " + from.Format(time.RFC3339Nano) + " to " + to.Add(-time.Microsecond).Format(time.RFC3339Nano) + " | count"
	}
	var parts []string
	for i, from := range cut[:3] {
		if from.Before(cut[i+1]) {
			parts = append(parts, span(from, cut[i+1]))
		}
	}
	whole, sum := l.count(span(cut[0], cut[3])), l.count(parts...)
	if whole != sum || whole != len(times) || len(parts) < 2 {
		l.Errorf("%s: %d rows, counted %d, in %d spans %d", set, len(times), whole, len(parts), sum)
	}
}

// groupsAddUp counts by what every event has once.
func (l law) groupsAddUp(set string) {
	l.Helper()
	whole := l.count(set + " | count")
	for _, by := range []string{"category", "org", "sub_type", "hour", "day tz America/St_Johns", "week", "month", "year", "org, month, category", "sub_type, day"} {
		if sum := l.count(set + " | count by " + by); sum != whole || whole == 0 {
			l.Errorf("%s: counted %d, by %s %d", set, whole, by, sum)
		}
	}
}

// pagesAreTheWhole reads a set page by page, and counts it.
func (l law) pagesAreTheWhole(set string) {
	l.Helper()
	whole := texts(l.ask(set))
	size := len(whole)/4 + 1
	var pages []string
	for n := 1; n <= 5; n++ {
		pages = append(pages, texts(l.ask(fmt.Sprintf("%s | page %d size %d", set, n, size)))...)
	}
	if len(whole) == 0 || !slices.Equal(pages, whole) {
		l.Errorf("%s: %d rows, %d in pages, or in another order", set, len(whole), len(pages))
	}
	if n := l.count(set + " | count"); n != len(whole) {
		l.Errorf("%s: %d rows, counted %d", set, len(whole), n)
	}
}

// spellings asks in words that mean the same: bare, quoted and refanged values, sentence and pipeline, in and or, not not.
func (l law) spellings(ip string) {
	l.Helper()
	defanged := strings.ReplaceAll(ip, ".", "[.]")
	urls := column[string](l, l.ask("events | top 1 url"), "data")
	same := [][]string{
		{"count ipv4 " + ip, `count ipv4 "` + ip + `"`, "count ipv4 '" + ip + "'", "count ipv4 " + defanged, "COUNT `ipv4` " + strings.ReplaceAll(ip, ".", "[dot]"),
			"ipv4 " + ip + " | events | count", "any " + defanged + " | events | count", "events where not not ipv4 = " + ip + " | count"},
		{"events where ipv4 = " + ip + " or ipv4 = 192.0.2.9", "events where ipv4 in (" + ip + ", 192.0.2.9)", "ipv4 (" + defanged + ", 192.0.2.9) | events"},
		{"related ipv4 " + ip + " level 2", "ipv4 " + defanged + " | related level 2 via sessions"},
	}
	for _, url := range urls {
		if bare, ok := strings.CutPrefix(url, "http://"); ok && !strings.ContainsAny(bare, ` ,()|"'`+"`") {
			same = append(same, []string{"count url " + tdql.Literal(tahoe.String(url)), "count url " + url, "count url hxxp://" + strings.ReplaceAll(bare, ".", "[.]"),
				"url hxxp[:]//" + bare + " | events | count"})
		}
	}
	for _, list := range same {
		want := texts(l.ask(list[0]))
		if len(want) == 0 || want[0] == `{"count":0}` {
			l.Errorf("%s: found nothing", list[0])
		}
		for _, text := range list[1:] {
			if d := cmp.Diff(want, texts(l.ask(text))); d != "" {
				l.Errorf("%s - %s +\n%s", list[0], text, d)
			}
		}
	}
}

// classics asks in the classic form and in text.
func (l law) classics(ip string) {
	l.Helper()
	times := column[time.Time](l, l.ask("ipv4 "+ip+" | events | fields timestamp"), "timestamp")
	day := times[len(times)/2].UTC().Format("2006-01-02")
	for _, tt := range []struct{ kind, data, text string }{
		{"count", `{"sub_type":"ipv4","data":"IP"}`, "count ipv4 " + ip},
		{"count", `{"sub_type":"ip","data":"IP","category":"all","context":"all"}`, "count ipv4 " + ip},
		{"count", `{"sub_type":"ipv4","data":"IP","from":"` + day + `T00:00:00Z"}`, "count ipv4 " + ip + " from " + day},
		{"count", `{"sub_type":"ipv4","data":"IP","to":"` + day + ` 12:00","tzname":"US/Pacific"}`, "count ipv4 " + ip + ` to "` + day + ` 12:00" tz US/Pacific`},
		{"count", `{"sub_type":"ipv4","data":"IP","last":"20Y","category":"unknown"}`, "count ipv4 " + ip + " last 20Y category unknown"},
		{"related", `{"sub_type":"ipv4","data":"IP","level":2,"return_type":"session","summary":false}`, "related ipv4 " + ip + " level 2 return session"},
		{"related", `{"sub_type":"ipv4","data":"IP","summary":true}`, "related ipv4 " + ip + " summary"},
	} {
		q, err := tdql.Classic(tt.kind, []byte(strings.ReplaceAll(tt.data, "IP", ip)))
		if err != nil {
			l.Fatalf("%s: %v", tt.data, err)
		}
		got, want := texts(l.ask(q.String())), texts(l.ask(tt.text))
		if d := cmp.Diff(want, got); d != "" || len(got) == 0 {
			l.Errorf("%s - %s +\n%s", tt.text, tt.data, d)
		}
	}
	hash := l.hashes("ipv4 " + ip + " | events | limit 1")[0]
	q := must(tdql.Classic("threatrank", must(json.Marshal(map[string]string{"_hash": hash}))))
	if d := cmp.Diff(texts(l.ask("threatrank event "+hash)), texts(l.ask(q.String()))); d != "" {
		l.Error(d)
	}
}
