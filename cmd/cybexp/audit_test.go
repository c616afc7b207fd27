package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestAuditTableIsForPeople(t *testing.T) {
	var b strings.Builder
	out, err := auditWriter("table", &b)
	if err != nil {
		t.Fatal(err)
	}
	hash := strings.Repeat("ab", 32)
	records := []string{
		`{"number":7,"time":"2026-11-28T06:49:05.715179002Z","email":"admin@localhost","address":"127.0.0.1","action":"audit.read","outcome":"done","detail":{"query":"limit=1000\u0026since=1"}}`,
		`{"number":8,"time":"2026-11-28T06:49:06Z","action":"token.create","outcome":"done","object":"X","detail":{"user":"` + hash + `","email":"b@example.org","label":"a\u001bb"}}`,
		`{"number":9,"time":"2026-11-28T06:49:07Z","action":"event.context","outcome":"failed","object":"` + hash + `","detail":{"instance":"` + hash + `","why":"` + strings.Repeat("long ", 20) + `end"}}`,
	}
	rows := make([]json.RawMessage, len(records))
	for i, r := range records {
		rows[i] = json.RawMessage(r)
	}
	if err := out.header(auditColumns("table")); err != nil {
		t.Fatal(err)
	}
	if err := out.rows(rows); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"time email action outcome address object detail",
		"2026-11-28T06:49:05Z admin@localhost audit.read done 127.0.0.1 query: limit=1000&since=1",
		`2026-11-28T06:49:06Z token.create done X email: b@example.org, label: a\x1bb`,
		"2026-11-28T06:49:07Z event.context failed abababababab… instance: abababababab…, why: " + strings.Repeat("long ", 20) + "end",
	}
	for i, line := range strings.Split(strings.TrimSpace(b.String()), "\n") {
		if got := strings.Join(strings.Fields(line), " "); i >= len(want) || got != want[i] {
			t.Errorf("line %d: got %q", i, got)
		}
	}
}

// TestAuditLimitKeepsTheLast writes pages of records of which the last few are asked for.
func TestAuditLimitKeepsTheLast(t *testing.T) {
	pages := [][]string{{`{"n":1}`, `{"n":2}`, `{"n":3}`}, {}, {`{"n":4}`}}
	for limit, want := range map[int]string{1: `{"n":4}`, 2: `{"n":3} {"n":4}`, 3: `{"n":2} {"n":3} {"n":4}`, 9: `{"n":1} {"n":2} {"n":3} {"n":4}`} {
		var b strings.Builder
		inner, err := auditWriter("ndjson", &b)
		if err != nil {
			t.Fatal(err)
		}
		out := &lastRows{rowWriter: inner, limit: limit}
		for _, page := range pages {
			var rows []json.RawMessage
			for _, r := range page {
				rows = append(rows, json.RawMessage(r))
			}
			if err := out.rows(rows); err != nil {
				t.Fatal(err)
			}
		}
		if err := out.end(); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(strings.Fields(b.String()), " "); got != want {
			t.Errorf("limit %d: got %s, want %s", limit, got, want)
		}
	}
}
