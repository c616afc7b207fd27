package web_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/web"
)

// TestTwoOrganisationsSendTheSameBytes holds that each of them counts its own.
func TestTwoOrganisationsSendTheSameBytes(t *testing.T) {
	r := newRig(t)
	other := must(r.users.CreateOrg(t.Context(), r.stranger.Hash, identity.Org{Name: r.orgName + "-other", Title: "Other"}))(t)
	record := strings.ReplaceAll(login, "198.51.100.7", "198.51.100.77")
	r.load(record)
	count := func(who person) any {
		return r.post(who, "/query", `{"type":"count","data":{"sub_type":"ipv4","data":"198.51.100.77"},"redo":true}`).member(t, "data")
	}
	if mine, theirs := count(r.admin), count(r.stranger); mine != 1.0 || theirs != 0.0 {
		t.Errorf("before: got %v and %v, want 1 and 0", mine, theirs)
	}
	raw := rawHash(t, record, r.org.Hash)
	if got := r.get(r.stranger, "/api/v1/raw/"+raw); got.status != http.StatusNotFound {
		t.Errorf("another's raw: got %d %s, want 404", got.status, got.body)
	}
	sent := r.post(r.stranger, "/api/v1/raw?typetag=cowrie&org="+other.Hash.String(), record)
	if sent.status != http.StatusCreated {
		t.Fatalf("got %d %s", sent.status, sent.body)
	}
	eventually(t, "the other's upload", func() bool {
		done, _ := r.get(r.stranger, "/api/v1/uploads/"+sent.text(t, "id")).member(t, "done").(bool)
		return done
	})
	if mine, theirs := count(r.admin), count(r.stranger); mine != 1.0 || theirs != 1.0 {
		t.Errorf("after: got %v and %v, want 1 and 1", mine, theirs)
	}
	for name, who := range map[string]person{"admin": r.admin, "reader": r.reader, "the other": r.stranger} {
		if got := r.get(who, "/api/v1/raw/"+raw); got.status != http.StatusOK || got.text(t, "src_ip") != "198.51.100.77" {
			t.Errorf("%s: got %d %s", name, got.status, got.body)
		}
	}
}

// TestLongRecordWithoutTheKey asks a server for a record that only others can open.
func TestLongRecordWithoutTheKey(t *testing.T) {
	var lake *ingest.Service
	r := newRig(t, func(c *web.Config) {
		lake = c.Ingest
		own := lake.Config
		own.Keys = publicKeys(t)
		c.Ingest = must(ingest.New(t.Context(), own))(t)
	})
	record := strings.TrimSuffix(strings.TrimSpace(login), "}") + `,"padding":"` + strings.Repeat("x", 2<<20) + `"}`
	u := ingest.Upload{Typetag: "cowrie", Org: r.org.Hash, Timezone: "UTC", Name: "long"}
	receipt := must(lake.Accept(t.Context(), u, strings.NewReader(record)))(t)
	eventually(t, "it is in the graph", func() bool { return must(lake.Upload(t.Context(), receipt.ID))(t).Mapped == 1 })
	for out, err := range ingest.Try(u, time.Unix(0, 0), strings.NewReader(record)) {
		check(t, err)
		got := r.get(r.admin, "/api/v1/raw/"+out.Record.Raw.Hash().String())
		if got.status != http.StatusServiceUnavailable || !strings.Contains(got.text(t, "detail"), "private key") {
			t.Errorf("got %d %.300s", got.status, got.body)
		}
	}
}

// publicKeys are keys that seal and do not open.
func publicKeys(t *testing.T) *ingest.Keys {
	t.Helper()
	dir := t.TempDir()
	_ = must(ingest.LoadOrCreateKeys(dir))(t)
	check(t, os.Remove(filepath.Join(dir, "priv.pem")))
	return must(ingest.LoadOrCreateKeys(dir))(t)
}

// TestFullLakeAsksToWait has a lake whose records nobody works on.
func TestFullLakeAsksToWait(t *testing.T) {
	r := newRig(t, func(c *web.Config) {
		full := c.Ingest.Config
		full.Backlog, full.Bus = 20<<10, must(bus.Open(t.Context(), bus.Config{Dir: t.TempDir()}))(t)
		t.Cleanup(func() { check(t, full.Bus.Close()) })
		c.Ingest = must(ingest.New(t.Context(), full))(t)
	})
	path := "/api/v1/raw?typetag=cowrie&org=" + r.org.Hash.String()
	for range 2 { // however short, a chunk counts as 16 KiB
		if got := r.post(r.admin, path, login); got.status != http.StatusCreated {
			t.Fatalf("got %d %s", got.status, got.body)
		}
	}
	got := r.post(r.admin, path, login)
	wait, err := strconv.Atoi(got.header.Get("Retry-After"))
	if got.status != http.StatusTooManyRequests || err != nil || wait < 1 || !strings.Contains(got.text(t, "detail"), "2 chunks are waiting. Try again later") {
		t.Errorf("got %d, Retry-After %q, %s", got.status, got.header.Get("Retry-After"), got.body)
	}
}

// rawHash is the hash of the raw that a record becomes.
func rawHash(t *testing.T, record string, org tahoe.Hash) string {
	t.Helper()
	data := must(tahoe.ParseValue([]byte(record)))(t)
	return must(tahoe.NewRaw("cowrie", data, org.String(), "UTC"))(t).Hash().String()
}

func TestReprocess(t *testing.T) {
	r := newRig(t)
	r.load(login)
	for name, c := range map[string]struct {
		as     person
		body   string
		status int
	}{
		"admin":              {r.admin, `{"typetag":"cowrie","org":"` + r.orgName + `"}`, 202},
		"superuser":          {r.super, `{"typetag":"cowrie","since":"2020-01-01T00:00:00Z"}`, 202},
		"superuser of one":   {r.super, `{"typetag":"cowrie","org":"` + r.orgName + `"}`, 202},
		"reader":             {r.reader, `{"typetag":"cowrie","org":"` + r.orgName + `"}`, 403},
		"admin of all":       {r.admin, `{"typetag":"cowrie"}`, 403},
		"unknown org":        {r.super, `{"typetag":"cowrie","org":"nobody"}`, 400},
		"unknown format":     {r.super, `{"typetag":"none"}`, 400},
		"no format":          {r.super, `{}`, 400},
		"until before since": {r.super, `{"typetag":"cowrie","since":"2020-01-02T00:00:00Z","until":"2020-01-01T00:00:00Z"}`, 400},
	} {
		t.Run(name, func(t *testing.T) {
			got := r.post(c.as, "/api/v1/reprocess", c.body)
			if got.status != c.status {
				t.Fatalf("got %d %s, want %d", got.status, got.body, c.status)
			}
			if c.status != http.StatusAccepted {
				return
			}
			at := got.header.Get("Location")
			eventually(t, "job", func() bool { return r.get(c.as, at).text(t, "state") == "finished" })
			if seen := r.get(r.stranger, at); seen.status != http.StatusNotFound {
				t.Errorf("stranger: got %d %s, want 404", seen.status, seen.body)
			}
			if gone := r.do(call{method: http.MethodDelete, path: at, as: c.as}); gone.status != http.StatusNoContent {
				t.Errorf("cancel: got %d %s", gone.status, gone.body)
			}
		})
	}
	if jobs, _ := r.get(r.admin, "/api/v1/reprocess").member(t, "jobs").([]any); len(jobs) != 2 {
		t.Errorf("admin: got %d jobs, want the 2 of the organisation", len(jobs))
	}
	if jobs, _ := r.get(r.stranger, "/api/v1/reprocess").member(t, "jobs").([]any); len(jobs) != 0 {
		t.Errorf("stranger: got %d jobs", len(jobs))
	}
	// How many vertices are new tells what others have: superusers alone are told.
	kv := must(r.bus.KV(t.Context(), bus.KVConfig{Bucket: "reprocess"}))(t)
	for _, e := range must(kv.List(t.Context(), "job.*"))(t) {
		must(kv.Put(t.Context(), e.Key, bytes.Replace(e.Value, []byte(`"events":`), []byte(`"added":7,"events":`), 1)))(t)
	}
	for name, c := range map[string]struct {
		as   person
		told bool
	}{"superuser": {r.super, true}, "administrator": {r.admin, false}} {
		jobs, _ := r.get(c.as, "/api/v1/reprocess").member(t, "jobs").([]any)
		for _, job := range jobs {
			one := r.get(c.as, "/api/v1/reprocess/"+job.(map[string]any)["id"].(string))
			if job.(map[string]any)["added"] != nil != c.told || strings.Contains(string(one.body), "added") != c.told {
				t.Errorf("%s: got %v and %s", name, job, one.body)
			}
		}
		if len(jobs) == 0 {
			t.Errorf("%s: there are no jobs", name)
		}
	}
}

func TestDeadLettersAreForAdministrators(t *testing.T) {
	r := newRig(t)
	letter := r.bury("cowrie", login)
	for name, c := range map[string]struct {
		as   person
		seen bool
	}{"admin": {r.admin, true}, "superuser": {r.super, true}, "reader": {r.reader, false}, "stranger": {r.stranger, false}} {
		list, _ := r.get(c.as, "/api/v1/dead").member(t, "dead").([]any)
		one := r.get(c.as, "/api/v1/dead/"+letter)
		if (len(list) == 1) != c.seen || (one.status == http.StatusOK) != c.seen {
			t.Errorf("%s: got %v and %d %s", name, list, one.status, one.body)
		}
	}
	if got := r.get(r.admin, "/api/v1/dead/"+letter); !strings.Contains(string(got.body), "198.51.100.7") || got.text(t, "reason") != "test" {
		t.Errorf("got %s", got.body)
	}
	for _, path := range []string{"/api/v1/dead/0", "/api/v1/dead/x", "/api/v1/dead/999"} {
		if got := r.get(r.admin, path); got.status != http.StatusNotFound {
			t.Errorf("%s: got %d %s", path, got.status, got.body)
		}
	}
	if got := r.get(r.admin, "/api/v1/dead?after=x"); got.status != http.StatusBadRequest {
		t.Errorf("after=x: got %d %s", got.status, got.body)
	}
	if got := r.post(r.reader, "/api/v1/dead/"+letter+"/retry", ""); got.status != http.StatusNotFound {
		t.Errorf("reader retries: got %d %s", got.status, got.body)
	}
	if got := r.post(r.admin, "/api/v1/dead/"+letter+"/retry", ""); got.status != http.StatusAccepted {
		t.Fatalf("retry: got %d %s", got.status, got.body)
	}
	eventually(t, "the record is in the graph", func() bool {
		return r.get(r.admin, "/api/v1/raw/"+rawHash(t, login, r.org.Hash)).status == http.StatusOK
	})
	second := r.bury("cowrie", login)
	if got := r.do(call{method: http.MethodDelete, path: "/api/v1/dead/" + second, as: r.admin}); got.status != http.StatusNoContent {
		t.Errorf("delete: got %d %s", got.status, got.body)
	}
	if list, _ := r.get(r.super, "/api/v1/dead").member(t, "dead").([]any); len(list) != 0 {
		t.Errorf("left: %v", list)
	}
}
