package main

import (
	"strings"
	"testing"
	"time"

	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/ingest/source"
)

func TestShowSource(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var out strings.Builder
	err := showSource(&out, source.Status{
		Source: source.Source{Name: "urlhaus", ID: "abc", Kind: source.HTTP, Typetag: "csv", Settings: source.Settings{URL: "https://urlhaus.abuse.ch/"}},
		State:  "failing", Error: "503\x1b[31m", Failures: 2, Success: now.Add(-time.Hour), Next: now.Add(4 * time.Second), Lag: 3600.4, Records: 1, Bytes: 5 << 20,
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"name          urlhaus\n", "from          https://urlhaus.abuse.ch/\n", "failures      2\n", "lag           1h0m0s\n",
		"last success  2026-01-02 02:04:05Z, 1h0m0s ago\n", "next try      2026-01-02 03:04:09Z, in 4s\n", "taken         1 record, 5.0 MiB\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("there is no %q in\n%s", want, out.String())
		}
	}
	for _, no := range []string{"\x1b", "dropped", "listens on"} {
		if strings.Contains(out.String(), no) {
			t.Errorf("there is %q in\n%s", no, out.String())
		}
	}
}

func TestSummary(t *testing.T) {
	for want, s := range map[string]ingest.Status{
		"1 of 1 record mapped to 1 event": {Received: 1, Mapped: 1, Events: 1},
		"0 of 2 records mapped to 0 events, 1 kept, with nothing to map, 1 kept, but not of the format \"zeek\", 1 part of records not used": {
			Received: 2, Kept: 1, Invalid: 1, Parts: 1, Typetag: "zeek",
		},
	} {
		if got := summary(s); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	var out strings.Builder
	showReasons(&out, []ingest.Reason{
		{Record: true, Message: "no …", Example: "no x", Count: 120, Lines: []int{1, 2}}, {Field: "a", Message: "…", Example: "\x1b", Count: 1},
	})
	if want := "  120 records: no … (lines 1, 2 and 118 more)\n    1 part: a: \\x1b\n"; out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}
