package web_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/tahoe"
)

func (r *rig) put(as person, path, body string) answer {
	r.t.Helper()
	return r.do(call{method: http.MethodPut, path: path, as: as, body: strings.NewReader(body)})
}

func (r *rig) remove(as person, path string) answer {
	r.t.Helper()
	return r.do(call{method: http.MethodDelete, path: path, as: as})
}

// count asks how many rows a query has.
func (r *rig) count(as person, tdql string) float64 {
	r.t.Helper()
	got := r.do(call{method: http.MethodPost, path: "/query", as: as, body: strings.NewReader(`{"redo":true,"tdql":"` + tdql + ` | count"}`)})
	rows, _ := got.member(r.t, "data").([]any)
	if len(rows) != 1 {
		r.t.Fatalf("%s: got %d %s", tdql, got.status, got.body)
	}
	n, _ := rows[0].(map[string]any)["count"].(float64)
	return n
}

func TestClassification(t *testing.T) {
	r := newRig(t)
	r.load(logins(2))
	event := r.hashesBy(r.reader, "events")["login"]
	ip := must(tahoe.AttributeHash("ipv4", tahoe.String("198.51.100.7")))(t).String()
	client := must(reportd.Dial(t.Context(), r.url, r.reader.token))(t)
	defer client.Close()
	told := make(chan string, 1)
	started := make(chan struct{})
	go func() {
		defer close(told)
		for f, err := range client.Query(t.Context(), "watch events category benign", nil) {
			if err != nil {
				return
			}
			if f.Type == reportd.TypeHeader {
				close(started)
			}
			if rows, err := f.Rows(); f.Type == reportd.TypeRows && err == nil && len(rows) > 0 {
				told <- string(rows[0])
				return
			}
		}
	}()
	<-started

	path := "/api/v1/events/" + event
	for _, c := range []struct {
		name   string
		as     person
		path   string
		body   string
		status int
	}{
		{"a reader", r.reader, path + "/category", `{"category":"benign"}`, 403},
		{"a stranger", r.stranger, path + "/category", `{"category":"benign"}`, 404},
		{"a superuser who does not read it", r.super, path + "/category", `{"category":"benign"}`, 404},
		{"no category", r.admin, path + "/category", `{"category":"bad"}`, 400},
		{"not an event", r.admin, "/api/v1/events/" + ip + "/category", `{"category":"benign"}`, 404},
		{"no hash", r.admin, "/api/v1/events/x/category", `{"category":"benign"}`, 404},
		{"an administrator", r.admin, path + "/category", `{"category":"benign"}`, 200},
		{"context by a reader", r.reader, path + "/context", `{"instance":"` + ip + `","context":"malicious"}`, 403},
		{"context of what is not in it", r.admin, path + "/context", `{"instance":"` + strings.Repeat("1", 64) + `","context":"malicious"}`, 404},
		{"context of nothing", r.admin, path + "/context", `{"instance":"x","context":"malicious"}`, 400},
		{"context", r.admin, path + "/context", `{"instance":"` + ip + `","context":"benign"}`, 200},
	} {
		if got := r.put(c.as, c.path, c.body); got.status != c.status || c.status == 200 && got.text(t, "category") != "benign" {
			t.Errorf("%s: got %d %s, want %d", c.name, got.status, got.body, c.status)
		}
	}
	r.told(event, audit.Category, audit.Context)
	for query, want := range map[string]float64{"events category benign": 1, "ipv4 198.51.100.7 | events context benign": 1} {
		if got := r.count(r.reader, query); got != want {
			t.Errorf("%s: got %v, want %v", query, got, want)
		}
	}
	if row := <-told; !strings.Contains(row, event) {
		t.Errorf("the watch told %q", row)
	}
}

func TestEventsAreRemoved(t *testing.T) {
	r := newRig(t)
	r.load(strings.ReplaceAll(logins(3), "198.51.100.7", "198.51.100.31")) // of no other test: what two upload is one raw
	path := "/api/v1/events/" + r.hashesBy(r.reader, "events")["login"]
	if got := r.remove(r.reader, path); got.status != http.StatusForbidden {
		t.Errorf("reader: got %d %s", got.status, got.body)
	}
	if got := r.remove(r.stranger, path); got.status != http.StatusNotFound {
		t.Errorf("stranger: got %d %s", got.status, got.body)
	}
	got := r.remove(r.admin, path)
	if removed, _ := got.member(t, "removed").(map[string]any); got.status != http.StatusOK || removed["events"] != 1.0 || len(removed) != 1 {
		t.Errorf("admin: got %d %s", got.status, got.body)
	}
	r.told(strings.TrimPrefix(path, "/api/v1/events/"), audit.Removal)
	if got := r.remove(r.admin, path); got.status != http.StatusNotFound {
		t.Errorf("again: got %d %s", got.status, got.body)
	}
	if events, raws := r.count(r.reader, "events"), r.count(r.reader, "raws"); events != 2 || raws != 2 {
		t.Errorf("%v events and %v raws are left, want 2 and 2", events, raws)
	}
}

func TestUploadsAreTakenBack(t *testing.T) {
	r := newRig(t)
	of := func(ip string, n int) string { return strings.ReplaceAll(logins(n), "198.51.100.7", ip) }
	r.load(of("198.51.100.41", 2))
	sent := r.post(r.admin, "/api/v1/raw?typetag=cowrie&org="+r.orgName, of("198.51.100.42", 3)+"no JSON\n")
	id := sent.text(t, "id")
	r.uploaded(id)
	path := "/api/v1/uploads/" + id
	for name, as := range map[string]person{"reader": r.reader, "stranger": r.stranger, "superuser": r.super} {
		if got := r.remove(as, path); got.status != http.StatusNotFound {
			t.Errorf("%s: got %d %s", name, got.status, got.body)
		}
	}
	if n := r.removal(r.remove(r.admin, path)); n != 3 {
		t.Errorf("%v events were removed, want 3", n)
	}
	r.told(id, audit.Removal)
	if got := r.get(r.admin, path); got.status != http.StatusNotFound {
		t.Errorf("after it: got %d %s", got.status, got.body)
	}
	if got := r.count(r.reader, "events"); got != 2 {
		t.Errorf("%v events are left, want 2", got)
	}
	if got := r.remove(r.admin, "/api/v1/orgs/"+r.orgName+"/data"); got.status != http.StatusForbidden {
		t.Errorf("an administrator removes all: got %d %s", got.status, got.body)
	}
	removed := r.removal(r.remove(r.super, "/api/v1/orgs/"+r.orgName+"/data"))
	if events, raws := r.count(r.reader, "events"), r.count(r.reader, "raws"); removed != 2 || events != 0 || raws != 0 {
		t.Errorf("%v events were removed; %v events and %v raws are left", removed, events, raws)
	}
	if told := r.newest(audit.Filter{Action: string(audit.Removal)}); told.User != r.super.Hash.String() || told.Object != r.org.Hash.String() {
		t.Errorf("the trail has %s", told.Text)
	}
}

// removal waits for a removal that was asked for, and gives the number of events that went. Only who may know of it is told.
func (r *rig) removal(asked answer) (events float64) {
	r.t.Helper()
	where := asked.header.Get("Location")
	if asked.status != http.StatusAccepted || where != "/api/v1/removals/"+asked.text(r.t, "id") {
		r.t.Fatalf("got %d %v %s", asked.status, asked.header, asked.body)
	}
	for _, as := range []person{r.reader, r.stranger} {
		if got := r.get(as, where); got.status != http.StatusNotFound {
			r.t.Errorf("who has nothing to do with a removal: got %d %s", got.status, got.body)
		}
		if got := r.get(as, "/api/v1/removals"); string(bytes.TrimSpace(got.body)) != `{"removals":[]}` {
			r.t.Errorf("who has nothing to do with removals: got %d %s", got.status, got.body)
		}
	}
	var got answer
	eventually(r.t, "removal", func() bool {
		got = r.get(r.admin, where)
		return got.text(r.t, "state") == "finished"
	})
	if all := r.get(r.super, "/api/v1/removals"); !bytes.Contains(all.body, bytes.TrimSpace(got.body)) {
		r.t.Errorf("%s is not among %s", got.body, all.body)
	}
	events, _ = got.member(r.t, "events").(float64)
	return events
}

// member makes a user who reads the rig's organisation.
func (r *rig) member(name string) person {
	r.t.Helper()
	u := must(r.users.CreateUser(r.t.Context(), identity.User{Email: name + "@example.org", Name: name}))(r.t)
	must(r.users.Grant(r.t.Context(), r.org.Hash, u.Hash, identity.Reader))(r.t)
	return person{u, must(r.users.Issue(r.t.Context(), u.Hash, 1e12))(r.t)}
}
