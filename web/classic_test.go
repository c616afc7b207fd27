package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/web"
)

// club is the rig of the original's tests of identities: u1 administers org1; org2 has u1 and u2, who administers it; org3 has u2; u3
// is in none.
type club struct {
	*rig
	u1, u2, u3       person
	org1, org2, org3 identity.Org
}

func newClub(t *testing.T) *club {
	t.Helper()
	r := newRig(t)
	join := func(name string) person {
		u := must(r.users.CreateUser(t.Context(), identity.User{Email: name + "@example.com", Name: "User " + name[1:]}))(t)
		return person{u, must(r.users.Issue(t.Context(), u.Hash, 1e12))(t)}
	}
	c := &club{rig: r, u1: join("u1"), u2: join("u2"), u3: join("u3")}
	found := func(name string, admin person) identity.Org {
		return must(r.users.CreateOrg(t.Context(), admin.Hash, identity.Org{Name: name}))(t)
	}
	c.org1, c.org2, c.org3 = found("org1", c.u1), found("org2", c.u2), found("org3", c.u2)
	c.org2 = must(r.users.Grant(t.Context(), c.org2.Hash, c.u1.Hash, identity.Member))(t)
	return c
}

// says sends a classic call and compares the status and the message.
func (c *club) says(as person, path, body string, status int, message string) answer {
	c.t.Helper()
	got := c.post(as, path, body)
	if got.status != status || got.text(c.t, "message") != message {
		c.t.Errorf("%s %s: got %d %s\nwant %d %s", path, body, got.status, got.body, status, message)
	}
	c.secretFree(got)
	return got
}

// secretFree holds that an answer has no password and no hash of one.
func (c *club) secretFree(got answer) {
	c.t.Helper()
	if text := strings.ToLower(string(got.body)); strings.Contains(text, "argon2") || strings.Contains(text, `"password"`) {
		c.t.Errorf("a password came out: %s", got.body)
	}
}

// hash prints the user's hash in JSON.
func hashes(people ...person) string {
	texts := make([]string, len(people))
	for i, p := range people {
		texts[i] = p.Hash.String()
	}
	text, _ := json.Marshal(texts)
	return string(text)
}

func TestClassicCreate(t *testing.T) {
	c := newClub(t)
	both := hashes(c.u1, c.u2)
	org := `{"orgname":"org10","user":` + both + `,"admin":` + both + `,"name":"Org 10"}`
	c.says(c.u1, "/create/org", org, 403, "Only CYBEX-P admin can create org!")
	got := c.says(c.super, "/create/org", org, 201, "Org created!")
	result, _ := got.member(t, "result").(map[string]any)
	if made := must(c.users.Org(t.Context(), tahoe.OrgHash("org10")))(t); c.parts(made) != "aa-" {
		t.Errorf("made %+v", made)
	}
	if result["_hash"] != tahoe.OrgHash("org10").String() || result["itype"] != "object" || result["sub_type"] != "cybexp_org" {
		t.Errorf("got %s", got.body)
	}
	c.says(c.super, "/create/org", org, 400, "Orgname = org10 already exists!")

	user := func(email, one, two string) string {
		return fmt.Sprintf(`{"email":%q,"password":%q,"password2":%q,"name":"test_user"}`, email, one, two)
	}
	c.says(c.u1, "/create/user", user("1@b.c", "abc", "abd"), 400, "Passwords do not match!")
	c.says(c.u1, "/create/user", user("1@b.c", "abc", "abc"), 403, "Only CYBEX-P admin can create user!")
	if got := c.post(c.super, "/create/user", user("1@b.c", "abc", "abc")); got.status != 400 || !strings.Contains(got.text(t, "message"), "12") {
		t.Errorf("a short password: got %d %s", got.status, got.body)
	}
	got = c.says(c.super, "/create/user", user("1@b.c", goodPassword, goodPassword), 201, "User created!")
	result, _ = got.member(t, "result").(map[string]any)
	if refs, _ := result["_ref"].([]any); len(refs) != 2 || result["_hash"] != tahoe.UserHash("1@b.c", false).String() {
		t.Errorf("got %s", got.body)
	}
	c.says(c.super, "/create/user", user("1@b.c", goodPassword, goodPassword), 400, "Username/email = 1@b.c already exists!")
	if me := c.get(person{token: got.text(t, "token")}, "/user/info/self"); me.status != 200 {
		t.Errorf("its token: got %d %s", me.status, me.body)
	}
	if got := c.signIn("1@b.c", goodPassword, `,"token":true`); got.status != 201 || got.text(t, "token") == "" {
		t.Errorf("its password: got %d %s", got.status, got.body)
	}
}

func TestClassicInfo(t *testing.T) {
	c := newClub(t)
	info := func(as person, org identity.Org, more string) map[string]any {
		t.Helper()
		got := c.says(as, "/org/info", `{"org_hash":"`+org.Hash.String()+`"`+more+`}`, 200, "See result.")
		result, _ := got.member(t, "result").(map[string]any)
		return result
	}
	for more, want := range map[string]string{
		``: "acl admin user", `,"return_type":["all"]`: "acl admin user", `,"return_type":"all"`: "acl admin user",
		`,"return_type":["admin","all"]`: "acl admin user", `,"return_type":["admin"]`: "admin", `,"return_type":"user"`: "user",
		`,"return_type":["admin","user"]`: "admin user", `,"return_type":["acl","admin"]`: "acl admin",
	} {
		if got := strings.Join(sortedKeys(info(c.u1, c.org1, more)), " "); got != want {
			t.Errorf("%s: got %s, want %s", more, got, want)
		}
	}
	for part, want := range map[string]int{"acl": 2, "admin": 1, "user": 2} {
		if got, _ := info(c.u2, c.org2, "")[part].([]any); len(got) != want {
			t.Errorf("%s: got %d, want %d", part, len(got), want)
		}
	}
	admins, _ := info(c.u1, c.org1, "")["admin"].([]any)
	got := must(json.Marshal(admins[0]))(t)
	if want := must(json.Marshal(c.u1.Document()))(t); len(admins) != 1 || !sameJSON(t, got, want) {
		t.Errorf("the administrators: got %s and %d in all, want %s", got, len(admins), want)
	}
	if got := info(c.u1, c.org1, `,"return_type":"acl"`)["acl"]; !reflect.DeepEqual(got, []any{c.u1.Hash.String()}) {
		t.Errorf("who reads: got %v, want hashes", got)
	}
}

func TestClassicLists(t *testing.T) {
	c := newClub(t)
	names := func(as person, path string) []string {
		t.Helper()
		got := c.get(as, path)
		c.secretFree(got)
		var body struct {
			Message string
			Result  []struct{ Data struct{ Orgname []string } }
		}
		check(t, json.Unmarshal(got.body, &body))
		if got.status != 200 || body.Message != "See result." || body.Result == nil {
			t.Errorf("%s: got %d %s", path, got.status, got.body)
		}
		out := []string{}
		for _, o := range body.Result {
			out = append(out, o.Data.Orgname...)
		}
		return out
	}
	for _, x := range []struct {
		as   person
		path string
		want []string
	}{
		{c.u1, "/orgs/admin_of", []string{"org1"}}, {c.u3, "/orgs/admin_of", []string{}},
		{c.u1, "/orgs/user_of", []string{"org1", "org2"}}, {c.u3, "/orgs/user_of", []string{}},
	} {
		if got := names(x.as, x.path); !reflect.DeepEqual(got, x.want) {
			t.Errorf("%s: got %v, want %v", x.path, got, x.want)
		}
	}
	self := c.get(c.u1, "/user/info/self")
	var body struct{ Result identity.Document }
	check(t, json.Unmarshal(self.body, &body))
	text, _ := json.Marshal(body.Result.Data)
	d := body.Result
	if d.Kind != "object" || d.SubType != "cybexp_user" || len(d.Refs) != 2 || len(d.Children) != 2 || d.Hash != c.u1.Hash ||
		string(text) != `{"email_addr":["u1@example.com"],"name":["User 1"]}` {
		t.Errorf("got %s", self.body)
	}
	if got := c.get(person{}, "/user/info/self"); got.status != http.StatusUnauthorized {
		t.Errorf("nobody: got %d", got.status)
	}
}

// FuzzClassicOrgBody: a body is refused in words, or names users whose hashes are in it.
func FuzzClassicOrgBody(f *testing.F) {
	for _, seed := range []string{`{"user":"abc"}`, `{"user":["` + strings.Repeat("0a", 32) + `"],"x":1}`, `{"user":[]}`, `{"user":7}`, `{"user":null}`, `[]`, ``, `{"org_hash":1}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		users, err := web.DecodeOrgBody(body)
		if (err == nil) == (len(users) == 0) {
			t.Fatalf("%q: got %d users, %v", body, len(users), err)
		}
		if err == nil && !json.Valid(body) {
			t.Errorf("taken, but no JSON: %q", body)
		}
	})
}
