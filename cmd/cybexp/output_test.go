package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
)

func TestRowWriters(t *testing.T) {
	fields := []string{"sub_type", "data", "count"}
	batches := [][]json.RawMessage{
		{json.RawMessage(`{"sub_type":"password","data":"a,\"b","count":12}`)},
		{json.RawMessage(`{"sub_type":"password","data":"\u001b[2J","count":3}`), json.RawMessage(`{"sub_type":"port","data":22,"count":1}`)},
	}
	for _, tt := range []struct{ format, want, empty string }{
		{"table", "sub_type  data  count\npassword  a,\"b  12\npassword  \\x1b[2J  3\nport      22    1\n", ""},
		{"csv", "sub_type,data,count\npassword,\"a,\"\"b\",12\npassword,\x1b[2J,3\nport,22,1\n", "sub_type,data,count\n"},
		{"ndjson", "{\"sub_type\":\"password\",\"data\":\"a,\\\"b\",\"count\":12}\n{\"sub_type\":\"password\",\"data\":\"\\u001b[2J\",\"count\":3}\n{\"sub_type\":\"port\",\"data\":22,\"count\":1}\n", ""},
		{"json", "[\n {\"sub_type\":\"password\",\"data\":\"a,\\\"b\",\"count\":12},\n {\"sub_type\":\"password\",\"data\":\"\\u001b[2J\",\"count\":3},\n {\"sub_type\":\"port\",\"data\":22,\"count\":1}\n]\n", "[]\n"},
	} {
		t.Run(tt.format, func(t *testing.T) {
			if got := write(t, tt.format, fields, batches); got != tt.want {
				t.Errorf("wrote\n%s\nwant\n%s", got, tt.want)
			}
			if got := write(t, tt.format, fields, nil); got != tt.empty {
				t.Errorf("without rows wrote %q, want %q", got, tt.empty)
			}
		})
	}
}

func write(t *testing.T, format string, fields []string, batches [][]json.RawMessage) string {
	t.Helper()
	var out bytes.Buffer
	w, err := newRowWriter(format, &out)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.header(fields); err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		if err := w.rows(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.end(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTableSpellsPaths(t *testing.T) {
	got := write(t, "table", []string{"length", "nodes"}, [][]json.RawMessage{{json.RawMessage(
		`{"length":2,"nodes":[{"hash":"a","itype":"attribute","sub_type":"ipv4","data":"1.1.1.1"},` +
			`{"hash":"b","itype":"event","sub_type":"login","data":{}},{"hash":"c","itype":"attribute","sub_type":"port","data":22}]}`,
	)}})
	if want := "length  nodes\n2       ipv4 1.1.1.1 → login → port 22\n"; got != want {
		t.Errorf("wrote\n%s\nwant\n%s", got, want)
	}
}

func TestUnknownFormatIsAUsageError(t *testing.T) {
	_, err := newRowWriter("xml", &bytes.Buffer{})
	var usage usageError
	if !errors.As(err, &usage) {
		t.Errorf("got %v, want a usage error", err)
	}
}
