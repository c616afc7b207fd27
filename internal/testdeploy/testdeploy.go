// Package testdeploy reads the compose files of the repository, as docker compose does, for tests.
package testdeploy

import (
	"path/filepath"
	"runtime"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// Deployments are the ways in which the files are meant to be used together, by name.
var Deployments = map[string][]string{
	"one":     {"docker-compose.yml"},
	"tls":     {"docker-compose.yml", "docker-compose.tls.yml"},
	"cluster": {"docker-compose.cluster.yml"},

	"cluster tls": {"docker-compose.cluster.yml", "docker-compose.cluster.tls.yml"},
}

// Load reads a deployment, with variables of the environment given as NAME=VALUE, and fails the test where the files are not of the specification.
func Load(tb testing.TB, deployment string, env ...string) *types.Project {
	tb.Helper()
	_, self, _, ok := runtime.Caller(0)
	files := Deployments[deployment]
	if !ok || files == nil {
		tb.Fatalf("no deployment %q", deployment)
	}
	root := filepath.Dir(filepath.Dir(filepath.Dir(self)))
	paths := make([]string, len(files))
	for i, f := range files {
		paths[i] = filepath.Join(root, f)
	}
	opts, err := cli.NewProjectOptions(paths, cli.WithWorkingDirectory(root), cli.WithEnv(env))
	if err != nil {
		tb.Fatal(err)
	}
	project, err := opts.LoadProject(tb.Context())
	if err != nil {
		tb.Fatalf("%s: %v", files, err)
	}
	return project
}
