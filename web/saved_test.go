package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/identity"
)

// savedNames lists what somebody sees, with a star on what is theirs.
func (r *rig) savedNames(as person) []string {
	r.t.Helper()
	got := r.get(as, "/api/v1/saved")
	var body struct {
		Saved []struct {
			Name string
			Mine bool
		}
	}
	check(r.t, json.Unmarshal(got.body, &body))
	names := []string{}
	for _, q := range body.Saved {
		if q.Mine {
			q.Name += "*"
		}
		names = append(names, q.Name)
	}
	return names
}

func TestSavedQueries(t *testing.T) {
	r := newRig(t)
	post := func(as person, body string) answer { return r.post(as, "/api/v1/saved", body) }
	own := post(r.reader, `{"name":"logins","tdql":"events login last $n","params":{"n":"7d"}}`)
	shared := post(r.admin, `{"name":"watched","tdql":"watch events login last 1h","watch":true,"org":"`+r.orgName+`"}`)
	if own.status != http.StatusCreated || shared.status != http.StatusCreated || shared.text(t, "org_name") != r.orgName ||
		own.header.Get("Location") != "/api/v1/saved/"+own.text(t, "id") {
		t.Fatalf("got %d %s and %d %s", own.status, own.body, shared.status, shared.body)
	}
	for name, c := range map[string]struct {
		as   person
		want []string
	}{
		"reader": {r.reader, []string{"logins*", "watched"}}, "admin": {r.admin, []string{"watched*"}}, "stranger": {r.stranger, []string{}},
	} {
		if diff := cmp.Diff(c.want, r.savedNames(c.as)); diff != "" {
			t.Errorf("%s sees (-want +got):\n%s", name, diff)
		}
	}
	for name, body := range map[string]string{
		"no name":                         `{"name":" ","tdql":"events"}`,
		"a name of two lines":             `{"name":"a\nb","tdql":"events"}`,
		"a long name":                     `{"name":"` + strings.Repeat("é", 101) + `","tdql":"events"}`,
		"a faulty query":                  `{"name":"x","tdql":"events last 7x"}`,
		"a parameter that has no value":   `{"name":"x","tdql":"events last $n"}`,
		"a watch that is none":            `{"name":"x","tdql":"events","watch":true}`,
		"an organisation of others":       `{"name":"x","tdql":"events","org":"nobody"}`,
		"organisations that may be there": `{"name":"x","tdql":"events org nobody"}`,
		"large parameters":                `{"name":"x","tdql":"events","params":{"a":"` + strings.Repeat("x", 20_000) + `"}}`,
	} {
		if got := post(r.reader, body); got.status != http.StatusBadRequest {
			t.Errorf("%s: got %d %s", name, got.status, got.body)
		}
	}
	if got := post(r.reader, `{"name":"x","tdql":"count ipv4 1.1.1.1 last 7x"}`); !strings.Contains(string(got.body), `"column":25`) {
		t.Errorf("a fault has no place: %s", got.body)
	}
	if got := post(r.reader, `{"name":"logins","tdql":"events"}`); got.status != http.StatusConflict {
		t.Errorf("a name that is taken: got %d %s", got.status, got.body)
	}
}

func TestSavedQueriesAreChangedByTheirOwners(t *testing.T) {
	r := newRig(t)
	got := r.post(r.admin, "/api/v1/saved", `{"name":"a","tdql":"events","org":"`+r.orgName+`"}`)
	path := "/api/v1/saved/" + got.text(t, "id")
	for name, c := range map[string]struct {
		as               person
		read, put, other int
	}{
		"reader": {r.reader, 200, 403, 403}, "stranger": {r.stranger, 404, 404, 404},
	} {
		read, put, del := r.get(c.as, path), r.put(c.as, path, `{"name":"b","tdql":"events"}`), r.remove(c.as, path)
		if read.status != c.read || put.status != c.put || del.status != c.other {
			t.Errorf("%s: got %d, %d, %d", name, read.status, put.status, del.status)
		}
	}
	if got := r.put(r.admin, path, `{"name":"c","tdql":"count events last 1d"}`); got.status != http.StatusOK || got.text(t, "name") != "c" || got.member(t, "org") != nil {
		t.Errorf("change: got %d %s", got.status, got.body)
	}
	if got := r.get(r.reader, path); got.status != http.StatusNotFound {
		t.Errorf("no longer shared: got %d %s", got.status, got.body)
	}
	if got := r.remove(r.admin, path); got.status != http.StatusNoContent || len(r.savedNames(r.admin)) != 0 {
		t.Errorf("remove: got %d %s", got.status, got.body)
	}
	if got := r.get(r.admin, "/api/v1/saved/%2e%2e"); got.status != http.StatusNotFound {
		t.Errorf("odd id: got %d %s", got.status, got.body)
	}
}

func TestComments(t *testing.T) {
	r := newRig(t)
	r.load(logins(1))
	event := r.hashesBy(r.reader, "events")["login"]
	path := "/api/v1/instances/" + event + "/comments"
	other := must(r.users.CreateOrg(t.Context(), r.stranger.Hash, identity.Org{Name: r.orgName + "-other", Title: "Other"}))(t)
	must(r.users.Grant(t.Context(), other.Hash, r.reader.Hash, identity.Reader))(t)
	say := func(as person, org, text string) answer {
		body, _ := json.Marshal(map[string]string{"text": text, "org": org}) // strings are always JSON
		return r.post(as, path, string(body))
	}
	first := say(r.reader, r.orgName, "looks like <b>Mirai</b>\nsecond line")
	second := say(r.reader, other.Name, "for the others")
	if first.status != http.StatusCreated || second.status != http.StatusCreated || first.text(t, "author_name") != "rita" {
		t.Fatalf("got %d %s and %d %s", first.status, first.body, second.status, second.body)
	}
	for name, c := range map[string]struct {
		as   person
		want int
	}{"reader of both": {r.reader, 2}, "reader of one": {r.admin, 1}} {
		list, _ := r.get(c.as, path).member(t, "comments").([]any)
		if len(list) != c.want {
			t.Errorf("%s sees %v, want %d", name, list, c.want)
		}
	}
	// Who reads the other organisation, but not the event, sees no comment on it.
	if got := r.get(r.stranger, path); got.status != http.StatusNotFound {
		t.Errorf("stranger: got %d %s", got.status, got.body)
	}
	for name, got := range map[string]answer{
		"nothing": say(r.reader, r.orgName, " \n"), "too much": say(r.reader, r.orgName, strings.Repeat("x", 4001)),
		"bells": say(r.reader, r.orgName, "a\x07"), "for an organisation of others": say(r.admin, other.Name, "x"), "for none": say(r.reader, "", "x"),
	} {
		if got.status != http.StatusBadRequest {
			t.Errorf("%s: got %d %s", name, got.status, got.body)
		}
	}
	remove := func(as person, a answer) int { return r.remove(as, "/api/v1/comments/"+a.text(t, "id")).status }
	got := []int{remove(r.member("mia"), first), remove(r.admin, second), remove(r.admin, first), remove(r.reader, second), remove(r.reader, second)}
	if diff := cmp.Diff([]int{403, 404, 204, 204, 404}, got); diff != "" {
		t.Errorf("deleting (-want +got):\n%s", diff)
	}
	for _, action := range []audit.Action{audit.CommentAdd, audit.CommentDrop} {
		if got := r.newest(audit.Filter{Action: string(action)}); got.Object != event || !slices.Contains(got.Orgs, other.Hash) {
			t.Errorf("%s: the record is %s", action, got.Text)
		}
	}
	if left := fmt.Sprint(r.get(r.reader, path).member(t, "comments")); left != "[]" {
		t.Errorf("left: %s", left)
	}
}
