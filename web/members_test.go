package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// as makes a call with a JSON body.
func (r *rig) as(who person, method, path, body string) answer {
	r.t.Helper()
	return r.do(call{method: method, path: path, as: who, body: strings.NewReader(body)})
}

// roles are what an answer about an organisation says of its people.
func roles(t *testing.T, a answer) map[string]string {
	t.Helper()
	var body struct {
		Members []struct {
			Email, Role string
			Reads       bool
		}
	}
	check(t, json.Unmarshal(a.body, &body))
	out := map[string]string{}
	for _, m := range body.Members {
		name, _, _ := strings.Cut(m.Email, "@")
		out[name] = m.Role
		if !m.Reads {
			out[name] += " unread"
		}
	}
	return out
}

func TestMembers(t *testing.T) {
	r := newRig(t)
	org := "/api/v1/orgs/" + r.orgName
	sven := org + "/members/sven%40example.org"
	for _, step := range []struct {
		as                 person
		method, path, body string
		status             int
		want               string // roles, if it is done
	}{
		{r.admin, http.MethodGet, org, "", 200, "map[ada:admin rita:reader]"},
		{r.super, http.MethodGet, org, "", 200, "map[ada:admin rita:reader]"},
		{r.reader, http.MethodGet, org, "", 403, ""},
		{r.stranger, http.MethodGet, org, "", 404, ""},
		{r.admin, http.MethodGet, org + "x", "", 404, ""},
		{r.stranger, http.MethodPut, sven, `{"role":"admin"}`, 404, ""},
		{r.reader, http.MethodPut, sven, `{"role":"admin"}`, 403, ""},
		{r.admin, http.MethodPut, sven, `{"role":"member"}`, 200, "map[ada:admin rita:reader sven:member]"},
		{r.admin, http.MethodPut, sven, `{"role":"member"}`, 200, "map[ada:admin rita:reader sven:member]"},
		{r.admin, http.MethodPut, sven, `{"role":"member","reads":false}`, 200, "map[ada:admin rita:reader sven:member unread]"},
		{r.admin, http.MethodPut, sven, `{"role":"reader","reads":false}`, 400, ""},
		{r.admin, http.MethodPut, sven, `{"role":"boss"}`, 400, ""},
		{r.admin, http.MethodPut, org + "/members/nobody", `{"role":"reader"}`, 404, ""},
		{r.admin, http.MethodPut, sven, `{"role":"admin"}`, 200, "map[ada:admin rita:reader sven:admin]"},
		{r.stranger, http.MethodPut, org + "/members/" + r.admin.Hash.String(), `{"role":"reader"}`, 200, "map[ada:reader rita:reader sven:admin]"},
		{r.stranger, http.MethodPut, sven, `{"role":"reader"}`, 409, ""},
		{r.stranger, http.MethodDelete, sven, "", 409, ""},
		{r.super, http.MethodPut, org + "/members/ada@example.org", `{"role":"admin"}`, 200, "map[ada:admin rita:reader sven:admin]"},
		{r.stranger, http.MethodDelete, sven, "", 200, "map[ada:admin rita:reader]"},
		{r.stranger, http.MethodDelete, sven, "", 404, ""},
		{r.admin, http.MethodDelete, sven, "", 409, ""},
	} {
		got := r.as(step.as, step.method, step.path, step.body)
		if got.status != step.status {
			t.Errorf("%s %s %s: got %d %s, want %d", step.method, step.path, step.body, got.status, got.body, step.status)
			continue
		}
		if step.status == http.StatusOK {
			if people := fmt.Sprint(roles(t, got)); people != step.want {
				t.Errorf("%s %s %s: got %s, want %s", step.method, step.path, step.body, people, step.want)
			}
		}
	}
}

// TestReadingListDecides asks as a member who is kept off the list, and as one who is on it and no member.
func TestReadingListDecides(t *testing.T) {
	r := newRig(t)
	r.load(strings.ReplaceAll(login, "198.51.100.7", "198.51.100.78"))
	count := func(who person) any {
		return r.post(who, "/query", `{"type":"count","data":{"sub_type":"ipv4","data":"198.51.100.78"},"redo":true}`).member(t, "data")
	}
	member := "/api/v1/orgs/" + r.orgName + "/members/sven@example.org"
	if got := r.as(r.admin, http.MethodPut, member, `{"role":"member","reads":false}`); got.status != http.StatusOK {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	if on, off := count(r.reader), count(r.stranger); on != 1.0 || off != 0.0 {
		t.Errorf("got %v on the list and %v off it, want 1 and 0", on, off)
	}
	if got := r.as(r.admin, http.MethodPut, member, `{"role":"reader"}`); got.status != http.StatusOK {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	if got := count(r.stranger); got != 1.0 {
		t.Errorf("once on it: got %v, want 1", got)
	}
}

func TestUsersOverHTTP(t *testing.T) {
	r := newRig(t)
	const body = `{"email":"new@example.org","name":"New","password":"` + goodPassword + `"}`
	for _, step := range []struct {
		as                 person
		method, path, body string
		status             int
	}{
		{r.admin, http.MethodPost, "/api/v1/users", body, 403},
		{r.admin, http.MethodGet, "/api/v1/users", "", 403},
		{r.admin, http.MethodPut, "/api/v1/users/rita@example.org/password", `{"password":"another good sentence"}`, 403},
		{r.super, http.MethodPost, "/api/v1/users", strings.Replace(body, goodPassword, "password1234", 1), 400},
		{r.super, http.MethodPost, "/api/v1/users", strings.Replace(body, "new@", "", 1), 400},
		{r.super, http.MethodPost, "/api/v1/users", body, 201},
		{r.super, http.MethodPost, "/api/v1/users", strings.Replace(body, "new", "NEW", 1), 409},
		{r.super, http.MethodPut, "/api/v1/users/new@example.org/password", `{"password":"short"}`, 400},
		{r.super, http.MethodPut, "/api/v1/users/none@example.org/password", `{"password":"another good sentence"}`, 404},
		{r.super, http.MethodPut, "/api/v1/users/new@example.org/password", `{"password":"another good sentence"}`, 204},
		{r.super, http.MethodPost, "/api/v1/orgs", `{"name":"` + r.orgName + `-2","admins":["new@example.org"],"users":["rita@example.org"]}`, 201},
		{r.super, http.MethodPost, "/api/v1/orgs", `{"name":"` + r.orgName + `-3","admins":["none@example.org"]}`, 400},
	} {
		if got := r.as(step.as, step.method, step.path, step.body); got.status != step.status {
			t.Errorf("%s %s %s: got %d %s, want %d", step.method, step.path, step.body, got.status, got.body, step.status)
		}
	}
	list := r.get(r.super, "/api/v1/users")
	if text := string(list.body); list.status != http.StatusOK || !strings.Contains(text, "new@example.org") || strings.Contains(text, "argon2") {
		t.Errorf("got %d %s", list.status, list.body)
	}
	signed := r.signIn("new@example.org", "another good sentence", `,"token":true`)
	if got := r.get(person{token: signed.text(t, "token")}, "/api/v1/orgs/"+r.orgName+"-2"); fmt.Sprint(roles(t, got)) != "map[new:admin rita:member]" {
		t.Errorf("got %d %s", got.status, got.body)
	}
}
