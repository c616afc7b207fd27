package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
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

func (c *club) change(path string, org identity.Org, users, key, where string, status int, message string) {
	c.t.Helper()
	as := c.u1
	if !slices.Contains(org.Admins, as.Hash) {
		as = c.u2
	}
	body := fmt.Sprintf(`{"org_hash":%q,"user":%s,%q:%s}`, org.Hash, users, key, where)
	c.says(as, path, body, status, message)
}

func (c *club) add(users, to string, status int, message string) {
	c.t.Helper()
	c.change("/org/add/user", c.org1, users, "add_to", to, status, message)
}

func (c *club) del(users, from string, status int, message string) {
	c.t.Helper()
	c.change("/org/del/user", c.org1, users, "del_from", from, status, message)
}

// lists compares who is in org1: admin, user, acl.
func (c *club) lists(admins, users, acl []person) {
	c.t.Helper()
	o := must(c.users.Org(c.t.Context(), c.org1.Hash))(c.t)
	for name, pair := range map[string][2]any{"admin": {o.Admins, admins}, "user": {o.Users, users}, "acl": {o.ACL, acl}} {
		got, want := fmt.Sprint(sortedTexts(pair[0].([]tahoe.Hash))), fmt.Sprint(sortedTexts(hashList(pair[1].([]person))))
		if got != want {
			c.t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func hashList(people []person) []tahoe.Hash {
	out := make([]tahoe.Hash, len(people))
	for i, p := range people {
		out[i] = p.Hash
	}
	return out
}

func sortedTexts(hashes []tahoe.Hash) []string {
	out := make([]string, len(hashes))
	for i, h := range hashes {
		out[i] = h.String()
	}
	slices.Sort(out)
	return out
}

func TestClassicCreate(t *testing.T) {
	c := newClub(t)
	both := hashes(c.u1, c.u2)
	org := func(admins string) string {
		return `{"orgname":"org10","user":` + both + `,"admin":` + admins + `,"name":"Org 10"}`
	}
	c.says(c.super, "/create/org", org(hashes(c.u3)), 400, "Admin must be an user = "+c.u3.Hash.String()+"!")
	c.says(c.super, "/create/org", org(`"abc"`), 400, "Invalid user hash=abc")
	c.says(c.super, "/create/org", org(`[]`), 400, "Invalid user hash=[]")
	c.says(c.super, "/create/org", org(`"`+c.org1.Hash.String()+`"`), 400, "Invalid user hash="+c.org1.Hash.String())
	c.says(c.u1, "/create/org", org(both), 403, "Only CYBEX-P admin can create org!")
	got := c.says(c.super, "/create/org", org(both), 201, "Org created!")
	result, _ := got.member(t, "result").(map[string]any)
	if result["_hash"] != tahoe.OrgHash("org10").String() || result["itype"] != "object" || result["sub_type"] != "cybexp_org" {
		t.Errorf("got %s", got.body)
	}
	c.says(c.super, "/create/org", org(both), 400, "Orgname = org10 already exists!")
	c.says(c.u1, "/create/org", `{"orgname":"x"}`, 400, "KeyError('user')")

	user := func(email, one, two string) string {
		return fmt.Sprintf(`{"email":%q,"password":%q,"password2":%q,"name":"test_user"}`, email, one, two)
	}
	c.says(c.u1, "/create/user", `{}`, 400, "KeyError('email')")
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

func TestClassicAdd(t *testing.T) {
	const added = "User/s successfully added!"
	one := func(p person) string { return `"` + p.Hash.String() + `"` }
	for name, f := range map[string]func(*club){
		"acl": func(c *club) {
			c.add(one(c.u2), `"acl"`, 201, added)
			c.add(hashes(c.u1), `["acl"]`, 400, "User already in ACL = "+c.u1.Hash.String()+"!")
			c.add(hashes(c.u3, c.u2), `"acl"`, 400, "User already in ACL = "+c.u2.Hash.String()+"!") // and nobody is added
			c.lists([]person{c.u1}, []person{c.u1}, []person{c.u1, c.u2})
		},
		"user": func(c *club) {
			c.add(hashes(c.u3, c.u2, c.u3), `["acl","user"]`, 201, added)
			c.add(one(c.u1), `"user"`, 400, "User already in Org = "+c.u1.Hash.String()+"!")
			all := []person{c.u1, c.u2, c.u3}
			c.lists([]person{c.u1}, all, all)
		},
		"admin": func(c *club) {
			c.add(one(c.u2), `["user","admin","acl"]`, 201, added)
			c.add(one(c.u3), `"all"`, 201, added)
			c.add(one(c.u1), `"admin"`, 400, "User is already admin = "+c.u1.Hash.String()+"!")
			all := []person{c.u1, c.u2, c.u3}
			c.lists(all, all, all)
		},
		"faults": func(c *club) {
			body := `{"org_hash":"` + c.org1.Hash.String() + `","user":` + one(c.u3)
			c.says(c.u1, "/org/add/user", `{}`, 400, "KeyError('org_hash')")
			c.says(c.u1, "/org/add/user", body+`}`, 400, "KeyError('add_to')")
			c.says(c.u1, "/org/add/user", `{"org_hash":"abc","user":"a","add_to":"x"}`, 400, "Invalid org hash.")
			c.says(c.u2, "/org/add/user", body+`,"add_to":"acl"}`, 403, "You are not an admin of this org.")
			c.says(c.u1, "/org/add/user", body+`,"add_to":"x"}`, 400, "Invalid 'add_to'!")
			c.add(`"abc"`, `"acl"`, 400, "Invalid user hash=abc")
			c.add(`["`+strings.Repeat("0", 64)+`"]`, `"acl"`, 400, "Invalid user hash="+strings.Repeat("0", 64))
		},
	} {
		t.Run(name, func(t *testing.T) { f(newClub(t)) })
	}
}

func TestClassicDelete(t *testing.T) {
	c := newClub(t)
	const deleted = "User/s successfully deleted!"
	u1, u2, u3 := c.u1.Hash.String(), c.u2.Hash.String(), c.u3.Hash.String()
	me := []person{c.u1}
	add := func(to string) {
		c.t.Helper()
		c.add(hashes(c.u2, c.u3), to, 201, "User/s successfully added!")
	}
	c.del(hashes(c.u2), `"acl"`, 400, "User is not in ACL = "+u2+"!")
	c.del(hashes(c.u2), `"all"`, 400, "User is not in ACL = "+u2+"!")
	c.del(hashes(c.u2), `"user"`, 400, "User is not in org = "+u2+"!")
	c.del(hashes(c.u2), `"admin"`, 400, "User is not admin = "+u2+"!")
	c.del(hashes(c.u1), `"acl"`, 400, "Cannot delete admin from ACL = "+u1+"!")
	c.del(hashes(c.u1), `"user"`, 400, "User is admin = "+u1+"!")
	for _, from := range []string{`"admin"`, `"all"`} {
		c.del(hashes(c.u1), from, 400, "User is only admin = "+u1+"!")
	}
	add(`"user"`)
	c.del(hashes(c.u2), `"acl"`, 201, deleted)
	c.lists(me, []person{c.u1, c.u2, c.u3}, []person{c.u1, c.u3}) // a member who does not read
	c.del(hashes(c.u3, c.u2), `["acl","user"]`, 400, "User is not in ACL = "+u2+"!")
	c.lists(me, []person{c.u1, c.u2, c.u3}, []person{c.u1, c.u3}) // nobody was removed
	c.del(hashes(c.u2, c.u3), `"user"`, 201, deleted)
	c.lists(me, me, me)
	add(`"admin"`)
	c.del(hashes(c.u2, c.u3), `"admin"`, 201, deleted)
	c.lists(me, []person{c.u1, c.u2, c.u3}, []person{c.u1, c.u2, c.u3})
	c.del(hashes(c.u2, c.u3), `"all"`, 201, deleted)
	c.lists(me, me, me)
	add(`"all"`)
	c.del(hashes(c.u1, c.u2, c.u3), `"all"`, 400, "User is only admin = "+u3+"!")
	c.del(hashes(c.u2, c.u3), `["acl","user","admin"]`, 201, deleted)
	c.lists(me, me, me)
	c.says(c.u1, "/org/del/user", `{}`, 400, "KeyError('org_hash')")
	c.says(c.u1, "/org/del/user", `{"org_hash":"abc","user":"a","del_from":"x"}`, 400, "Invalid org hash!")
	c.says(c.u2, "/org/del/user", `{"org_hash":"`+c.org1.Hash.String()+`","user":"a","del_from":"x"}`, 403, "You are not an admin of this org!")
	c.del(hashes(c.u1), `["acl","x"]`, 400, "Invalid 'del_from'!")
	c.del(`["`+strings.Repeat("0", 64)+`"]`, `"acl"`, 400, "Invalid user hash="+strings.Repeat("0", 64))
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
	c.says(c.u1, "/org/info", `{}`, 400, "Invalid input: KeyError('org_hash') 'org_hash'!")
	c.says(c.u1, "/org/info", `{"org_hash":"x"}`, 400, "Invalid Org hash!")
	c.says(c.u1, "/org/info", `{"org_hash":"`+c.org2.Hash.String()+`"}`, 403, "You are not an admin of this Org!")
	c.says(c.u1, "/org/info", `{"org_hash":"`+c.org1.Hash.String()+`","return_type":["acl","x"]}`, 400, "Invalid return_type='x'")
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
