package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/web"
)

// countsOf lists what the statistics tell somebody.
func (r *rig) countsOf(as person) (list []string, lake bool) {
	r.t.Helper()
	got := r.get(as, "/api/v1/stats")
	var body struct {
		Complete bool
		Counts   []struct {
			Kind    string
			SubType string `json:"sub_type"`
			Count   int
			Exact   bool
		}
		Lake *struct{ Chunks int }
	}
	check(r.t, json.Unmarshal(got.body, &body))
	if got.status != http.StatusOK || !body.Complete {
		r.t.Errorf("got %d %s", got.status, got.body)
	}
	list = []string{}
	for _, c := range body.Counts {
		list = append(list, fmt.Sprint(c.Kind, " ", c.SubType, " ", c.Count))
		if !c.Exact {
			r.t.Errorf("%+v is not exact", c)
		}
	}
	return list, body.Lake != nil
}

func TestStats(t *testing.T) {
	r := newRig(t)
	r.load(logins(30))
	want := []string{"attribute password 25", "attribute ipv4 1", "attribute method 1", "attribute sensor 1", "attribute sessionid 1", "attribute success 1",
		"attribute username 1", "event login 30", "object credential 25", "object attacker 1", "raw cowrie 30", "session cowrie_session 1"}
	for name, c := range map[string]struct {
		as   person
		want []string
		lake bool
	}{
		"reader": {r.reader, want, false}, "administrator": {r.admin, want, true},
		"stranger": {r.stranger, []string{}, false}, "superuser": {r.super, []string{}, true},
	} {
		list, lake := r.countsOf(c.as)
		list = without(list, "attribute sensor 1", "attribute sessionid 1")
		if diff := cmp.Diff(without(c.want, "attribute sensor 1", "attribute sessionid 1"), list); diff != "" || lake != c.lake {
			t.Errorf("%s: lake %v; (-want +got):\n%s", name, lake, diff)
		}
	}
}

// without leaves out what only sessions hold, which the newest events do not tell of.
func without(list []string, some ...string) []string {
	out := []string{}
	for _, one := range list {
		if !strings.Contains(strings.Join(some, "\n"), one) {
			out = append(out, one)
		}
	}
	return out
}

func TestHealth(t *testing.T) {
	broken := false
	r := newRig(t, func(c *web.Config) {
		c.Checks["bus"] = func(context.Context) error {
			if broken {
				return errors.New("secret cause")
			}
			return nil
		}
	})
	if got := r.get(r.admin, "/api/v1/health"); got.status != http.StatusForbidden {
		t.Errorf("admin: got %d %s", got.status, got.body)
	}
	type answered struct {
		State string
		Parts []struct{ Name, State, Detail, Advice string }
	}
	look := func() (answered, map[string]string) {
		got := r.get(r.super, "/api/v1/health")
		var h answered
		check(t, json.Unmarshal(got.body, &h))
		if strings.Contains(string(got.body), "secret") {
			t.Errorf("a cause is told: %s", got.body)
		}
		states := map[string]string{}
		for _, p := range h.Parts {
			states[p.Name] = p.State
			if p.Detail == "" || p.State != "ok" && p.Advice == "" {
				t.Errorf("says too little: %+v", p)
			}
		}
		return h, states
	}
	h, states := look()
	delete(states, "disk") // of the machine
	if diff := cmp.Diff(map[string]string{"graph": "ok", "bus": "ok", "lake": "ok", "dead letters": "ok", "reports": "ok", "sources": "ok"}, states); diff != "" {
		t.Errorf("%v (-want +got):\n%s", h, diff)
	}
	broken = true
	r.bury("cowrie", "x")
	h, states = look()
	if h.State != "down" || states["bus"] != "down" || states["dead letters"] != "warning" {
		t.Errorf("got %+v", h)
	}
}

func TestFormats(t *testing.T) {
	r := newRig(t)
	list, _ := r.get(r.reader, "/api/v1/typetags").member(t, "typetags").([]any)
	if len(list) < 11 {
		t.Errorf("got %v", list)
	}
	got := r.post(r.admin, "/api/v1/raw/detect?name=pot.json", logins(3))
	var body struct {
		Candidates []struct {
			Typetag, Why    string
			Records, Mapped int
		}
	}
	check(t, json.Unmarshal(got.body, &body))
	if got.status != http.StatusOK || len(body.Candidates) == 0 || body.Candidates[0].Typetag != "cowrie" || body.Candidates[0].Mapped != 3 {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if got := r.post(r.admin, "/api/v1/raw/detect", "nothing of note"); got.status != http.StatusOK || strings.TrimSpace(string(got.body)) != `{"candidates":[]}` {
		t.Errorf("got %d %s", got.status, got.body)
	}
}
