package endtoend_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

const sample = "../../cmd/cybexp/demo/cowrie.json"

// attacker is the address that all records of the sample come from.
const attacker = "10.10.23.27"

// TestMainJob walks the way of a first day: start with the sample, look at the page, ask, upload, ask again, stop, start.
func TestMainJob(t *testing.T) {
	t.Parallel()
	p := up(t, t.TempDir(), "--demo")

	t.Run("the page answers", func(t *testing.T) {
		resp, err := http.Get(p.url + "/")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(text), "<title>") {
			t.Errorf("GET / gave %s, %v\n%s", resp.Status, err, text)
		}
	})
	t.Run("the token is the owner's alone", func(t *testing.T) {
		for _, name := range []string{"admin.token", "keys/priv.pem", "keys/token.key"} {
			info, err := os.Stat(filepath.Join(p.data, name))
			if err != nil {
				t.Fatal(err)
			}
			if mode := info.Mode().Perm(); mode != 0o600 {
				t.Errorf("%s has mode %o", name, mode)
			}
		}
	})
	t.Run("counts equal what jq counts", func(t *testing.T) { countsEqualJQ(t, p) })
	t.Run("days add up to the whole", func(t *testing.T) {
		whole := p.count("count ipv4 " + attacker + " last 10Y")
		sum := 0
		rows := p.rows("count ipv4 " + attacker + " last 10Y by day")
		for _, row := range rows {
			sum += int(row["count"].(float64))
		}
		if whole == 0 || sum != whole || len(rows) < 3650 {
			t.Errorf("%d days add up to %d, the whole is %d", len(rows), sum, whole)
		}
	})
	t.Run("related finds what belongs with it", func(t *testing.T) { relatedFinds(t, p) })
	t.Run("the same file twice changes nothing", func(t *testing.T) {
		before := census(p)
		status := p.send(sample, "demo")
		if status["received"] != 622.0 {
			t.Errorf("received %v of 622 records", status["received"])
		}
		if after := census(p); !reflect.DeepEqual(before, after) {
			t.Errorf("counts were %v, are %v", before, after)
		}
	})
	t.Run("a mistake is shown where it is", func(t *testing.T) {
		r := p.cybexp("query", "count ipv4 1.1.1.1 last 7x")
		want := "\n  count ipv4 1.1.1.1 last 7x\n                          ^^\n"
		if r.code != 2 || !strings.Contains(r.stderr, want) || r.stdout != "" {
			t.Errorf("exit status %d, printed %q and\n%s", r.code, r.stdout, r.stderr)
		}
	})
	t.Run("filters run again, as a person sees it", func(t *testing.T) { reprocessShows(t, p) })
	t.Run("a watch tells what is written while it runs", func(t *testing.T) { watchTells(t, p) })
	t.Run("an assistant asks with tools", func(t *testing.T) { assistantAsks(t, p) })
	t.Run("an assistant asks over HTTP", func(t *testing.T) { assistantAsksOverHTTP(t, p) })
	t.Run("a restart keeps everything", func(t *testing.T) {
		before := census(p)
		t.Logf("stopped in %s", p.stop())
		again := up(t, p.data)
		if after := census(again); !reflect.DeepEqual(before, after) {
			t.Errorf("counts were %v, are %v", before, after)
		}
		again.stop()
	})
}

// census counts what a user can see, by kind.
func census(p *platform) map[string]int {
	n := map[string]int{}
	for _, kind := range []string{"events", "sessions", "attributes", "objects", "raws"} {
		n[kind] = p.count(kind + " | count")
	}
	return n
}

// countsEqualJQ counts the same file with jq, sort and uniq.
func countsEqualJQ(t *testing.T, p *platform) {
	for _, tt := range []struct{ name, jq, query string }{
		{"passwords", `select(.eventid|startswith("cowrie.login")) | select(.password) | .password`,
			"ipv4 " + attacker + " | events login | attributes password | top 1000"},
		{"commands", `select(.eventid|startswith("cowrie.command")) | .input`,
			"ipv4 " + attacker + " | events shell_command | attributes shell_command | top 1000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// A record that repeats word for word is one event, so it counts once here too.
			script := fmt.Sprintf("sort -u %s | jq -r '%s' | sort | uniq -c | sed 's/^ *//'", sample, tt.jq)
			out, err := exec.Command("bash", "-o", "pipefail", "-c", script).Output()
			if err != nil {
				t.Fatalf("%s: %v", script, err)
			}
			want := map[string]bool{}
			for line := range strings.Lines(string(out)) {
				want[strings.TrimSuffix(line, "\n")] = true
			}
			got := map[string]bool{}
			for _, row := range p.rows(tt.query) {
				got[fmt.Sprintf("%v %v", row["count"], row["data"])] = true
			}
			if len(want) == 0 || !reflect.DeepEqual(got, want) {
				t.Errorf("%s gave\n%v\njq gave\n%v", tt.query, got, want)
			}
		})
	}
}

// watchTells holds a standing query to its word: what is there, then what comes, until Ctrl-C.
func watchTells(t *testing.T, p *platform) {
	cmd := exec.Command(program(t, "cybexp"), "watch", "events login where username in (newcomer, mozna)",
		"-o", "ndjson", "--server", p.url, "--data", p.data)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }() // it has ended, if all went well
	lines := bufio.NewScanner(out)
	for range 110 { // the logins of the sample
		if !lines.Scan() {
			t.Fatalf("the watch ended early: %v", lines.Err())
		}
	}
	path := filepath.Join(t.TempDir(), "new.json")
	record := `{"eventid":"cowrie.login.failed","username":"newcomer","password":"x","src_ip":"198.51.100.200",` +
		`"session":"w1","sensor":"s","timestamp":"2025-04-13T00:00:00Z"}`
	if err := os.WriteFile(path, []byte(record), 0o600); err != nil {
		t.Fatal(err)
	}
	p.send(path, "demo")
	written := time.Now()
	if !lines.Scan() || !strings.Contains(lines.Text(), "newcomer") {
		t.Fatalf("the watch told %q, %v", lines.Text(), lines.Err())
	}
	if late := time.Since(written); late > time.Second {
		t.Errorf("told %s after it was written", late)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("Ctrl-C ended the watch with %v", err)
	}
}

func relatedFinds(t *testing.T, p *platform) {
	kinds := map[string]int{}
	hashes := map[string]bool{}
	for _, row := range p.rows("related ipv4 " + attacker + " level 2") {
		kinds[row["itype"].(string)]++
		hash := row["hash"].(string)
		if hashes[hash] {
			t.Errorf("%s comes twice", hash)
		}
		hashes[hash] = true
	}
	for _, kind := range []string{"attribute", "object", "event", "session"} {
		if kinds[kind] == 0 {
			t.Errorf("no %s among %v", kind, kinds)
		}
	}
	if events := p.count("count ipv4 " + attacker); kinds["event"] < events {
		t.Errorf("related has %d events, the address is in %d", kinds["event"], events)
	}
}
