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
)

// fill puts the hashes of u1 to u3 and of an organisation in the place of $1 to $3 and $O. $0 is nobody's.
func (c *club) fill(text string, org tahoe.Hash) string {
	return strings.NewReplacer("$1", c.u1.Hash.String(), "$2", c.u2.Hash.String(), "$3", c.u3.Hash.String(), "$O", org.String(), "$0", strings.Repeat("0", 64)).Replace(text)
}

// parts tells what u1, u2 and u3 are to an organisation, a letter each: an admin, a member, n is a member who does not read, a reader,
// - is nothing.
func (c *club) parts(o identity.Org) string {
	text := ""
	for _, p := range []person{c.u1, c.u2, c.u3} {
		is := func(list []tahoe.Hash) bool { return slices.Contains(list, p.Hash) }
		switch {
		case is(o.Admins) && is(o.Users) && is(o.ACL):
			text += "a"
		case is(o.Admins):
			text += "?"
		case is(o.Users) && is(o.ACL):
			text += "m"
		case is(o.Users):
			text += "n"
		case is(o.ACL):
			text += "r"
		default:
			text += "-"
		}
	}
	return text
}

// found makes an organisation that u1 administers, with the others as parts tells it.
func (c *club) found(name, parts string) identity.Org {
	c.t.Helper()
	o := must(c.users.CreateOrg(c.t.Context(), c.u1.Hash, identity.Org{Name: name}))(c.t)
	roles := map[byte]identity.Role{'a': identity.Admin, 'm': identity.Member, 'n': identity.Member, 'r': identity.Reader}
	for i, p := range []person{c.u1, c.u2, c.u3} {
		if role, ok := roles[parts[i]]; ok {
			o = must(c.users.SetRole(c.t.Context(), o.Hash, p.Hash, role, parts[i] == 'n'))(c.t)
		}
	}
	if got := c.parts(o); got != parts {
		c.t.Fatalf("made %s, want %s", got, parts)
	}
	return o
}

// TestClassicRoles adds and deletes users as u1, and looks at what everybody is afterwards: all is done or nothing.
func TestClassicRoles(t *testing.T) {
	c := newClub(t)
	const added, deleted = "User/s successfully added!", "User/s successfully deleted!"
	for path, rows := range map[string][]struct {
		before, users, where string
		status               int
		message, after       string
	}{
		"/org/add/user add_to": {
			{"a--", `"$2"`, `"acl"`, 201, added, "ar-"},
			{"a--", `["$2"]`, `["acl"]`, 201, added, "ar-"},
			{"a--", `["$3","$2"]`, `"acl"`, 201, added, "arr"},
			{"an-", `"$2"`, `"acl"`, 201, added, "am-"},
			{"a--", `"$1"`, `"acl"`, 400, "User already in ACL = $1!", "a--"},
			{"ar-", `["$3","$2"]`, `["acl"]`, 400, "User already in ACL = $2!", "ar-"},
			{"a--", `"$2"`, `"user"`, 201, added, "am-"},
			{"a--", `["$3","$2"]`, `["user"]`, 201, added, "amm"},
			{"ar-", `["$2","$2"]`, `"user"`, 201, added, "am-"},
			{"a--", `"$1"`, `"user"`, 400, "User already in Org = $1!", "a--"},
			{"an-", `["$3","$2"]`, `"user"`, 400, "User already in Org = $2!", "an-"},
			{"a--", `"$2"`, `"admin"`, 201, added, "aa-"},
			{"arm", `["$3","$2"]`, `["admin"]`, 201, added, "aaa"},
			{"a--", `"$1"`, `"admin"`, 400, "User is already admin = $1!", "a--"},
			{"a-a", `["$2","$3"]`, `"admin"`, 400, "User is already admin = $3!", "a-a"},
			{"a--", `"$2"`, `["acl","user"]`, 201, added, "am-"},
			{"a--", `"$2"`, `["user","admin"]`, 201, added, "aa-"},
			{"a--", `"$2"`, `["user","admin","acl"]`, 201, added, "aa-"},
			{"a--", `"$2"`, `["user","all","admin","acl"]`, 201, added, "aa-"},
			{"a--", `"$2"`, `["all"]`, 201, added, "aa-"},
			{"a--", `"$2"`, `"all"`, 201, added, "aa-"},
			{"a--", `"$2"`, `["acl","x"]`, 201, added, "ar-"}, // the original looked for words that it knew
			{"a--", `"$2"`, `"x"`, 400, "Invalid 'add_to'!", "a--"},
			{"a--", `"$2"`, `[]`, 400, "Invalid 'add_to'!", "a--"},
			{"a--", `"abc"`, `"acl"`, 400, "Invalid user hash=abc", "a--"},
			{"a--", `["$2","abc"]`, `"acl"`, 400, "Invalid user hash=abc", "a--"},
			{"a--", `["$2","$0"]`, `"acl"`, 400, "Invalid user hash=$0", "a--"},
			{"a--", `"$O"`, `"acl"`, 400, "Invalid user hash=$O", "a--"},
			{"a--", `[]`, `"acl"`, 400, "Invalid user hash=[]", "a--"},
		},
		"/org/del/user del_from": {
			{"ar-", `"$2"`, `"acl"`, 201, deleted, "a--"},
			{"am-", `["$2"]`, `["acl"]`, 201, deleted, "an-"},
			{"arm", `["$2","$3","$2"]`, `"acl"`, 201, deleted, "a-n"},
			{"a--", `"$2"`, `"acl"`, 400, "User is not in ACL = $2!", "a--"},
			{"anr", `["$3","$2"]`, `"acl"`, 400, "User is not in ACL = $2!", "anr"},
			{"a--", `"$1"`, `"acl"`, 400, "Cannot delete admin from ACL = $1!", "a--"},
			{"aar", `["$3","$2"]`, `"acl"`, 400, "Cannot delete admin from ACL = $2!", "aar"},
			{"am-", `"$2"`, `"user"`, 201, deleted, "a--"},
			{"anm", `["$2","$3"]`, `["user"]`, 201, deleted, "a--"},
			{"a--", `"$2"`, `"user"`, 400, "User is not in org = $2!", "a--"},
			{"arm", `["$3","$2"]`, `"user"`, 400, "User is not in org = $2!", "arm"},
			{"a--", `"$1"`, `"user"`, 400, "User is admin = $1!", "a--"},
			{"aa-", `"$2"`, `"admin"`, 201, deleted, "am-"},
			{"aaa", `["$2","$3"]`, `["admin"]`, 201, deleted, "amm"},
			{"aa-", `"$1"`, `"admin"`, 201, deleted, "ma-"},
			{"am-", `"$2"`, `"admin"`, 400, "User is not admin = $2!", "am-"},
			{"a--", `"$1"`, `"admin"`, 400, "User is only admin = $1!", "a--"},
			{"aa-", `["$1","$2"]`, `"admin"`, 400, "User is only admin = $2!", "aa-"},
			{"am-", `["$2"]`, `["acl","user"]`, 201, deleted, "a--"},
			{"an-", `["$2"]`, `["acl","user"]`, 400, "User is not in ACL = $2!", "an-"},
			{"aa-", `"$2"`, `["user","admin"]`, 201, deleted, "a--"},
			{"aa-", `"$2"`, `["acl","user","admin"]`, 201, deleted, "a--"},
			{"am-", `"$2"`, `["acl","user","admin"]`, 400, "User is not admin = $2!", "am-"},
			{"anr", `["$2","$3"]`, `"all"`, 201, deleted, "a--"},
			{"aam", `["$2","$3"]`, `["all"]`, 201, deleted, "a--"},
			{"a--", `"$2"`, `"all"`, 400, "User is not in ACL = $2!", "a--"},
			{"a--", `"$1"`, `"all"`, 400, "User is only admin = $1!", "a--"},
			{"aam", `["$3","$2","$1"]`, `"all"`, 400, "User is only admin = $1!", "aam"},
			{"ar-", `"$2"`, `["acl","x"]`, 400, "Invalid 'del_from'!", "ar-"},
			{"ar-", `"$2"`, `[]`, 400, "Invalid 'del_from'!", "ar-"},
			{"ar-", `["$2","abc"]`, `"acl"`, 400, "Invalid user hash=abc", "ar-"},
			{"ar-", `["$2","$0"]`, `"acl"`, 400, "Invalid user hash=$0", "ar-"},
			{"ar-", `[]`, `"acl"`, 400, "Invalid user hash=[]", "ar-"},
		},
	} {
		path, where, _ := strings.Cut(path, " ")
		for i, row := range rows {
			o := c.found(fmt.Sprint(where, i), row.before)
			body := c.fill(fmt.Sprintf(`{"org_hash":"$O","user":%s,%q:%s}`, row.users, where, row.where), o.Hash)
			c.says(c.u1, path, body, row.status, c.fill(row.message, o.Hash))
			if got := c.parts(must(c.users.Org(t.Context(), o.Hash))(t)); got != row.after {
				t.Errorf("%s %s %s of %s: got %s, want %s", path, row.users, row.where, row.before, got, row.after)
			}
		}
	}
}

// TestClassicRefusals has what is refused before anybody looks at who is who, in the order in which the original looked.
func TestClassicRefusals(t *testing.T) {
	c := newClub(t)
	text := goodPassword
	for path, rows := range map[string][]struct {
		as      person
		body    string
		status  int
		message string
	}{
		"/create/org": {
			{c.u1, `{}`, 400, "KeyError('orgname')"},
			{c.u1, `{"orgname":"x"}`, 400, "KeyError('user')"},
			{c.super, `{"orgname":"x","user":"$1"}`, 400, "KeyError('admin')"},
			{c.super, `{"orgname":"x","user":"$1","admin":"$1"}`, 400, "KeyError('name')"},
			{c.u1, `{"orgname":"x","user":"abc","admin":"abc","name":"X"}`, 403, "Only CYBEX-P admin can create org!"},
			{c.super, `{"orgname":"x","user":["$1","abc"],"admin":"$1","name":"X"}`, 400, "Invalid user hash=abc"},
			{c.super, `{"orgname":"x","user":["$1","$0"],"admin":"$1","name":"X"}`, 400, "Invalid user hash=$0"},
			{c.super, `{"orgname":"x","user":[],"admin":"$1","name":"X"}`, 400, "Invalid user hash=[]"},
			{c.super, `{"orgname":"x","user":"$1","admin":[],"name":"X"}`, 400, "Invalid user hash=[]"},
			{c.super, `{"orgname":"x","user":"$1","admin":"$O","name":"X"}`, 400, "Invalid user hash=$O"},
			{c.super, `{"orgname":"x","user":["$1","$3"],"admin":["$1","$2"],"name":"X"}`, 400, "Admin must be an user = $2!"},
			{c.super, `{"orgname":"x","user":2,"admin":"$1","name":"X"}`, 400, "Invalid input: 'user' cannot be of type number!"},
			{c.super, `{"orgname":"x","user":["$1",2],"admin":"$1","name":"X"}`, 400, "Invalid input: 'user' cannot be of type number!"},
			{c.super, `{"orgname":"org1","user":"$1","admin":"$1","name":"X"}`, 400, "Orgname = org1 already exists!"},
			{c.super, `{"orgname":"","user":"$1","admin":"$1","name":"X"}`, 400, "Invalid input: an organisation's name must have 1 to 64 characters, not 0"},
			{c.super, `{"orgname":" x","user":"$1","admin":"$1","name":""}`, 400, `Invalid input: an organisation's name " x" begins or ends with a space; a title " x" begins or ends with a space`},
		},
		"/create/user": {
			{c.u1, `{}`, 400, "KeyError('email')"},
			{c.u1, `{"email":"1@b.c"}`, 400, "KeyError('password')"},
			{c.super, `{"email":"1@b.c","password":"a"}`, 400, "KeyError('password2')"},
			{c.super, `{"email":"1@b.c","password":"a","password2":"b"}`, 400, "KeyError('name')"},
			{c.u1, `{"email":"1@b.c","password":"a","password2":"b","name":""}`, 400, "Passwords do not match!"},
			{c.u1, `{"email":"u1@example.com","password":"a","password2":"a","name":""}`, 403, "Only CYBEX-P admin can create user!"},
			{c.super, `{"email":"u1@example.com","password":"` + text + `","password2":"` + text + `","name":""}`, 400, "Username/email = u1@example.com already exists!"},
			{c.super, `{"email":"U1@example.com","password":"` + text + `","password2":"` + text + `","name":""}`, 400, "Username/email = U1@example.com already exists!"},
			{c.super, `{"email":"root@example.org","password":"` + text + `","password2":"` + text + `","name":""}`, 400, "Username/email = root@example.org already exists!"},
			{c.super, `{"email":"b.c","password":"` + text + `","password2":"` + text + `","name":""}`, 400, `Invalid input: "b.c" is no e-mail address`},
		},
		"/org/add/user": {
			{c.u1, `{}`, 400, "KeyError('org_hash')"},
			{c.u1, `{"user":"$2","add_to":"acl"}`, 400, "KeyError('org_hash')"},
			{c.u1, `{"org_hash":"$O","add_to":"acl"}`, 400, "KeyError('user')"},
			{c.u1, `{"org_hash":"$O","user":"$2"}`, 400, "KeyError('add_to')"},
			{c.u1, `{"org_hash":"abc","user":"a","add_to":"x"}`, 400, "Invalid org hash."},
			{c.u1, `{"org_hash":"$0","user":"a","add_to":"x"}`, 400, "Invalid org hash."},
			{c.u1, `{"org_hash":"$1","user":"a","add_to":"x"}`, 400, "Invalid org hash."},
			{c.u2, `{"org_hash":"$O","user":"a","add_to":"x"}`, 403, "You are not an admin of this org."},
			{c.super, `{"org_hash":"$O","user":"$2","add_to":"acl"}`, 403, "You are not an admin of this org."},
		},
		"/org/del/user": {
			{c.u1, `{}`, 400, "KeyError('org_hash')"},
			{c.u1, `{"user":"$2","del_from":"acl"}`, 400, "KeyError('org_hash')"},
			{c.u1, `{"org_hash":"$O","del_from":"acl"}`, 400, "KeyError('user')"},
			{c.u1, `{"org_hash":"$O","user":"$2"}`, 400, "KeyError('del_from')"},
			{c.u1, `{"org_hash":"abc","user":"a","del_from":"x"}`, 400, "Invalid org hash!"},
			{c.u1, `{"org_hash":"$0","user":"a","del_from":"x"}`, 400, "Invalid org hash!"},
			{c.u2, `{"org_hash":"$O","user":"a","del_from":"x"}`, 403, "You are not an admin of this org!"},
		},
		"/org/info": {
			{c.u1, `{}`, 400, "Invalid input: KeyError('org_hash') 'org_hash'!"},
			{c.u1, `{"org_hash":"x","return_type":"x"}`, 400, "Invalid Org hash!"},
			{c.u1, `{"org_hash":"$2"}`, 400, "Invalid Org hash!"},
			{c.u2, `{"org_hash":"$O","return_type":"x"}`, 403, "You are not an admin of this Org!"},
			{c.u3, `{"org_hash":"$O"}`, 403, "You are not an admin of this Org!"},
			{c.u1, `{"org_hash":"$O","return_type":"x"}`, 400, "Invalid return_type='x'"},
			{c.u1, `{"org_hash":"$O","return_type":["acl","x"]}`, 400, "Invalid return_type='x'"},
			{c.u1, `{"org_hash":"$O","return_type":7}`, 400, "Invalid input: 'return_type' cannot be of type number!"},
			{c.u1, `{"org_hash":1}`, 400, "Invalid input: 'org_hash' cannot be of type number!"},
			{c.u1, `[]`, 400, "Invalid input: the body cannot be of type array!"},
			{c.u1, `{"org_hash":`, 400, "Invalid input: unexpected end of JSON input!"},
		},
	} {
		for _, row := range rows {
			c.says(row.as, path, c.fill(row.body, c.org1.Hash), row.status, c.fill(row.message, c.org1.Hash))
		}
		if got := c.get(c.u1, path); got.status != http.StatusMethodNotAllowed || got.text(t, "message") == "" {
			t.Errorf("GET %s: got %d %s", path, got.status, got.body)
		}
		form := http.Header{"Content-Type": {"text/plain"}}
		got := c.do(call{method: http.MethodPost, path: path, as: c.u1, header: form, body: strings.NewReader("{}")})
		if got.status != http.StatusUnsupportedMediaType {
			t.Errorf("%s as text: got %d %s", path, got.status, got.body)
		}
	}
	if got := c.get(c.u1, "/org/none"); got.status != http.StatusNotFound || got.text(t, "message") == "" {
		t.Errorf("GET /org/none: got %d %s", got.status, got.body)
	}
	if o := must(c.users.Org(t.Context(), c.org1.Hash))(t); c.parts(o) != "a--" {
		t.Errorf("org1 became %s", c.parts(o))
	}
}

// sameJSON compares two texts but for the order of members.
func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	check(t, json.Unmarshal(a, &x))
	check(t, json.Unmarshal(b, &y))
	return reflect.DeepEqual(x, y)
}
