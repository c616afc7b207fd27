package filter_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/ingest/filter"
	"github.com/cybexp/cybexp/tahoe"
)

// original is a line of testdata/cowrie_original.jsonl: a raw, and what the original Cybex-P makes of it.
type original struct {
	Data      tahoe.Value `json:"raw_data"`
	OrgID     string      `json:"orgid"`
	Timezone  string      `json:"timezone"`
	Result    string      `json:"result"`
	Instances []instance  `json:"instances"`
}

type instance struct {
	Hash      tahoe.Hash     `json:"_hash"`
	Kind      tahoe.Kind     `json:"itype"`
	SubType   string         `json:"sub_type"`
	OrgID     string         `json:"orgid"`
	Timestamp float64        `json:"timestamp"`
	Category  tahoe.Category `json:"category"`
	Children  []tahoe.Hash   `json:"_cref"`
	Malicious []tahoe.Hash   `json:"_mal_ref"`
	StartTime *float64       `json:"start_time"`
	EndTime   *float64       `json:"end_time"`
	Duration  *float64       `json:"duration"`
}

// differs tells why the event of an event id is not that of the original.
var differs = map[string]string{
	"cowrie.client.size":        "the original makes no event of it",
	"cowrie.client.var":         "the original makes no event of it",
	"cowrie.client.fingerprint": "the original makes no event of it",
}

func TestCowrieAsTheOriginal(t *testing.T) {
	lines := readLines(t, "testdata/cowrie_original.jsonl")
	f, _ := filter.For("cowrie")
	for i, line := range lines {
		var o original
		if err := json.Unmarshal(line, &o); err != nil {
			t.Fatal(err)
		}
		got, err := f.Apply(filter.Input{Data: o.Data, OrgID: o.OrgID, Timezone: o.Timezone, Received: received})
		if o.Result == "invalid" {
			if !errors.Is(err, filter.ErrFormat) {
				t.Errorf("line %d: got %v, want ErrFormat", i+1, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("line %d: %v", i+1, err)
			continue
		}
		eventid, _ := o.Data.Get("eventid")
		compareEvents(t, i+1, differs[eventid.Text()], got.Events, ofKind(o.Instances, tahoe.KindEvent))
		compareSession(t, i+1, got.Sessions, ofKind(o.Instances, tahoe.KindSession))
	}
}

func ofKind(all []instance, kind tahoe.Kind) []instance {
	return slices.DeleteFunc(slices.Clone(all), func(i instance) bool { return i.Kind != kind })
}

func compareEvents(t *testing.T, line int, why string, got []*tahoe.Event, want []instance) {
	t.Helper()
	if why != "" {
		if len(got) != 1 || len(want) != 0 {
			t.Errorf("line %d: got %d events, the original %d, though %s", line, len(got), len(want), why)
		}
		return
	}
	if len(got) != len(want) {
		t.Fatalf("line %d: got %d events, want %d", line, len(got), len(want))
	}
	for i, e := range got {
		var children []tahoe.Hash
		for _, c := range e.Children() {
			children = append(children, c.Hash())
		}
		w := want[i]
		if e.Hash() != w.Hash || e.SubType() != w.SubType || e.OrgID() != w.OrgID || e.Timestamp() != w.Timestamp ||
			e.Category() != w.Category || !slices.Equal(children, w.Children) || !slices.Equal(e.Malicious(), w.Malicious) {
			t.Errorf("line %d: got %s %s, want %+v", line, e.Hash(), e.Data(), w)
		}
	}
}

// compareSession expects the original's session but for its identity: there the sensor is misspelt.
func compareSession(t *testing.T, line int, got []*tahoe.Session, want []instance) {
	t.Helper()
	if len(got) != 1 || len(want) != 1 {
		t.Fatalf("line %d: got %d sessions, want %d", line, len(got), len(want))
	}
	var asOriginal []tahoe.Node
	for _, n := range got[0].Children() {
		a := n.(*tahoe.Attribute)
		if a.SubType() == "sensor" {
			misspelt, err := tahoe.NewAttribute("sesnor", a.Value())
			if err != nil {
				t.Fatal(err)
			}
			a = misspelt
		}
		asOriginal = append(asOriginal, a)
	}
	s, err := tahoe.NewSession(got[0].SubType(), asOriginal...)
	if err != nil || s.Hash() != want[0].Hash || got[0].Hash() == want[0].Hash {
		t.Errorf("line %d: got %s, %v, want %s", line, s.Hash(), err, want[0].Hash)
	}
	same := func(a, b *float64) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }
	if g, w := got[0], want[0]; !same(g.StartTime, w.StartTime) || !same(g.EndTime, w.EndTime) || !same(g.Duration, w.Duration) {
		t.Errorf("line %d: got %v %v %v, want %v %v %v", line, g.StartTime, g.EndTime, g.Duration, w.StartTime, w.EndTime, w.Duration)
	}
}

func TestCowrieRefuses(t *testing.T) {
	for name, line := range map[string]string{
		"no eventid":             `{"message":"m","username":"u"}`,
		"eventid of another":     `{"eventid":"dionaea.connection","timestamp":"2020-04-28T00:00:05Z"}`,
		"eventid that is a list": `{"eventid":["cowrie.log.open"],"timestamp":"2020-04-28T00:00:05Z"}`,
		"number":                 `7`,
		"text":                   `"hello"`,
		"list":                   `[{"eventid":"cowrie.log.open"}]`,
		"Filebeat of another":    `{"message":"{\"a\":1}"}`,
	} {
		if _, err := apply(t, "cowrie", []byte(line)); !errors.Is(err, filter.ErrFormat) {
			t.Errorf("%s: got %v, want ErrFormat", name, err)
		}
	}
}

func TestCowrieWithoutAnyTime(t *testing.T) {
	f, _ := filter.For("cowrie")
	data, _ := tahoe.ParseValue([]byte(`{"eventid":"cowrie.command.input","input":"id"}`))
	if _, err := f.Apply(filter.Input{Data: data}); !errors.Is(err, filter.ErrFormat) {
		t.Errorf("got %v, want ErrFormat", err)
	}
}

func TestCowrieUnknownZone(t *testing.T) {
	f, _ := filter.For("cowrie")
	data, _ := tahoe.ParseValue([]byte(`{"eventid":"cowrie.session.connect","session":"a","src_ip":"192.0.2.1","timestamp":"1970-01-01T00:00:01"}`))
	for _, zone := range []string{"Mars/X", "Local", "../etc/passwd"} {
		got, err := f.Apply(filter.Input{Data: data, Timezone: zone})
		if err != nil || len(got.Problems) != 1 || *got.Sessions[0].StartTime != 1 {
			t.Errorf("%s: got %+v, %v", zone, got, err)
		}
	}
}

// TestCowrieTooLarge has a value that is too large for an event: the session still counts.
func TestCowrieTooLarge(t *testing.T) {
	line, err := json.Marshal(map[string]string{
		"eventid": "cowrie.command.input", "session": "a", "src_ip": "192.0.2.1", "timestamp": "2020-04-28T00:00:05Z",
		"input": strings.Repeat(`"`, 300000),
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := apply(t, "cowrie", line)
	if err != nil || len(got.Events) != 0 || len(got.Sessions) != 1 || len(got.Problems) != 1 {
		t.Errorf("got %d events, %d sessions, %v, %v", len(got.Events), len(got.Sessions), got.Problems, err)
	}
}

// TestCowrieSample maps every Cowrie log of the sample folder beside the repository.
func TestCowrieSample(t *testing.T) {
	root := filepath.Join("..", "..", "..", "shared", "data", "cowrie")
	if _, err := os.Stat(root); err != nil {
		t.Skip("no sample folder beside the repository")
	}
	lines := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		for i, line := range readLines(t, path) {
			lines++
			checkSample(t, path, i+1, line)
		}
		return nil
	})
	if err != nil || lines == 0 {
		t.Fatalf("%d lines, %v", lines, err)
	}
	t.Logf("%d lines", lines)
}

// sessionOnly are the event ids that rightly give no event.
var sessionOnly = []string{
	"cowrie.session.connect", "cowrie.session.closed", "cowrie.session.params", "cowrie.log.open", "cowrie.log.closed",
}

func checkSample(t *testing.T, path string, number int, line []byte) {
	t.Helper()
	var fields struct {
		EventID, Session, Sensor string
		IP                       string `json:"src_ip"`
		Username, Password       *string
		Input, URL, Shasum       string
		Data                     string
	}
	if err := json.Unmarshal(line, &fields); err != nil {
		t.Fatalf("%s:%d: %v", path, number, err)
	}
	got, err := apply(t, "cowrie", line)
	if err != nil || len(got.Problems) != 0 {
		t.Fatalf("%s:%d: %v, %v\n%s", path, number, err, got.Problems, line)
	}
	if len(got.Sessions) != 1 {
		t.Fatalf("%s:%d: got %d sessions\n%s", path, number, len(got.Sessions), line)
	}
	if slices.Contains(sessionOnly, fields.EventID) != (len(got.Events) == 0) {
		t.Fatalf("%s:%d: got %d events\n%s", path, number, len(got.Events), line)
	}
	for _, e := range got.Events {
		want := []string{fields.IP, fields.Input, fields.Data}
		if fields.EventID != "cowrie.session.file_upload" {
			want = append(want, strings.TrimSpace(fields.URL))
		}
		for _, p := range []*string{fields.Username, fields.Password} {
			if p != nil {
				want = append(want, *p)
			}
		}
		want = append(want, fields.Shasum)
		for _, text := range want {
			text = strings.TrimSpace(text) // hashes leave it out, and so do values
			if text != "" && !holds(e, text) {
				t.Errorf("%s:%d: %q is lost\n%s", path, number, text, line)
			}
		}
	}
}

func holds(e *tahoe.Event, text string) bool {
	return slices.ContainsFunc(e.Refs(), func(n tahoe.Node) bool {
		a, ok := n.(*tahoe.Attribute)
		return ok && a.Value().Text() == text
	})
}

func readLines(tb testing.TB, path string) [][]byte {
	tb.Helper()
	file, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	var lines [][]byte
	scan := bufio.NewScanner(file)
	scan.Buffer(nil, 8<<20)
	for scan.Scan() {
		if strings.TrimSpace(scan.Text()) != "" {
			lines = append(lines, slices.Clone(scan.Bytes()))
		}
	}
	if err := scan.Err(); err != nil {
		tb.Fatal(err)
	}
	return lines
}

func FuzzCowrie(f *testing.F) { fuzz(f, "cowrie") }

func BenchmarkCowrieLogin(b *testing.B) {
	f, _ := filter.For("cowrie")
	data, err := tahoe.ParseValue([]byte(`{"eventid":"cowrie.login.success","username":"root","password":"admin","sensor":"pot1","timestamp":"2020-04-28T00:00:05.834291Z","src_ip":"198.51.100.7","session":"806c6ef9"}`))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Apply(filter.Input{Data: data, OrgID: "ABC123"}); err != nil {
			b.Fatal(err)
		}
	}
}
