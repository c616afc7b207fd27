package endtoend_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// example is a command that a document shows after a `$`, with the output it shows.
type example struct {
	command string
	output  []string
}

// dgraphURL is where the documents have Dgraph.
const dgraphURL = "http://localhost:8080"

// examples reads the indented blocks of a document for commands of ours.
func examples(text string) []example {
	var found []example
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		code, indented := strings.CutPrefix(line, "    ")
		command, ok := strings.CutPrefix(code, "$ ")
		switch {
		case indented && ok:
			found = append(found, example{command: command})
		case indented && len(found) > 0:
			last := &found[len(found)-1]
			last.output = append(last.output, code)
		case line != "" && len(found) > 0:
			// Prose ends a block; what is indented after it belongs to no command.
			found = append(found, example{})
		}
	}
	return found
}

// TestDocumentedCommands runs every command that the documents show against a platform with the sample, and holds what it
// prints to what they show, where … stands for anything.
func TestDocumentedCommands(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	p := up(t, t.TempDir(), "--demo")
	n := 0
	// The first counts the sample, which README.md sends again.
	for _, doc := range []string{"docs/operations.md", "README.md", "docs/tdql.md", "docs/http.md", "docs/protocol.md", "docs/configuration.md"} {
		text, err := os.ReadFile(filepath.Join(root, doc))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range examples(string(text)) {
			if !strings.Contains(e.command, "bin/cybexp ") && !strings.Contains(e.command, dgraphURL) {
				continue
			}
			n++
			t.Run(doc+" "+e.command, func(t *testing.T) { e.check(t, p, root) })
		}
	}
	if n == 0 {
		t.Error("no document shows a command")
	}
}

func (e example) check(t *testing.T, p *platform, root string) {
	// The sample stands in for the file that a reader would have.
	command := strings.NewReplacer(" cowrie.json", " cmd/cybexp/demo/cowrie.json", "2025-*.json.gz", "cmd/cybexp/demo/cowrie.json",
		"--data data ", "--data '"+t.TempDir()+"' ", dgraphURL, p.alphaHTTP()).Replace(e.command)
	cmd := exec.Command("bash", "-c", command)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CYBEXP_SERVER="+p.url, "CYBEXP_DATA="+p.data)
	out, err := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != 0 && code != 2 {
		t.Fatalf("%v\n%s", err, out)
	}
	if len(e.output) == 0 {
		return
	}
	pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.Join(e.output, "\n")), "…", ".*")
	if !regexp.MustCompile(`^` + pattern + `\s*$`).Match(out) {
		t.Errorf("printed\n%s\nthe document shows\n%s", out, strings.Join(e.output, "\n"))
	}
}
