package cybexp_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"go.yaml.in/yaml/v3"
)

// promtool runs Prometheus' own tool, which `make bin/promtool` puts there.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("bin", "promtool"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v (is there no promtool, run make bin/promtool)\n%s", strings.Join(args, " "), err, out)
	}
}

func TestPrometheusConfig(t *testing.T) {
	promtool(t, "check", "config", "deploy/prometheus/prometheus.yml") // and the rules that it names
	var plain, secured map[string]any
	readYAML(t, "deploy/prometheus/prometheus.yml", &plain)
	readYAML(t, "deploy/prometheus/prometheus.tls.yml", &secured) // internal/endtoend has Prometheus scrape with it
	for _, job := range secured["scrape_configs"].([]any) {
		job := job.(map[string]any)
		if job["scheme"] != "https" || job["tls_config"] == nil {
			t.Errorf("%v is scraped without TLS", job["job_name"])
		}
		delete(job, "scheme")
		delete(job, "tls_config")
	}
	if !reflect.DeepEqual(plain, secured) {
		t.Errorf("prometheus.yml and prometheus.tls.yml differ in more than TLS:\n%v\n%v", plain, secured)
	}
}

// TestAlerts has each alert fire after its time, and stay silent at the border, as alerts_test.yml says.
func TestAlerts(t *testing.T) {
	promtool(t, "test", "rules", "deploy/prometheus/alerts_test.yml")
	var rules struct {
		Groups []struct{ Rules []struct{ Alert string } }
	}
	var cases struct {
		Tests []struct {
			Expect []struct {
				Alert string `yaml:"alertname"`
				Fires []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	readYAML(t, "deploy/prometheus/alerts.yml", &rules)
	readYAML(t, "deploy/prometheus/alerts_test.yml", &cases)
	docs, err := os.ReadFile("docs/observe.md")
	if err != nil {
		t.Fatal(err)
	}
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, one := range cases.Tests {
		for _, e := range one.Expect {
			fires[e.Alert] = fires[e.Alert] || len(e.Fires) > 0
			silent[e.Alert] = silent[e.Alert] || len(e.Fires) == 0
		}
	}
	seen := 0
	for _, group := range rules.Groups {
		for _, r := range group.Rules {
			seen++
			if !fires[r.Alert] || !silent[r.Alert] {
				t.Errorf("%s: alerts_test.yml has a case in which it fires: %v, one in which it does not: %v", r.Alert, fires[r.Alert], silent[r.Alert])
			}
			if !strings.Contains(string(docs), "`"+r.Alert+"`") {
				t.Errorf("docs/observe.md does not say what to do about %s", r.Alert)
			}
		}
	}
	if seen < 10 {
		t.Errorf("%d alerts were found", seen)
	}
}

func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err == nil {
		err = yaml.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestDashboard reads the dashboard with Grafana's own schema, which refuses what it does not know, and has Prometheus parse each expression.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile("deploy/grafana/cybexp.json")
	if err != nil {
		t.Fatal(err)
	}
	known := cog.NewRuntime() // the only one
	known.RegisterPanelcfgVariant(stat.VariantConfig())
	known.RegisterPanelcfgVariant(timeseries.VariantConfig())
	known.RegisterDataqueryVariant(prometheus.VariantConfig())
	if err := new(dashboard.Dashboard).UnmarshalJSONStrict(text); faulty(err) { //nolint:staticcheck // the file has the format that every Grafana imports
		t.Fatal(err)
	}
	var board dashboard.Dashboard                        //nolint:staticcheck // as above
	if err := json.Unmarshal(text, &board); err != nil { // the strict reader leaves the panels empty
		t.Fatal(err)
	}
	variables := []string{"$__rate_interval", "5m"}
	for _, v := range board.Templating.List {
		variables = append(variables, "$"+v.Name, "cybexp")
	}
	fill := strings.NewReplacer(variables...)
	var exprs []string
	ids := map[uint32]string{}
	for _, p := range board.Panels {
		if p.Panel == nil {
			continue // the heading of a row
		}
		title := *p.Panel.Title
		if other, twice := ids[*p.Panel.Id]; twice {
			t.Errorf("%q and %q have the same id", title, other)
		}
		ids[*p.Panel.Id] = title
		if _, ok := known.ConfigForPanelcfgVariant(p.Panel.Type); !ok {
			t.Errorf("%q is a %q", title, p.Panel.Type)
		}
		if len(p.Panel.Targets) == 0 {
			t.Errorf("%q shows nothing", title)
		}
		refs := map[string]bool{}
		for _, target := range p.Panel.Targets {
			query := target.(*prometheus.Dataquery)
			if query.RefId == nil || refs[*query.RefId] {
				t.Fatalf("%q has a query without a name of its own", title)
			}
			refs[*query.RefId] = true
			exprs = append(exprs, fill.Replace(query.Expr))
		}
	}
	if len(exprs) < 30 {
		t.Errorf("%d expressions were found", len(exprs))
	}
	parsePromQL(t, exprs)
}

// faulty tells whether the schema found a fault: it also returns an empty list of them.
func faulty(err error) bool {
	var list cog.BuildErrors
	return err != nil && (!errors.As(err, &list) || len(list) > 0)
}

// parsePromQL has promtool read expressions as rules.
func parsePromQL(t *testing.T, exprs []string) {
	t.Helper()
	type rule struct {
		Record string `yaml:"record"`
		Expr   string `yaml:"expr"`
	}
	rules := make([]rule, len(exprs))
	for i, expr := range exprs {
		rules[i] = rule{fmt.Sprintf("panel:%d", i), expr}
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", file)
}
