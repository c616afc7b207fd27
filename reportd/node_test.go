package reportd_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestAClientThatIsNotOurs drives the protocol from Node, with the websocket that Node has or else that of Debian's node-ws.
func TestAClientThatIsNotOurs(t *testing.T) {
	r := start(t, openBus(t), seeded(t))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const flag = "--experimental-websocket" // before Node 22
	args := []string{"testdata/client.cjs", r.url, "alice", allEvents}
	if exec.CommandContext(ctx, "node", flag, "-e", "0").Run() == nil {
		args = append([]string{flag}, args...)
	}
	cmd := exec.CommandContext(ctx, "node", args...)
	cmd.Env = append(os.Environ(), "NODE_PATH=/usr/share/nodejs", "NODE_NO_WARNINGS=1")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v (Debian's packages nodejs and node-ws have what is needed): %s", err, &stderr)
	}
	var saw struct {
		Protocol          string
		Types             []string
		Rows, Rest, Holes int
		Close             int
		Pong              bool
	}
	if err := json.Unmarshal(out, &saw); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	if saw.Protocol != "tdql.v1" || !slices.Equal(saw.Types, []string{"status", "header", "rows", "end"}) || saw.Rows != redEvents || saw.Holes != 0 {
		t.Errorf("a query: saw %s", out)
	}
	if saw.Rest != redEvents-1000 || !saw.Pong || saw.Close != 4400 {
		t.Errorf("after the query: saw %s", out)
	}
}
