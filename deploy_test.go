package cybexp_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/nats-io/nats-server/v2/server"
)

func compose(t *testing.T) *types.Project {
	t.Helper()
	opts, err := cli.NewProjectOptions([]string{"docker-compose.yml"}, cli.WithWorkingDirectory("."))
	if err != nil {
		t.Fatal(err)
	}
	project, err := opts.LoadProject(context.Background())
	if err != nil {
		t.Fatalf("docker-compose.yml does not load: %v", err)
	}
	return project
}

func TestComposeHasEveryRole(t *testing.T) {
	project := compose(t)
	for _, want := range []string{"zero", "alpha", "ratel", "nats", "web", "reportd", "ingest"} {
		if _, ok := project.Services[want]; !ok {
			t.Errorf("no service %s", want)
		}
	}
	for name, s := range project.Services {
		if s.Restart != types.RestartPolicyUnlessStopped {
			t.Errorf("%s: restart rule is %q", name, s.Restart)
		}
		if s.Deploy == nil || s.Deploy.Resources.Limits == nil || s.Deploy.Resources.Limits.MemoryBytes == 0 {
			t.Errorf("%s: no memory limit", name)
		}
		for _, p := range s.Ports {
			if p.HostIP != "127.0.0.1" {
				t.Errorf("%s: port %d is published on %q, not on loopback only", name, p.Target, p.HostIP)
			}
		}
	}
	for _, name := range []string{"zero", "alpha", "nats", "web"} {
		if project.Services[name].HealthCheck == nil {
			t.Errorf("%s: no health check", name)
		}
	}
}

func TestComposeVolumesAreDeclared(t *testing.T) {
	project := compose(t)
	for name, s := range project.Services {
		for _, v := range s.Volumes {
			if _, ok := project.Volumes[v.Source]; v.Type == types.VolumeTypeVolume && !ok {
				t.Errorf("%s mounts %q, which no volume declares", name, v.Source)
			}
		}
	}
}

// TestComposeFlagsExist asks the real binaries for the flags that the file uses.
func TestComposeFlagsExist(t *testing.T) {
	for name, s := range compose(t).Services {
		binary := map[string]string{"zero": "dgraph", "alpha": "dgraph", "web": "cybexp", "reportd": "cybexp", "ingest": "cybexp"}[name]
		if binary == "" {
			continue
		}
		help := helpOf(t, binary, s.Command[0])
		for _, arg := range s.Command[1:] {
			if flag, ok := flagOf(arg); ok && !slices.Contains(help, flag) {
				t.Errorf("%s: %s %s has no flag %s", name, binary, s.Command[0], flag)
			}
		}
	}
}

func flagOf(arg string) (string, bool) {
	if !strings.HasPrefix(arg, "--") {
		return "", false
	}
	flag, _, _ := strings.Cut(arg, "=")
	return flag, true
}

func helpOf(t *testing.T, binary, command string) []string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("bin", binary))
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(path, command, "--help").CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s --help: %v (run make build)\n%s", binary, command, err, out)
	}
	return regexp.MustCompile(`--[a-z_-]+`).FindAllString(string(out), -1)
}

func TestComposeNATSConfigIsAccepted(t *testing.T) {
	text := compose(t).Configs["nats"].Content
	path := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	opts, err := server.ProcessConfigFile(path)
	if err != nil {
		t.Fatalf("nats refuses the config: %v", err)
	}
	if !opts.JetStream || !opts.SyncAlways {
		t.Errorf("jetstream %v, sync always %v; an accepted upload would not be on disk", opts.JetStream, opts.SyncAlways)
	}
}

// TestDockerfileStagesExist keeps the stages that compose builds and the make targets that the Dockerfile calls.
func TestDockerfileStagesExist(t *testing.T) {
	text, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range compose(t).Services {
		if s.Build == nil {
			continue
		}
		if !regexp.MustCompile(`(?m)^FROM .* AS ` + s.Build.Target + `$`).Match(text) {
			t.Errorf("%s builds stage %q, which the Dockerfile does not have", name, s.Build.Target)
		}
	}
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`make (?:\S+=\S+ )?(bin/\S+)`).FindAllSubmatch(text, -1) {
		if !regexp.MustCompile(`(?m)^` + string(m[1]) + `:`).Match(makefile) {
			t.Errorf("the Dockerfile makes %s, which the Makefile does not know", m[1])
		}
	}
}
