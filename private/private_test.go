package private_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/private"
	"github.com/cybexp/cybexp/tahoe"
)

func must[T any](v T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}

// secrets makes a file of as many secrets.
func secrets(t *testing.T, n int) (string, private.Secrets) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	for i := range n {
		if got := must(private.Add(path))(t); got != i+1 {
			t.Fatalf("got %d secrets, want %d", got, i+1)
		}
	}
	return path, must(private.Read(path))(t)
}

func attribute(t *testing.T, subType, text string) *tahoe.Attribute {
	t.Helper()
	return must(tahoe.NewAttribute(subType, tahoe.String(text)))(t)
}

// login is an event whose attributes stand in objects too, with contexts.
func login(t *testing.T) *tahoe.Event {
	t.Helper()
	ip, user := attribute(t, "ipv4", "192.0.2.1"), attribute(t, "username", "root")
	src := must(tahoe.NewObject("src", ip))(t)
	e := must(tahoe.NewEvent("login", "org", 100, src, user, attribute(t, "success", "true")))(t)
	if err := e.SetCategory(tahoe.Malicious); err != nil {
		t.Fatal(err)
	}
	if err := e.SetContext(tahoe.Malicious, ip, src); err != nil {
		t.Fatal(err)
	}
	return e
}

func document(t *testing.T, i tahoe.Instance) string {
	t.Helper()
	return string(must(tahoe.MarshalInstance(i))(t))
}

func TestHiddenAttributesMeet(t *testing.T) {
	_, s := secrets(t, 1)
	e := login(t)
	hidden := must(s.Hide(e, []string{"ipv4"}))(t)
	text := document(t, hidden)
	if strings.Contains(text, "192.0.2.1") || strings.Contains(text, attribute(t, "ipv4", "192.0.2.1").Hash().String()) || !strings.Contains(text, "root") {
		t.Errorf("got %s", text)
	}
	forms := must(s.Forms("ipv4", tahoe.String("192.0.2.1")))(t)
	if len(forms) != 1 || !strings.Contains(text, forms[0].Text()) {
		t.Errorf("the form that is asked for is %v", forms)
	}
	if hidden.Category() != tahoe.Malicious || len(hidden.Malicious()) != 2 || hidden.Timestamp() != e.Timestamp() || hidden.Hash() == e.Hash() {
		t.Errorf("judgements: got %s", text)
	}
	if again := must(s.Hide(e, []string{"ipv4"}))(t); again.Hash() != hidden.Hash() {
		t.Error("hidden again it is another event")
	}
	if same := must(s.Hide(e, []string{"domain"}))(t); same.Hash() != e.Hash() {
		t.Error("without anything to hide it is another event")
	}
	for name, other := range map[string]tahoe.Value{"another sub-type": must(s.Forms("ipv6", tahoe.String("192.0.2.1")))(t)[0], "another value": must(s.Forms("ipv4", tahoe.String("192.0.2.2")))(t)[0]} {
		if strings.Contains(text, other.Text()) {
			t.Errorf("%s has the same form", name)
		}
	}
}

func TestANewSecretRevokesTheOldOne(t *testing.T) {
	path, old := secrets(t, 1)
	before := must(old.Hide(login(t), []string{"ipv4"}))(t)
	must(private.Add(path))(t)
	both := must(private.Read(path))(t)
	after := must(both.Hide(login(t), []string{"ipv4"}))(t)
	finds := func(s private.Secrets, e *tahoe.Event) bool {
		for _, f := range must(s.Forms("ipv4", tahoe.String("192.0.2.1")))(t) {
			if strings.Contains(document(t, e), f.Text()) {
				return true
			}
		}
		return false
	}
	if !finds(old, before) || finds(old, after) || !finds(both, before) || !finds(both, after) {
		t.Errorf("the old secret finds %v %v, both %v %v", finds(old, before), finds(old, after), finds(both, before), finds(both, after))
	}
}

func TestValuesAreAskedForInTheirUsualSpelling(t *testing.T) {
	_, s := secrets(t, 1)
	usual := must(s.Forms("domain", tahoe.String("example.org")))(t)[0]
	forms := must(s.Forms("domain", tahoe.String("EXAMPLE.org")))(t)
	if len(forms) != 2 || forms[1].Text() != usual.Text() {
		t.Errorf("got %v, want one of them to be %v", forms, usual)
	}
}

func TestFilesOfSecrets(t *testing.T) {
	path, _ := secrets(t, 2)
	info := must(os.Stat(path))(t)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v", info.Mode())
	}
	text := must(os.ReadFile(path))(t)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := private.Read(path); err == nil {
		t.Error("a file that others may read is read")
	}
	for name, bad := range map[string]string{"nothing": "", "text": "hello", "half a secret": string(text[:64]), "two in a line": strings.ReplaceAll(string(text), "\n", "")} {
		_, err := private.Parse([]byte(bad))
		if err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if got := must(private.Parse([]byte("# of 2026\n\n" + string(text))))(t); len(got) != 2 {
		t.Errorf("got %d secrets", len(got))
	}
}

// FuzzParse reads any file.
func FuzzParse(f *testing.F) {
	f.Add([]byte(strings.Repeat("0", 128)))
	f.Add([]byte("# x\n\nabc"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := private.Parse(text)
		if err == nil && len(s) == 0 {
			t.Error("no secret and no error")
		}
	})
}
