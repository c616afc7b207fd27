package endtoend_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPeopleFromAShell does with commands what the classic calls do about users, organisations and tokens. No command may print a password.
func TestPeopleFromAShell(t *testing.T) {
	t.Parallel()
	p := up(t, t.TempDir())
	const password = "four words in a row"
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.must("user", "create", "u1@example.com", "--name", "User 1", "--password-file", file)
	p.must("user", "create", "u2@example.com", "--no-password")
	one := strings.TrimSpace(p.must("token", "create", "--email", "u1@example.com", "--password-file", file, "--label", "one"))
	two := strings.TrimSpace(p.must("token", "create", "--user", "u2@example.com"))
	for _, step := range []struct {
		as, line string
		code     int
		want     string // part of what is printed
	}{
		{one, "user create u3@example.com --no-password", 1, "Only superusers may do this"},
		{one, "user list", 1, "Only superusers may do this"},
		{one, "org create org1", 1, "Only superusers may make organisations"},
		{"", "user create U1@example.com --no-password", 1, "There is a user with this e-mail address already"},
		{"", "user create nobody --no-password", 1, "is no e-mail address"},
		{"", "org create org1 --admin u3@example.com", 1, `There is no user "u3@example.com"`},
		{"", "org create org1 --admin u1@example.com", 0, `"name":"org1"`},
		{"", "org create org1 --admin u1@example.com", 1, "already"},
		{"", "org create org2 --admin u2@example.com --user u1@example.com", 0, `"name":"org2"`},
		{one, "user self", 0, `"email":"u1@example.com"`},
		{one, "org list --role admin", 0, "org1"},
		{one, "org list --role member", 0, "org1 org2"},
		{two, "org list --role admin", 0, "org2"},
		{two, "org list", 0, "org2"},
		{one, "org list --role boss", 1, "not \"boss\""},
		{one, "org show org1", 0, "u1:admin"},
		{one, "org show org2", 1, "You do not administer this organisation"},
		{two, "org show org1", 1, "There is no such organisation"},
		{two, "org set org1 u2@example.com --role admin", 1, "There is no such organisation"},
		{one, "org set org1 u2@example.com --role reader", 0, "u1:admin u2:reader"},
		{two, "org set org1 u2@example.com --role admin", 1, "You do not administer this organisation"},
		{one, "org set org1 u2@example.com --no-read", 0, "u1:admin u2:member"},
		{two, "org list", 0, "org2"},
		{two, "org list --role member", 0, "org1 org2"},
		{one, "org set org1 u3@example.com", 1, "There is no user \"u3@example.com\""},
		{one, "org set org1 u2@example.com --role boss", 1, "not \"boss\""},
		{one, "org set org1 u1@example.com --role member", 1, "only administrator"},
		{one, "org remove org1 u1@example.com", 1, "only administrator"},
		{one, "org set org1 u2@example.com --role admin", 0, "u1:admin u2:admin"},
		{one, "org remove org1 u2@example.com", 0, "u1:admin"},
		{one, "org remove org1 u2@example.com", 1, "The user is nothing to the organisation"},
		{one, "token list --user u2@example.com", 1, "Only superusers may do this"},
		{"", "token list --user u1@example.com", 0, `"label":"one"`},
		{one, "token list", 0, `"label":"one"`},
		{"", "user disable u2@example.com", 0, `"disabled":true`},
		{two, "user self", 1, "disabled"},
		{"", "user enable u2@example.com", 0, `"email":"u2@example.com"`},
		{two, "user self", 1, "revoked"},
		{"", "user list", 0, `"email":"u1@example.com"`},
	} {
		args := strings.Fields(step.line)
		if step.as != "" {
			args = append(args, "--token", step.as)
		}
		r := p.cybexp(args...)
		text := r.stdout + r.stderr
		right := strings.Contains(text, step.want)
		if all := names(r.stdout); all != "" {
			right = all == step.want
		}
		if r.code != step.code || !right {
			t.Errorf("%s: ended with %d and %s, want %d and %s", step.line, r.code, text, step.code, step.want)
		}
		if strings.Contains(text, password) || strings.Contains(text, "argon2") {
			t.Errorf("%s printed a password: %s", step.line, text)
		}
	}

	// All keys are forgotten while the platform runs: tokens of before are worthless, the superuser gets another, and the trail tells of it.
	if r := run(t, "", "token", "rotate-key", "--data", p.data, "--forget"); r.code != 0 {
		t.Fatal(r.stderr)
	}
	eventually(t, time.Minute, "the old token is refused", func() bool { return p.cybexp("user", "self", "--token", one).code == 1 })
	eventually(t, time.Minute, "the superuser has another token", func() bool { return p.cybexp("user", "self").code == 0 })
	trail := p.must("audit", "--since", "0", "-o", "ndjson")
	if !strings.Contains(trail, `"action":"token.rotate-key"`) || !strings.Contains(trail, `"forgotten":`) {
		t.Errorf("the trail does not tell of the rotation: %s", trail)
	}
	if r := run(t, trail, "audit", "verify", "-"); r.code != 0 || !strings.Contains(r.stdout, "records are whole") {
		t.Errorf("the trail: %s %s", r.stdout, r.stderr)
	}
	last := p.must("audit", "--since", "0", "-o", "ndjson", "--limit", "3")
	if r := run(t, last, "audit", "verify", "-"); r.code != 0 || !strings.HasPrefix(r.stdout, "3 records are whole") {
		t.Errorf("the last three of the trail: %s %s\n%s", r.stdout, r.stderr, last)
	}
}

// names are the organisations of a list or the people of an organisation, each with their part.
func names(text string) string {
	var answer struct {
		Orgs    []struct{ Name string }
		Members []struct{ Email, Role string }
	}
	if json.Unmarshal([]byte(text), &answer) != nil {
		return ""
	}
	var all []string
	for _, o := range answer.Orgs {
		all = append(all, o.Name)
	}
	for _, m := range answer.Members {
		name, _, _ := strings.Cut(m.Email, "@")
		all = append(all, fmt.Sprintf("%s:%s", name, m.Role))
	}
	return strings.Join(all, " ")
}
