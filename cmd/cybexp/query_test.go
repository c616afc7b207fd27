package main

import (
	"bytes"
	"testing"

	"github.com/cybexp/cybexp/reportd"
)

// TestAWarningIsDrawnUnderTheQuery shows the last frame of a query that ran and found nothing.
func TestAWarningIsDrawnUnderTheQuery(t *testing.T) {
	var stdout, stderr bytes.Buffer
	a := &app{stdout: &stdout, stderr: &stderr}
	out, err := newRowWriter("ndjson", &stdout)
	if err != nil {
		t.Fatal(err)
	}
	end := reportd.Frame{Type: reportd.TypeEnd, JSON: []byte(`{"type":"end","status":"ready","rows":1,"warnings":[{"code":"tdql.unseen","line":1,"column":7,` +
		`"length":3,"message":"no attribute of sub-type \"ipv\" has been seen","hint":"did you mean \"ipv4\"?"}]}`)}
	if err := a.showFrame(end, "count ipv 1.1.1.1", out, newNote(a)); err != nil {
		t.Fatal(err)
	}
	want := "warning: tdql: 1:7: no attribute of sub-type \"ipv\" has been seen\n  count ipv 1.1.1.1\n        ^^^\n  did you mean \"ipv4\"?\n"
	if got := stderr.String(); got != want {
		t.Errorf("printed\n%s\nwant\n%s", got, want)
	}
}
