package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRootLeavesOthersFoldersAlone has root look after a platform that runs as somebody else.
func TestRootLeavesOthersFoldersAlone(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a folder away")
	}
	const somebody = 65532
	for _, args := range []string{
		"key rotate", "token rotate-key", "doctor", "backup -", "restore none.tar", "import --bulk --typetag cowrie --org acme demo/cowrie.json",
	} {
		t.Run(args, func(t *testing.T) {
			data := t.TempDir()
			var out bytes.Buffer
			command := append(strings.Fields(args), "--data", data)
			made := []string{data}
			if args != "restore none.tar" { // that wants an empty folder
				made = append(made, filepath.Join(data, "keys"), filepath.Join(data, "bus"))
			}
			for _, dir := range made {
				if err := os.MkdirAll(dir, 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.Chown(dir, somebody, somebody); err != nil {
					t.Fatal(err)
				}
			}
			a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &out}
			if code := a.run(t.Context(), command); code != exitFailed || !strings.Contains(out.String(), data+" belongs to #65532") {
				t.Errorf("exit status %d\n%s", code, &out)
			}
			err := filepath.WalkDir(data, func(path string, _ os.DirEntry, err error) error {
				if err == nil && !strings.Contains(strings.Join(made, "\n")+"\n", path+"\n") {
					t.Errorf("root left %s", path)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}
