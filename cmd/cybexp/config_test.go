package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"pgregory.net/rapid"
)

// TestGoldenConfiguration holds docs/configuration.md to the table of settings.
func TestGoldenConfiguration(t *testing.T) {
	got := reference(t)
	path := filepath.Join("..", "..", "docs", "configuration.md")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("docs/configuration.md is not what the code says: run make golden\n%s", diff)
	}
}

func reference(t *testing.T) string {
	t.Helper()
	type line struct{ Name, Default, Usage, Roles string }
	type part struct {
		Name     string
		Settings []line
	}
	var parts []part
	for _, s := range new(settings).table() {
		if len(parts) == 0 || parts[len(parts)-1].Name != s.part {
			parts = append(parts, part{Name: s.part})
		}
		_, usage := pflag.UnquoteUsage(s.Flag)
		l := line{s.Name, fmt.Sprintf("%s", plain(s.Value)), strings.ReplaceAll(usage, "|", `\|`), strings.Join(s.roles.names(), ", ")}
		if _, list := s.Value.(pflag.SliceValue); list {
			l.Default = ""
		}
		if s.Value.Type() == "int" && strings.Contains(s.Usage, "(default:") {
			l.Default = ""
		}
		parts[len(parts)-1].Settings = append(parts[len(parts)-1].Settings, l)
	}
	tmpl := template.Must(template.ParseFiles(filepath.Join("testdata", "configuration.md.tmpl")))
	var out bytes.Buffer
	if err := tmpl.Execute(&out, parts); err != nil {
		t.Fatal(err)
	}
	return strings.TrimRight(out.String(), "\n") + "\n"
}

// TestEverySettingIsNamedOnce holds the table to what its readers rely on.
func TestEverySettingIsNamedOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range new(settings).table() {
		if seen[s.Name] {
			t.Errorf("%s stands twice", s.Name)
		}
		seen[s.Name] = true
		if len(s.roles.names()) == 0 || s.Usage == "" || s.part == "" {
			t.Errorf("%s has no role, part or usage", s.Name)
		}
	}
}

// TestPrintedConfigReadsBack writes what `config` shows into a file, and finds the same settings in it.
func TestPrintedConfigReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		args := []string{"--config", os.DevNull}
		word := rapid.StringMatching(`[a-zA-Z0-9/:#,"'{}&*!%@ \[\]\\.é-]{0,12}`)
		for _, s := range new(settings).table() {
			switch s.Value.Type() {
			case "string":
				args = append(args, "--"+s.Name+"="+word.Draw(t, s.Name))
			case pathType:
				args = append(args, "--"+s.Name+"=/"+word.Draw(t, s.Name))
			case "int", "uint64":
				args = append(args, "--"+s.Name+"="+fmt.Sprint(rapid.IntRange(0, 1<<40).Draw(t, s.Name)))
			case "duration":
				args = append(args, "--"+s.Name+"="+fmt.Sprint(rapid.IntRange(0, 1<<20).Draw(t, s.Name))+"s")
			case "stringSlice":
				args = append(args, "--"+s.Name+"=10.0.0.0/8,::1", "--"+s.Name+"=a b")
			}
		}
		first := configOf(t, args)
		path := filepath.Join(dir, "c.yaml")
		if err := os.WriteFile(path, []byte(first), 0o600); err != nil {
			t.Fatal(err)
		}
		second := configOf(t, []string{"--config", path})
		if diff := cmp.Diff(values(first), values(second)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func configOf(t rapid.TB, args []string) string {
	var out, errs bytes.Buffer
	a := &app{stdout: &out, stderr: &errs}
	if code := a.run(context.Background(), append([]string{"config"}, args...)); code != exitDone {
		t.Fatalf("config %q ended with %d: %s", args, code, &errs)
	}
	return out.String()
}

// values are the lines of a file without comments.
func values(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if i := strings.LastIndex(line, "  # "); i > 0 {
			b.WriteString(strings.TrimRight(line[:i], " ") + "\n")
		}
	}
	return b.String()
}

func FuzzParseConfig(f *testing.F) {
	for _, seed := range []string{"data: x\n", "a: [1, 2]\nb: {c: d}\n", "a: &x 1\nb: *x\n", "- a\n", "a: 1\na: 2\n", "? [a]\n: b\n", "--- 1\n--- 2\n", "!!binary x: y\n", "a:\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		entries, err := parseConfig(text)
		if err != nil && strings.TrimSpace(err.Error()) == "" {
			t.Error("an error without words")
		}
		for _, e := range entries {
			if e.fault == nil && !e.list && len(e.values) != 1 || e.line < 1 {
				t.Errorf("entry %+v", e)
			}
		}
	})
}

// TestVariablesAreOfSettings holds a command's own flags apart from settings of the same name: CYBEXP_ADMIN is the address of a port.
func TestVariablesAreOfSettings(t *testing.T) {
	t.Setenv("CYBEXP_ADMIN", "127.0.0.1:9099")
	t.Setenv("CYBEXP_USER", "cybexp")
	a := &app{}
	for command, want := range map[string]string{"org create": "[]", "web": "127.0.0.1:9099"} {
		cmd, _, err := a.rootCommand().Find(strings.Fields(command))
		if err != nil {
			t.Fatal(err)
		}
		if err := a.configure(cmd); err != nil {
			t.Fatal(err)
		}
		if got := cmd.Flags().Lookup("admin").Value.String(); got != want {
			t.Errorf("%s --admin is %s, want %s", command, got, want)
		}
	}
}
