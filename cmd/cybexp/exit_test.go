package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestExitStatus(t *testing.T) {
	for _, tt := range []struct {
		args, stdin string
		want        int
	}{
		{"version", "", exitDone},
		{"--help", "", exitDone},
		{"nothing", "", exitUsage},
		{"version extra", "", exitUsage},
		{"version --nothing", "", exitUsage},
		{"ingest try", "", exitUsage},
		{"send", "", exitUsage},
		{"tdql check a b", "", exitUsage},
		{"tdql check", "count", exitUsage},
		{"tdql check", "events", exitDone},
		{"tdql check no-such-file", "", exitFailed},
		{"up --data /nowhere --retain 30d=acme", "", exitUsage},
		{"ingest --dgraph dgraph://127.0.0.1:1 --nats nats://127.0.0.1:1 --retain-dead soon", "", exitUsage},
		{"query events --server http://127.0.0.1:1 --token t", "", exitFailed},
	} {
		t.Run(tt.args, func(t *testing.T) {
			var out bytes.Buffer
			a := &app{stdin: strings.NewReader(tt.stdin), stdout: &out, stderr: &out}
			if got := a.run(t.Context(), strings.Fields(tt.args)); got != tt.want {
				t.Errorf("exit status %d, want %d\n%s", got, tt.want, &out)
			}
		})
	}
}
