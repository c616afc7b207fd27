package private_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/private"
	"github.com/cybexp/cybexp/tahoe"
)

// TestKnownValuesAreRevealed keeps the values of an event that is hidden, and reads them in answers with the right secret only.
func TestKnownValuesAreRevealed(t *testing.T) {
	_, s := secrets(t, 2)
	_, others := secrets(t, 1)
	path := filepath.Join(t.TempDir(), "known")
	if _, err := private.ReadKnown(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: got %v", err)
	}
	port := must(tahoe.NewAttribute("port", tahoe.Int(22)))(t)
	e := must(tahoe.NewEvent("login", "org", 100, must(tahoe.NewObject("src", attribute(t, "ipv4", "192.0.2.1"), port))(t), attribute(t, "username", "root")))(t)
	kept := &private.Known{}
	if err := errors.Join(kept.AddNodes(e.Children(), []string{"ipv4", "port"}), kept.Append(path), kept.Append(path)); err != nil {
		t.Fatal(err)
	}
	text := string(must(os.ReadFile(path))(t))
	if want := `{"sub_type":"ipv4","data":"192.0.2.1"}`; strings.Count(text, "\n") != 2 || !strings.Contains(text, want) || strings.Contains(text, "root") {
		t.Errorf("the file has %s", text)
	}
	if info := must(os.Stat(path))(t); info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v", info.Mode())
	}
	known := must(private.ReadKnown(path))(t)
	hidden := document(t, must(s.Hide(e, []string{"ipv4", "port", "username"}))(t))
	shown := string(s.Reveal([]byte(hidden), known))
	if !json.Valid([]byte(shown)) || !strings.Contains(shown, `"192.0.2.1"`) || !strings.Contains(shown, `22`) || strings.Count(shown, private.Prefix) != 1 {
		t.Errorf("got %s of %s", shown, hidden)
	}
	if older := string(s.Reveal([]byte(document(t, must(s[1:].Hide(e, []string{"ipv4"}))(t))), known)); !strings.Contains(older, `"192.0.2.1"`) {
		t.Errorf("by an old secret: got %s", older)
	}
	if got := string(others.Reveal([]byte(hidden), known)); got != hidden {
		t.Errorf("by another secret: got %s", got)
	}
	form := must(s.Forms("ipv4", tahoe.String("192.0.2.1")))(t)[0].Text()
	if name := `{"` + form + `" : 1}`; string(s.Reveal([]byte(name), known)) != name {
		t.Error("a member has another name")
	}
}

func TestFilesOfKnownValues(t *testing.T) {
	path := filepath.Join(t.TempDir(), "known")
	write := func(text string, mode fs.FileMode) {
		if err := errors.Join(os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"sub_type":"ipv4","data":"192.0.2.1"}`, 0o644)
	if _, err := private.ReadKnown(path); err == nil {
		t.Error("a file that others may read is read")
	}
	write("192.0.2.1\n", 0o600)
	if _, err := private.ReadKnown(path); err == nil {
		t.Error("a list of addresses is taken")
	}
	write(`{"sub_type":"ipv4","data":"192.0.2.1"}`+"\n"+`{"sub_type":"ipv4","da`, 0o600) // a write broke off
	known := must(private.ReadKnown(path))(t)
	if err := errors.Join(known.Add("domain", tahoe.String("EXAMPLE.org")), known.Append(path)); err != nil {
		t.Fatal(err)
	}
	_, s := secrets(t, 1)
	again := must(private.ReadKnown(path))(t)
	for subType, value := range map[string]string{"ipv4": "192.0.2.1", "domain": "example.org"} {
		form := must(s.Forms(subType, tahoe.String(value)))(t)[0].Text()
		if got := string(s.Reveal([]byte(`"`+form+`"`), again)); got != `"`+value+`"` {
			t.Errorf("%s %s: got %s", subType, value, got)
		}
	}
}

// FuzzReveal reads any file of values, and any answer.
func FuzzReveal(f *testing.F) {
	key := must(private.Parse([]byte(strings.Repeat("0f", 64))))(f)
	form := must(key.Forms("ipv4", tahoe.String("192.0.2.1")))(f)[0].Text()
	f.Add([]byte(`{"sub_type":"ipv4","data":"192.0.2.1"}`), []byte(`{"data":"`+form+`"}`))
	f.Add([]byte(`{"sub_type":"ipv4","data":null}`), []byte(`["private:aaaa"]`))
	f.Fuzz(func(t *testing.T, file, row []byte) {
		known, err := private.ParseKnown(bytes.NewReader(file))
		if err != nil {
			return
		}
		if shown := key.Reveal(row, known); json.Valid(row) && !json.Valid(shown) {
			t.Errorf("%q became %q", row, shown)
		}
	})
}
