package main

import (
	"context"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"cybexp": func() {
			a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
			os.Exit(a.run(context.Background(), os.Args[1:]))
		},
	})
}

// TestScripts runs the commands that need no server, as testdata/script says.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", UpdateScripts: os.Getenv("UPDATE_GOLDEN") != ""})
}
