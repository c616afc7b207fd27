package endtoend_test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/certs"
	"github.com/cybexp/cybexp/internal/testcerts"
)

// TestMemberThatDidNotHearJoins holds that a second zero comes in although the first is so slow that its answer comes too late: the first then needs
// the vote of one that does not know yet that it may vote.
func TestMemberThatDidNotHearJoins(t *testing.T) {
	t.Parallel()
	const asks, leads = "Trying to add 0x2", "became leader"
	var d *deployment
	var first, second *replica
	for range 5 { // the second may come too late to ask before the first leads
		d = plan(t, "cluster")
		first, second = d.running["zero1"][0], d.running["zero2"][0]
		for _, r := range []*replica{first, second} {
			if err := startAll(t.Context(), []*replica{r}); err != nil {
				t.Fatal(err)
			}
		}
		first.awaitLog(asks)
		first.signal(syscall.SIGSTOP)
		if !strings.Contains(first.log.String(), leads) {
			break
		}
		first.kill()
		second.kill()
	}
	if strings.Contains(first.log.String(), leads) {
		t.Fatal("the first zero leads before the second asks")
	}
	t.Cleanup(func() {
		if t.Failed() {
			d.tell()
		}
	})
	second.awaitLog("Error while joining cluster")
	first.signal(syscall.SIGCONT)
	second.awaitLog("elected leader")
}

// TestClusterOutlivesOneOfEach runs docker-compose.cluster.yml, and kills one process of each kind at once while uploads pour in: what was
// acknowledged is there, questions are answered meanwhile, and the killed ones come back to their work.
func TestClusterOutlivesOneOfEach(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	at := func(what string, args ...any) {
		t.Logf("%5.1f s: "+what, append([]any{time.Since(begun).Seconds()}, args...)...)
	}
	d := deploy(t, "cluster")
	at("all are healthy")
	first, p := d.platform(0, "http"), d.platform(1, "http")
	first.must("org", "create", "demo")
	if r := first.send(sample, "demo"); r["mapped"] != 622.0 {
		t.Errorf("mapped %v of 622 records", r["mapped"])
	}
	mainJob(t, p)
	streamsAreReplicated(t, d, nil)
	for _, replicas := range d.running {
		for _, r := range replicas {
			if strings.Contains(r.log.String(), "ended by itself") {
				t.Errorf("%s was started twice", r.name)
			}
		}
	}
	at("the main job is done")

	var files []string
	for n := range stormFiles {
		files = append(files, stormFile(t, t.TempDir(), n))
	}
	victims := []*replica{
		d.running["zero1"][0], d.running["alpha1"][0], d.running["nats1"][0], d.running["web"][0], d.running["reportd"][0], d.running["ingest"][0],
	}
	sent, result := make(chan int, stormFiles), make(chan []int, 1)
	go func() { result <- storm(p, files, sent) }()
	for n := range sent {
		if n == stormFiles/3 {
			for _, v := range victims {
				v.kill()
			}
			at("one of each is killed")
			mainJob(t, p)
			at("questions are answered")
		}
	}
	accepted := <-result
	at("%d of %d uploads are accepted", len(accepted), stormFiles)
	checkStorm(t, p, accepted)
	at("what was accepted is there")

	var g errgroup.Group
	for _, v := range victims {
		g.Go(func() error {
			if err := v.start(); err != nil {
				return err
			}
			return v.awaitHealthy(t.Context())
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	at("all are back")
	mainJob(t, first)
	checkStorm(t, first, accepted[len(accepted)-1:])
}

// TestClusterWithTLS runs docker-compose.cluster.yml with docker-compose.cluster.tls.yml: servers that ask each other for certificates come
// together, and who has a certificate of somebody else's authority gets to nobody, not as a server either. Then that authority takes the place
// of the first under all of them, and those that start again get on with those that ran all the time.
func TestClusterWithTLS(t *testing.T) {
	t.Parallel()
	ca, next := testcerts.New(t), testcerts.New(t)
	ca.Issue("tls", "first")
	ca.Issue("old", "an old client")
	next.Issue("tls", "second")
	d := deploy(t, "cluster tls", "CYBEXP_CERTS="+ca.Path(""))
	p := d.platform(1, "https")
	p.args = []string{"--ca", ca.Path("ca.crt")}
	d.exec("web", "/usr/local/bin/cybexp", "org", "create", "demo")
	if r := p.send(sample, "demo"); r["mapped"] != 622.0 {
		t.Errorf("mapped %v of 622 records", r["mapped"])
	}
	streamsAreReplicated(t, d, loaded(t, certs.Client{CA: ca.Path("ca.crt"), Cert: ca.Path("tls.crt"), Key: ca.Path("tls.key")}))
	renewAuthority(t, d, ca, next)

	var back errgroup.Group
	for _, service := range []string{"zero1", "alpha1", "nats1"} {
		r := d.running[service][0]
		r.kill()
		back.Go(func() error { return errors.Join(r.start(), r.awaitHealthy(t.Context())) })
	}
	if err := back.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, service := range []string{"zero2", "alpha2"} { // no majority is without those that came back
		d.running[service][0].kill()
	}
	if r := p.send(stormFile(t, t.TempDir(), 0), "demo"); r["mapped"] != float64(stormLines) {
		t.Errorf("mapped %v of %d records", r["mapped"], stormLines)
	}
	mainJob(t, p)
}

// mainJob asks about the sample: a count, what is related, and a report of many rows.
func mainJob(t *testing.T, p *platform) {
	t.Helper()
	if n := p.count("count ipv4 " + attacker); n != 455 {
		t.Errorf("counted %d events, want 455", n)
	}
	if rows := p.rows("related ipv4 " + attacker); len(rows) == 0 {
		t.Error("nothing is related")
	}
	if rows := p.rows("ipv4 " + attacker + " | events"); len(rows) != 455 {
		t.Errorf("the report has %d rows, want 455", len(rows))
	}
}

// streamsAreReplicated asks NATS itself how many servers have each stream, after one came by that says nothing of replicas.
func streamsAreReplicated(t *testing.T, d *deployment, secured func() *tls.Config) {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Config{URL: "nats://" + d.port("nats3", 4222), TLS: secured})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := b.KV(t.Context(), bus.KVConfig{Bucket: "notebook"}); err != nil {
		t.Error(err)
	}
	var all struct {
		Accounts []struct {
			Streams []struct {
				Name   string
				Config struct {
					Replicas int `json:"num_replicas"`
				}
				Cluster struct{ Replicas []struct{} } // beside the leader
			} `json:"stream_detail"`
		} `json:"account_details"`
	}
	text := fetchText(t, "http://"+d.port("nats2", 8222)+"/jsz?streams=true&config=true")
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, a := range all.Accounts {
		for _, s := range a.Streams {
			n++
			if s.Config.Replicas != 3 || len(s.Cluster.Replicas) != 2 {
				t.Errorf("stream %s has %d replicas, %d servers beside its leader", s.Name, s.Config.Replicas, len(s.Cluster.Replicas))
			}
		}
	}
	if n < 10 {
		t.Errorf("%d streams: that cannot be all\n%s", n, text)
	}
}

// TestDeploymentWithTLS runs docker-compose.yml with docker-compose.tls.yml, each role a process of its own, and walks the main way through
// them. Then all certificates are renewed, the authority's too, under the processes of Cybex-P, which go on.
func TestDeploymentWithTLS(t *testing.T) {
	t.Parallel()
	ca, next := testcerts.New(t), testcerts.New(t)
	ca.Issue("tls", "first")
	next.Issue("tls", "second")
	d := deploy(t, "tls", "CYBEXP_CERTS="+ca.Path(""))
	p := d.platform(0, "https")
	trust := []string{"--ca", ca.Path("ca.crt")}
	shown := append(slices.Clone(trust), "--client-cert", ca.Path("tls.crt"), "--client-key", ca.Path("tls.key"))
	p.args = trust
	d.exec("web", "/usr/local/bin/cybexp", "org", "create", "demo")
	if r := p.send(sample, "demo"); r["mapped"] != 622.0 {
		t.Errorf("mapped %v of 622 records", r["mapped"])
	}
	mainJob(t, p)
	countsEqualJQ(t, p)
	if text := d.exec("web", "/usr/local/bin/cybexp", "backup", "-"); len(text) < 10_000 {
		t.Errorf("the backup has %d bytes", len(text))
	}
	d.exec("web", "/usr/local/bin/cybexp", "doctor")
	watcher := scraped(t, d, ca.Path(""))
	watcher.seesAll(time.Time{})

	t.Run("strangers stay outside", func(t *testing.T) {
		for name, url := range map[string]string{
			"zero": "https://" + d.port("zero", 6080) + "/health", "alpha": "https://" + d.port("alpha", 8080) + "/health",
			"admin": "https://" + d.port("reportd", 9099) + "/readyz",
		} {
			if r := run(t, "", append(shown, "health", url)...); r.code != 0 {
				t.Errorf("%s does not answer who has a certificate: %s", name, r.stderr)
			}
			if r := run(t, "", "health", url, "--ca", ca.Path("ca.crt"), "--client-cert", next.Path("tls.crt"), "--client-key", next.Path("tls.key")); r.code == 0 {
				t.Errorf("%s answers a stranger", name)
			}
		}
		if b, err := bus.Open(t.Context(), bus.Config{URL: "nats://" + d.port("nats", 4222)}); err == nil {
			_ = b.Close()
			t.Error("nats takes who has no certificate")
		}
	})
	t.Run("a renewal ends nothing", func(t *testing.T) {
		watch := exec.CommandContext(t.Context(), program(t, "cybexp"), append(trust, "watch", "events login where username = newcomer", "-o", "ndjson", "--server", p.url, "--data", p.data)...)
		out, err := watch.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := watch.Start(); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"tls.crt", "tls.key", "ca.crt"} {
			if err := os.Rename(next.Path(file), ca.Path(file)); err != nil {
				t.Fatal(err)
			}
		}
		d.reloadNATS("nats")
		for _, server := range []string{"alpha", "zero"} { // each meets the other, which runs since before the renewal
			r := d.running[server][0]
			r.kill()
			if err := errors.Join(r.start(), r.awaitHealthy(t.Context())); err != nil {
				t.Fatal(err)
			}
		}
		mainJob(t, p)
		watcher.seesAll(time.Now())
		line := `{"eventid":"cowrie.login.failed","username":"newcomer","password":"x","src_ip":"10.9.9.9","session":"s","sensor":"s","timestamp":"2026-01-01T00:00:00Z"}`
		if r := run(t, line, append(trust, "send", "-", "--typetag", "cowrie", "--org", "demo", "--follow", "--server", p.url, "--data", p.data)...); r.code != 0 {
			t.Fatal(r.stderr)
		}
		if text, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.Contains(text, "newcomer") {
			t.Errorf("the watch that was open told %q, %v", text, err)
		}
		_ = watch.Process.Signal(os.Interrupt)
		if err := watch.Wait(); err != nil {
			t.Errorf("the watch ended with %v", err)
		}
	})
	t.Run("a NATS that starts again forgets what it may", func(t *testing.T) {
		nats := d.running["nats"][0]
		nats.kill()
		if err := errors.Join(nats.start(), nats.awaitHealthy(t.Context())); err != nil {
			t.Fatal(err)
		}
		mainJob(t, p)
	})
	for _, service := range []string{"web", "ingest", "reportd"} {
		for _, r := range d.running[service] {
			r.stop()
		}
	}
}
