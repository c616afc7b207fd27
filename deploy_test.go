package cybexp_test

import (
	"bytes"
	"crypto/tls"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/nats-io/nats-server/v2/server"

	"github.com/cybexp/cybexp/internal/testcerts"
	"github.com/cybexp/cybexp/internal/testdeploy"
)

// eachDeployment runs a test on each way in which the compose files are used together.
func eachDeployment(t *testing.T, check func(*testing.T, *types.Project)) {
	t.Helper()
	for name := range testdeploy.Deployments {
		t.Run(name, func(t *testing.T) { check(t, testdeploy.Load(t, name)) })
	}
}

// TestComposeHasEveryRole counts the processes of each role, which is a service's name without its number.
func TestComposeHasEveryRole(t *testing.T) {
	one := map[string]int{"zero": 1, "alpha": 1, "ratel": 1, "nats": 1, "web": 1, "reportd": 2, "ingest": 1}
	cluster := map[string]int{"zero": 3, "alpha": 3, "ratel": 1, "nats": 3, "web": 2, "reportd": 2, "ingest": 2}
	for name, want := range map[string]map[string]int{"one": one, "tls": one, "cluster": cluster, "cluster tls": cluster} {
		got := map[string]int{}
		for name, s := range testdeploy.Load(t, name).Services {
			got[strings.TrimRight(name, "123")] += s.GetScale()
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: there are %v, want %v", name, got, want)
		}
	}
}

// TestComposeServicesAreKept holds every service to its bounds, and to being watched and started again.
func TestComposeServicesAreKept(t *testing.T) {
	eachDeployment(t, func(t *testing.T, project *types.Project) {
		published := map[string]string{}
		for name, s := range project.Services {
			if s.Restart != types.RestartPolicyUnlessStopped {
				t.Errorf("%s: restart rule is %q", name, s.Restart)
			}
			if s.HealthCheck == nil || len(s.HealthCheck.Test) == 0 {
				t.Errorf("%s: no health check", name)
			}
			if s.Deploy == nil || s.Deploy.Resources.Limits == nil || s.Deploy.Resources.Limits.MemoryBytes == 0 {
				t.Errorf("%s: no memory limit", name)
			}
			if !s.ReadOnly || !slices.Contains(s.CapDrop, "ALL") || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
				t.Errorf("%s: may do more than it needs", name)
			}
			if s.Logging == nil || s.Logging.Options["max-size"] == "" {
				t.Errorf("%s: its log may fill the disk", name)
			}
			for _, p := range s.Ports {
				if p.HostIP != "127.0.0.1" {
					t.Errorf("%s: port %d is published on %q, not on loopback only", name, p.Target, p.HostIP)
				}
				if other, taken := published[p.Published]; taken {
					t.Errorf("%s and %s both publish port %s", name, other, p.Published)
				}
				published[p.Published] = name
			}
		}
	})
}

func TestComposeVolumesAreDeclared(t *testing.T) {
	eachDeployment(t, func(t *testing.T, project *types.Project) {
		owner := map[string]string{}
		for name, s := range project.Services {
			for _, v := range s.Volumes {
				if _, ok := project.Volumes[v.Source]; v.Type == types.VolumeTypeVolume && !ok {
					t.Errorf("%s mounts %q, which no volume declares", name, v.Source)
				}
				other, taken := owner[v.Source]
				if shared := v.Source == "keys" || v.Source == "exchange" || v.Type == types.VolumeTypeBind; taken && !shared {
					t.Errorf("%s and %s both write %q", name, other, v.Source)
				}
				owner[v.Source] = name
			}
		}
	})
}

// TestComposeFlagsExist asks the real binaries for the flags that the files use.
func TestComposeFlagsExist(t *testing.T) {
	eachDeployment(t, func(t *testing.T, project *types.Project) {
		for name, s := range project.Services {
			binary := map[string]string{"cybexp-dgraph": "dgraph", "cybexp": "cybexp"}[s.Image]
			if binary == "" {
				continue
			}
			help := helpOf(t, binary, s.Command[0])
			for _, arg := range s.Command[1:] {
				if flag, ok := flagOf(arg); ok && !slices.Contains(help, flag) {
					t.Errorf("%s: %s %s has no flag %s", name, binary, s.Command[0], flag)
				}
			}
			prefix := map[string]string{"dgraph": "DGRAPH_" + strings.ToUpper(s.Command[0]) + "_", "cybexp": "CYBEXP_"}[binary]
			for variable := range s.Environment {
				flag := "--" + strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(variable, prefix), "_", "-"))
				if client := []string{"--ca", "--client-cert", "--client-key", "--server"}; strings.HasPrefix(variable, prefix) && !slices.Contains(append(client, help...), flag) {
					t.Errorf("%s: %s %s has no flag %s, which %s sets", name, binary, s.Command[0], flag, variable)
				}
			}
		}
	})
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
	t.Setenv("NATS_NAME", "nats1")
	eachDeployment(t, func(t *testing.T, project *types.Project) {
		ca := testcerts.New(t)
		ca.Issue("tls", "tls")
		opts := natsOptions(t, project, ca)
		if !opts.JetStream || !opts.SyncAlways {
			t.Errorf("jetstream %v, sync always %v; an accepted upload would not be on disk", opts.JetStream, opts.SyncAlways)
		}
	})
}

// natsOptions has NATS itself read its config.
func natsOptions(t *testing.T, project *types.Project, ca *testcerts.Authority) *server.Options {
	t.Helper()
	text := strings.ReplaceAll(project.Configs["nats"].Content, "/certs/", ca.Path("")+"/")
	path := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	opts, err := server.ProcessConfigFile(path)
	if err != nil {
		t.Fatalf("nats refuses the config: %v", err)
	}
	return opts
}

// TestComposeWithTLSLeavesNoneOut holds every service to what TLS asks of it, and the documents to its name: a certificate that does not name it
// is no use.
func TestComposeWithTLSLeavesNoneOut(t *testing.T) {
	t.Setenv("NATS_NAME", "nats1")
	docs, err := os.ReadFile("docs/tls.md")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^ *subjectAltName = (.*)$`).FindSubmatch(bytes.ReplaceAll(docs, []byte("\\\n"), nil))
	if line == nil {
		t.Fatal("docs/tls.md makes no certificate")
	}
	named := regexp.MustCompile(`,\s*`).Split(string(line[1]), -1)
	for _, deployment := range []string{"tls", "cluster tls"} {
		ca := testcerts.New(t)
		ca.Issue("tls", "tls")
		project := testdeploy.Load(t, deployment, "CYBEXP_CERTS="+ca.Path(""))
		for name, s := range project.Services {
			kind := strings.TrimRight(name, "123")
			if kind == "ratel" {
				continue // it is a page, and asks nobody
			}
			if !slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool {
				return v.Target == "/certs" && v.Source == ca.Path("") && v.ReadOnly
			}) {
				t.Errorf("%s: %s does not see the certificates", deployment, name)
			}
			if asked := s.HealthCheck.Test[len(s.HealthCheck.Test)-1]; kind != "nats" && !strings.HasPrefix(asked, "https://") {
				t.Errorf("%s: the health check of %s asks %s", deployment, name, asked)
			}
			if kind != "reportd" && kind != "ingest" && !slices.Contains(named, "DNS:"+name) {
				t.Errorf("%s: the certificate of docs/tls.md does not name %s", deployment, name)
			}
		}
		opts := natsOptions(t, project, ca)
		if opts.TLSConfig == nil || opts.TLSConfig.ClientAuth != tls.RequireAndVerifyClientCert {
			t.Errorf("%s: nats takes clients without a certificate", deployment)
		}
		if routes := opts.Cluster.TLSConfig; len(opts.Routes) > 0 && (routes == nil || routes.ClientAuth != tls.RequireAndVerifyClientCert) {
			t.Errorf("%s: nats takes servers without a certificate", deployment)
		}
	}
}

// TestDockerfileStagesExist keeps the stages that compose builds and the make targets that the Dockerfile calls.
func TestDockerfileStagesExist(t *testing.T) {
	text, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range testdeploy.Load(t, "one").Services {
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
