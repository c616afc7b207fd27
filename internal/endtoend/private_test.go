package endtoend_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPrivateAttributes sends logins of which addresses and names are private, and asks for them with and without the secret, and with one
// that came later.
func TestPrivateAttributes(t *testing.T) {
	t.Parallel()
	const record = `{"eventid":"cowrie.login.failed","username":"hidden-name","password":"a","timestamp":"2021-05-03T00:00:01.000000Z",` +
		`"src_ip":"198.51.100.77","session":"s1","sensor":"h1","message":"no","protocol":"ssh"}`
	dir := t.TempDir()
	p := up(t, filepath.Join(dir, "data"))
	p.must("org", "create", "acme")
	file, secret, known := filepath.Join(dir, "cowrie.json"), filepath.Join(dir, "acme.secret"), filepath.Join(dir, "acme.known")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(file, record+"\n")
	key := func(args ...string) {
		if r := run(t, "", append([]string{"key", "secret", secret}, args...)...); r.code != 0 {
			t.Fatalf("got %d %s", r.code, r.stderr)
		}
	}
	key()
	old, err := os.ReadFile(secret)
	if err != nil {
		t.Fatal(err)
	}
	send := []string{"send", file, "--typetag", "cowrie", "--org", "acme", "--private", "ipv4,username", "--secret", secret, "--known", known, "--follow"}
	p.must(send...)

	ask := func(args ...string) string {
		return strings.TrimSpace(p.must(append([]string{"query", "-o", "csv"}, args...)...))
	}
	for name, c := range map[string]struct{ got, want string }{
		"without the secret":      {ask("count ipv4 198.51.100.77"), "count\n0"},
		"with it":                 {ask("--secret", secret, "count ipv4 198.51.100.77"), "count\n1"},
		"as a parameter":          {ask("--secret", secret, "-p", "ip=198.51.100.77", "count ipv4 $ip"), "count\n1"},
		"without naming it":       {ask("--secret", secret, "--only-private", "count ipv4 198.51.100.77"), "count\n1"},
		"what is not private":     {ask("ipv4 198.51.100.77 | count"), "count\n0"},
		"the password":            {ask("count password a"), "count\n1"},
		"from it to what is near": {ask("--secret", secret, "ipv4 198.51.100.77 | events | attributes password | fields data"), "data\na"},
		"values that are known":   {ask("--secret", secret, "--known", known, "password a | events | attributes username | fields data"), "data\nhidden-name"},
		"a value that is named":   {ask("--secret", secret, "ipv4 198.51.100.77 | fields data"), "data\n198.51.100.77"},
		"another":                 {ask("--secret", secret, "count ipv4 198.51.100.78"), "count\n0"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", name, c.got, c.want)
		}
	}

	// A new secret: what is sent from then on is found by who has it only.
	key("--rotate")
	write(file, strings.ReplaceAll(record, "00:00:01", "00:00:02")+"\n")
	p.must(send...)
	oldFile := filepath.Join(dir, "old.secret")
	write(oldFile, string(old))
	if got := ask("--secret", oldFile, "count ipv4 198.51.100.77"); got != "count\n1" {
		t.Errorf("the old secret finds %q", got)
	}
	if got := ask("--secret", secret, "count ipv4 198.51.100.77"); got != "count\n2" {
		t.Errorf("both find %q", got)
	}
	for _, query := range []string{"events | attributes", "sessions", "raws"} {
		if got := ask(query); !strings.Contains(got, "private:") && query != "sessions" || strings.Contains(got, "hidden-name") || strings.Contains(got, "198.51.100.77") {
			t.Errorf("%s: the server has %s", query, got)
		}
	}
}
