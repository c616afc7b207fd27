package endtoend_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// assistantAsks is a client of `cybexp mcp`, made with the protocol's own SDK: it finds the tools, and what they answer is what the
// language answers.
func assistantAsks(t *testing.T, p *platform) {
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.CommandTransport{
		Command: exec.Command(program(t, "cybexp"), "mcp", "--server", p.url, "--data", p.data),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	a := assistant{t, session}

	for tool, err := range session.Tools(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if tool.Description == "" || !tool.Annotations.ReadOnlyHint {
			t.Errorf("%s is not described, or not told to be read-only", tool.Name)
		}
	}
	found := a.call("identify", map[string]any{"text": "seen: 10.10.23[.]27, again"})
	if list := found["candidates"].([]any); len(list) != 1 || list[0].(map[string]any)["tdql"] != "ipv4 "+attacker {
		t.Errorf("identify gives %v", found)
	}
	counted := a.call("count", map[string]any{"sub_type": "ipv4", "value": attacker})
	if got, want := rowsOf(counted)[0]["count"], float64(p.count("count ipv4 "+attacker)); got != want {
		t.Errorf("count gives %v, the language %v", got, want)
	}
	related := a.call("related", map[string]any{"sub_type": "ipv4", "value": attacker, "level": 1, "limit": 5})
	if got := rowsOf(related); len(got) != 5 || related["more"] != true {
		t.Errorf("related gives %d rows of 5 and more: %v", len(got), related["more"])
	}
	hash := rowsOf(a.call("query", map[string]any{"tdql": "events login | limit $n", "params": map[string]any{"n": 1}}))[0]["hash"]
	if rank := rowsOf(a.call("threat_rank", map[string]any{"hash": hash})); len(rank) == 0 {
		t.Error("threat_rank gives no row")
	}
	around := a.call("instance", map[string]any{"hash": hash})
	if around["instance"].(map[string]any)["hash"] != hash || len(around["neighbours"].([]any)) == 0 {
		t.Errorf("instance gives %v", around)
	}
	path := a.call("path", map[string]any{
		"from": map[string]any{"sub_type": "ipv4", "value": attacker}, "to": map[string]any{"sub_type": "password", "value": "esterka"},
	})
	if len(rowsOf(path)) == 0 {
		t.Errorf("path gives %v", path)
	}

	a.refuses("query", map[string]any{"tdql": "count ipv4 1.1.1.1 last 7x"}, "\"7x\" is not a duration", "^^")
	a.refuses("count", map[string]any{"sub_type": "ipv4 1.1.1.1 | events --", "value": "x"}, "is not a sub-type")
	a.refuses("instance", map[string]any{"hash": strings.Repeat("0", 64)}, "404")

	reference, err := session.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "cybexp://tdql"})
	if err != nil || !strings.HasPrefix(reference.Contents[0].Text, "# TDQL") {
		t.Errorf("the reference does not come: %v", err)
	}
}

// assistantAsksOverHTTP is a client of `cybexp mcp --listen`, which has no token of its own: each client brings one.
func assistantAsksOverHTTP(t *testing.T, p *platform) {
	cmd := exec.Command(program(t, "cybexp"), "mcp", "--server", p.url, "--listen", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt) // Wait tells whether it worked
		if err := cmd.Wait(); err != nil {
			t.Errorf("Ctrl-C ended the server with %v", err)
		}
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	endpoint := strings.TrimPrefix(strings.TrimSpace(line), "ready ") + "/mcp"

	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: endpoint, HTTPClient: &http.Client{Transport: bearing(p.client().token)}, DisableStandaloneSSE: true,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	a := assistant{t, session}
	if got := rowsOf(a.call("count", map[string]any{"sub_type": "ipv4", "value": attacker})); got[0]["count"] == 0.0 {
		t.Error("count finds nothing")
	}

	resp, err := http.Post(endpoint, "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token the answer is %s", resp.Status)
	}
}

// bearing sends requests with a token.
type bearing string

func (b bearing) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

type assistant struct {
	t       *testing.T
	session *mcp.ClientSession
}

// call calls a tool, which must answer.
func (a assistant) call(tool string, args map[string]any) map[string]any {
	a.t.Helper()
	result, err := a.session.CallTool(a.t.Context(), &mcp.CallToolParams{Name: tool, Arguments: args})
	if err != nil {
		a.t.Fatalf("%s: %v", tool, err)
	}
	text := result.Content[0].(*mcp.TextContent).Text
	var answer map[string]any
	if err := json.Unmarshal([]byte(text), &answer); err != nil || result.IsError {
		a.t.Fatalf("%s: %v %s", tool, err, text)
	}
	return answer
}

// refuses calls a tool, which must say why it does not answer.
func (a assistant) refuses(tool string, args map[string]any, words ...string) {
	a.t.Helper()
	result, err := a.session.CallTool(a.t.Context(), &mcp.CallToolParams{Name: tool, Arguments: args})
	if err != nil {
		a.t.Fatalf("%s: %v", tool, err)
	}
	text := result.Content[0].(*mcp.TextContent).Text
	for _, word := range words {
		if !result.IsError || !strings.Contains(text, word) {
			a.t.Errorf("%s %v: error %v, %q, without %q", tool, args, result.IsError, text, word)
		}
	}
}

func rowsOf(answer map[string]any) []map[string]any {
	var rows []map[string]any
	for _, row := range answer["rows"].([]any) {
		rows = append(rows, row.(map[string]any))
	}
	return rows
}
