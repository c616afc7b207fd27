package ingest_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cybexp/cybexp/ingest"
)

// TestDetect guesses the format of samples: of JSON logs those that the filters' own goldens have.
func TestDetect(t *testing.T) {
	for _, c := range []struct{ typetag, name, text string }{
		{"cowrie", "", golden(t, "cowrie/login.jsonl")},
		{"suricata", "", golden(t, "suricata/*.jsonl")},
		{"zeek", "", golden(t, "zeek/*.jsonl")},
		{"misp_event", "", golden(t, "misp_event/*.jsonl")},
		{"stix", "", golden(t, "stix/*.jsonl")},
		{"zeek", "conn.log", "#separator \\x09\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\n" +
			"#types\ttime\tstring\taddr\tport\taddr\tport\tenum\n1620000000.5\tC1\t192.0.2.1\t1234\t198.51.100.2\t22\ttcp\n"},
		{"phishtank_feed", "verified_online.csv", "phish_id,url,phish_detail_url,submission_time,verified,verification_time,online,target\n" +
			"1,http://evil.example/a,http://p.example/1,2021-05-01T00:00:00+00:00,yes,2021-05-01T00:01:00+00:00,yes,Other\n"},
		{"openphish_feed", "openphish.txt", "http://evil.example/a\nhttps://bad.example/b\n"},
		{"indicators", "urls.txt", "http://evil.example/a\nhttps://bad.example/b\n"},
		{"indicators", "", "# list\n192.0.2.1\nevil[.]example\n"},
		{"csv", "", "type,value,comment\ndomain,evil.example,c2\nip,192.0.2.1,scan\n"},
		{"email", "", "From: a@example.org\nTo: b@example.org\nSubject: hi\nDate: Mon, 3 May 2021 00:00:00 +0000\n\nsee http://evil.example/\n"},
		{"sighting", "", `{"ipv4":"192.0.2.1","sensor":"a","timestamp":1620000000}` + "\n"},
	} {
		got := ingest.Detect(t.Context(), c.name, []byte(c.text))
		if len(got) == 0 || got[0].Typetag != c.typetag || got[0].Mapped == 0 {
			t.Errorf("%s %s: got %+v", c.typetag, c.name, got)
		}
	}
}

// golden reads what is well of a golden of the filters.
func golden(t *testing.T, pattern string) string {
	t.Helper()
	files, err := filepath.Glob("filter/testdata/" + pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v", pattern, err)
	}
	for _, file := range files {
		if !strings.Contains(file, "fault") && !strings.Contains(file, "crafted") {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
	}
	t.Fatalf("only faults in %v", files)
	return ""
}

func TestDetectByName(t *testing.T) {
	list := []byte("evil.example\nbad.example\n")
	if got := ingest.Detect(t.Context(), "x.csv", list); len(got) == 0 || got[0].Typetag != "csv" || !strings.Contains(got[0].Why, ".csv") {
		t.Errorf("got %+v", got)
	}
	bundle := `{"type":"bundle","id":"bundle--1","objects":[` + strings.Repeat(`{"type":"indicator"},`, 20_000)
	if got := ingest.Detect(t.Context(), "x", []byte(bundle)); len(got) == 0 || got[0].Typetag != "stix" || got[0].Why != "it begins as a STIX bundle" {
		t.Errorf("a long bundle: got %+v", got)
	}
	for _, nothing := range []string{"", "\n\n", "hello world, this is\nplain text\n", "\x1f\x8b\x08\x00\x00", `{"a":1}`} {
		if got := ingest.Detect(t.Context(), "", []byte(nothing)); len(got) != 0 {
			t.Errorf("%q: got %+v", nothing, got)
		}
	}
}

func TestDetectEnds(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	<-ctx.Done()
	if got := ingest.Detect(ctx, "", []byte("evil.example\n")); len(got) != 0 {
		t.Errorf("got %+v", got)
	}
}

func FuzzDetect(f *testing.F) {
	f.Add("a.csv", []byte("type,value\ndomain,evil.example\n"))
	f.Add("", []byte(`{"eventid":"cowrie.login.failed"}`))
	f.Add("x.eml", []byte("From: a@example.org\nTo: b@example.org\n\nhello\n"))
	f.Fuzz(func(t *testing.T, name string, head []byte) {
		for _, g := range ingest.Detect(t.Context(), name, head) {
			if g.Why == "" || g.Mapped > g.Records {
				t.Errorf("got %+v", g)
			}
		}
	})
}
