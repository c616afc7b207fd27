package endtoend_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// prometheus is a real one.
type prometheus struct {
	t       *testing.T
	url     string
	targets int
}

// scraped has Prometheus scrape a deployment as deploy/prometheus/prometheus.tls.yml says, with what is in the folder certs. Only addresses are
// others, and it looks each second.
func scraped(t *testing.T, d *deployment, certs string) *prometheus {
	t.Helper()
	folder, err := filepath.Abs(filepath.Join("..", "..", "deploy", "prometheus"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(folder, "prometheus.tls.yml"))
	if err != nil {
		t.Fatal(err)
	}
	here := strings.NewReplacer("/certs/", certs+"/", ": 15s", ": 1s", "alerts.yml", filepath.Join(folder, "alerts.yml"),
		"alpha:8080", d.port("alpha", 8080), "zero:6080", d.port("zero", 6080)).Replace(string(text))
	var config map[string]any
	if err := yaml.Unmarshal([]byte(here), &config); err != nil {
		t.Fatal(err)
	}
	var roles []string
	job := config["scrape_configs"].([]any)[0].(map[string]any)
	for _, found := range job["dns_sd_configs"].([]any)[0].(map[string]any)["names"].([]any) {
		for _, r := range d.running[found.(string)] {
			roles = append(roles, fmt.Sprintf("127.0.0.1:%d", 9099+r.offset))
		}
	}
	delete(job, "dns_sd_configs")
	job["static_configs"] = []any{map[string]any{"targets": roles}}
	dir := t.TempDir()
	if text, err = yaml.Marshal(config); err == nil {
		err = os.WriteFile(filepath.Join(dir, "prometheus.yml"), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	p := &prometheus{t: t, targets: len(roles) + 2}
	p.run(dir)
	return p
}

func (p *prometheus) run(dir string) {
	p.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // Prometheus does not tell which port it took
	if err != nil {
		p.t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	log := &lockedBuffer{}
	cmd := exec.Command(program(p.t, "prometheus"), "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+addr)
	cmd.Stdout, cmd.Stderr, p.url = log, log, "http://"+addr
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if p.t.Failed() {
			p.t.Logf("prometheus:\n%s", log)
		}
	})
	eventually(p.t, startLimit, "prometheus is ready", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// seesAll waits until every target has been scraped well after a time.
func (p *prometheus) seesAll(after time.Time) {
	p.t.Helper()
	var told struct {
		Data struct {
			Targets []struct {
				URL    string    `json:"scrapeUrl"`
				Health string    `json:"health"`
				Last   time.Time `json:"lastScrape"`
				Error  string    `json:"lastError"`
			} `json:"activeTargets"`
		} `json:"data"`
	}
	p.t.Cleanup(func() {
		if p.t.Failed() {
			p.t.Logf("prometheus sees %+v", told)
		}
	})
	eventually(p.t, startLimit, "prometheus sees all", func() bool {
		text := fetchText(p.t, p.url+"/api/v1/targets")
		if err := json.Unmarshal([]byte(text), &told); err != nil {
			return false // it is not ready yet
		}
		well := 0
		for _, one := range told.Data.Targets {
			if one.Health == "up" && one.Last.After(after) && strings.HasPrefix(one.URL, "https://") {
				well++
			}
		}
		return well == p.targets
	})
}
