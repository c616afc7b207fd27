package endtoend_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/cybexp/cybexp/internal/testcerts"
)

// spans is a collector of traces: the names of spans by trace.
type spans struct {
	mu     sync.Mutex
	traces map[string][]string
}

// ServeHTTP takes what a process sends, OTLP over HTTP.
func (s *spans) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var req collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &req)
	}
	if err != nil || r.URL.Path != "/v1/traces" {
		http.Error(w, "what is this?", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rs := range req.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, span := range ss.Spans {
				id := string(span.TraceId)
				s.traces[id] = append(s.traces[id], span.Name)
			}
		}
	}
}

// with finds a trace that has all the spans named.
func (s *spans) with(names ...string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, have := range s.traces {
		missing := slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(have, name) })
		if !missing {
			return true
		}
	}
	return false
}

// TestObserved runs the main job on a platform whose metrics are scraped and whose traces are collected.
func TestObserved(t *testing.T) {
	t.Parallel()
	got := &spans{traces: map[string][]string{}}
	otlp := httptest.NewServer(got)
	defer otlp.Close()
	ca := testcerts.New(t)
	ends := time.Now().Add(48 * time.Hour)
	ca.IssueUntil("syslog", "syslog", ends)
	p := up(t, t.TempDir(), "--admin", "127.0.0.1:0", "--trace", otlp.URL, "--log-format", "json",
		"--sources-cert", ca.Path("syslog.crt"), "--sources-key", ca.Path("syslog.key"))
	if r := p.cybexp("org", "create", "demo"); r.code != 0 {
		t.Fatal(r.stderr)
	}
	p.send(sample, "demo")
	if n := p.count("count ipv4 " + attacker); n != 455 {
		t.Errorf("counted %d events, want 455", n)
	}
	m := regexp.MustCompile(`"msg":"admin port open","url":"(http://[^"]+)"`).FindStringSubmatch(p.log.String())
	if m == nil {
		t.Fatalf("the log does not tell the admin port\n%s", p.log)
	}
	text := scrape(t, m[1]+"/metrics")
	t.Run("metrics are named rightly", func(t *testing.T) { everyNameExists(t, text) })
	t.Run("metrics tell nothing of data", func(t *testing.T) {
		for _, secret := range []string{attacker, "demo\"", "admin@localhost", "esterka"} {
			if strings.Contains(text, secret) {
				t.Errorf("/metrics tells %q", secret)
			}
		}
	})
	for _, want := range []string{
		`cybexp_records_total{state="mapped",typetag="cowrie"} 622`, `cybexp_events_total{typetag="cowrie"} 455`,
		`cybexp_backend_up{backend="bus"} 1`, `cybexp_backend_up{backend="graph"} 1`, `cybexp_reports_total{status="ready"} 1`, "cybexp_lake_chunks 0",
		fmt.Sprintf(`cybexp_certificate_not_after_seconds{use="sources"} %g`, float64(ends.Unix())),
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	if resp, err := http.Get(p.url + "/metrics"); err != nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("the public port answers /metrics with %v, %v", resp, err)
	}
	p.stop() // sends what was not sent yet
	if !got.with("POST /api/v1/raw", "accept upload", "handle lake", "filter", "graph write") {
		t.Error("no trace goes from an upload to the graph")
	}
	if !got.with("GET /ws", "socket query", "handle reportd-queries", "graph query") {
		t.Error("no trace goes from a question to the graph")
	}
	if t.Failed() {
		t.Log(got.traces, p.log)
	}
}

func scrape(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, resp.Status, err)
	}
	return string(text)
}

// everyNameExists holds the alert rules and the dashboard to metrics that there are.
func everyNameExists(t *testing.T, text string) {
	used := regexp.MustCompile(`\b(cybexp|process|go)_[a-z_]+\b`)
	for _, file := range []string{"prometheus/alerts.yml", "grafana/cybexp.json"} {
		rules, err := os.ReadFile(filepath.Join("..", "..", "deploy", file))
		if err != nil {
			t.Fatal(err)
		}
		names := used.FindAllString(string(rules), -1)
		if len(names) < 5 {
			t.Errorf("%s names %d metrics", file, len(names))
		}
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			kind := regexp.MustCompile(`(?m)^# TYPE ` + regexp.QuoteMeta(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_count")) + ` `)
			if !kind.MatchString(text) {
				t.Errorf("%s asks for %s, which no process has", file, name)
			}
		}
	}
}
