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
		`{"number":9,"time":"2026-11-28T06:49:07Z","action":"event.context","outcome":"failed","object":"` + hash + `","detail":{"instance":"` + hash + `"}}`,
	}
	rows := make([]json.RawMessage, len(records))
	for i, r := range records {
		rows[i] = json.RawMessage(r)
	}
	table := &plainRecords{out}
	if err := table.header(auditColumns("table")); err != nil {
		t.Fatal(err)
	}
	if err := table.rows(rows); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"time email action outcome detail address object",
		"2026-11-28T06:49:05Z admin@localhost audit.read done query: limit=1000&since=1 127.0.0.1",
		`2026-11-28T06:49:06Z token.create done email: b@example.org, label: a\x1bb X`,
		"2026-11-28T06:49:07Z event.context failed instance: abababababab… " + hash,
	}
	for i, line := range strings.Split(strings.TrimSpace(b.String()), "\n") {
		if got := strings.Join(strings.Fields(line), " "); i >= len(want) || got != want[i] {
			t.Errorf("line %d: got %q", i, got)
		}
	}
}
