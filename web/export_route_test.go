package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/tahoe"
)

// TestExportGoesOnBehindARecord reads all that somebody may see, in one go and behind each line.
func TestExportGoesOnBehindARecord(t *testing.T) {
	r := newRig(t)
	r.load(logins(5))
	all := r.get(r.reader, "/api/v1/export")
	lines := strings.SplitAfter(strings.TrimSuffix(string(all.body), "\n"), "\n")
	if all.status != http.StatusOK || all.header.Get("Content-Type") != "application/x-ndjson" || len(lines) != 5 {
		t.Fatalf("got %d %v %s", all.status, all.header, all.body)
	}
	hashes := make([]string, len(lines))
	for i, line := range lines {
		doc := must(tahoe.ParseValue([]byte(line)))(t)
		h, _ := doc.Get("_hash")
		hashes[i] = h.Text()
		rest := r.get(r.reader, "/api/v1/export?after="+hashes[i])
		if want := strings.Join(lines[i+1:], ""); strings.TrimSuffix(string(rest.body), "\n") != strings.TrimSuffix(want, "\n") {
			t.Errorf("behind line %d: %d %s", i, rest.status, rest.body)
		}
		one := r.post(r.reader, "/api/v1/export", `{"hashes":["`+hashes[i]+`"]}`)
		if got := string(one.body); strings.TrimSpace(got) != strings.TrimSpace(line) {
			t.Errorf("line %d by its hash: %s", i, got)
		}
	}
	for _, bad := range []struct {
		call   call
		status int
	}{
		{call{method: "GET", path: "/api/v1/export?after=" + strings.Repeat("1", 64), as: r.reader}, http.StatusGone},
		{call{method: "GET", path: "/api/v1/export?after=" + hashes[0], as: r.stranger}, http.StatusOK}, // who sees nothing is through
		{call{method: "GET", path: "/api/v1/export?after=x", as: r.reader}, http.StatusBadRequest},
		{call{method: "POST", path: "/api/v1/export", as: r.reader, body: strings.NewReader(`{"hashes":[]}`)}, http.StatusBadRequest},
		{call{method: "POST", path: "/api/v1/export", as: r.reader, body: strings.NewReader(`{"hashes":["` + strings.Repeat(hashes[0]+`","`, 1000) + hashes[0] + `"]}`)}, http.StatusBadRequest},
	} {
		if got := r.do(bad.call); got.status != bad.status {
			t.Errorf("%s %s: got %d %s", bad.call.method, bad.call.path, got.status, got.body)
		}
	}
	for _, path := range []string{"/api/v1/export"} {
		if got := r.get(r.stranger, path); got.status != http.StatusOK || len(got.body) > 0 {
			t.Errorf("a stranger gets %d %s", got.status, got.body)
		}
	}
}
