package mcp_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/cybexp/cybexp/mcp"
	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/tahoe"
)

// A recorder is a platform that answers every query with the rows it has, and remembers what it was asked.
type recorder struct {
	rows  int
	asked string
}

func (r *recorder) Query(_ context.Context, tdql string, params map[string]tahoe.Value) iter.Seq2[reportd.Frame, error] {
	r.asked = tdql
	for _, name := range []string{"value", "level", "from", "to", "last"} {
		if v, ok := params[name]; ok {
			r.asked += fmt.Sprintf(" %s=%s", name, v.AppendJSON(nil))
		}
	}
	return func(yield func(reportd.Frame, error) bool) {
		row := `{"hash":"00"},`
		rows := `{"type":"rows","rows":[` + strings.TrimSuffix(strings.Repeat(row, r.rows), ",") + `]}`
		end := `{"type":"end","status":"ready"}`
		_ = yield(reportd.Frame{Type: reportd.TypeRows, JSON: []byte(rows)}, nil) && yield(reportd.Frame{Type: reportd.TypeEnd, JSON: []byte(end)}, nil)
	}
}

func (r *recorder) Call(context.Context, string, string, any, any) error { return nil }

// call calls a tool of a server in memory.
func call(t *testing.T, p mcp.Platform, tool string, args map[string]any) (text string, failed bool) {
	t.Helper()
	here, there := sdk.NewInMemoryTransports()
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { done <- mcp.Serve(ctx, mcp.NewServer(p, mcp.Config{Version: "test"}), there) }()
	defer func() { cancel(); <-done }()
	session, err := sdk.NewClient(&sdk.Implementation{Name: "test"}, nil).Connect(t.Context(), here, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	result, err := session.CallTool(t.Context(), &sdk.CallToolParams{Name: tool, Arguments: args})
	if err != nil {
		t.Fatal(err)
	}
	return result.Content[0].(*sdk.TextContent).Text, result.IsError
}

func TestValuesTravelAsParameters(t *testing.T) {
	for _, c := range []struct {
		tool string
		args map[string]any
		want string
	}{
		{"count", map[string]any{"sub_type": "ipv4", "value": "1.1.1.1 | events"}, `count ipv4 $value value="1.1.1.1 | events"`},
		{"count", map[string]any{"sub_type": "port", "value": 22, "last": "7d", "by": []string{"day", "org"}}, `count port $value last $last by day, org value=22 last="7d"`},
		{"count", map[string]any{"sub_type": "last", "value": "x"}, "count `last` $value value=\"x\""},
		{"related", map[string]any{"sub_type": "url", "value": "u", "level": 2, "from": "2025-01-01"}, `related url $value level $level from $from value="u" level=2 from="2025-01-01"`},
		{"path", map[string]any{"from": map[string]any{"sub_type": "ipv4", "value": "a"}, "to": map[string]any{"sub_type": "url", "value": "b"}}, `path ipv4 $from to url $to from="a" to="b"`},
	} {
		p := &recorder{}
		if text, failed := call(t, p, c.tool, c.args); failed || p.asked != c.want {
			t.Errorf("%s %v: asked %q, want %q; %s", c.tool, c.args, p.asked, c.want, text)
		}
	}
}

func TestWhatIsNoArgumentIsRefused(t *testing.T) {
	for _, c := range []struct {
		tool string
		args map[string]any
		want string
	}{
		{"count", map[string]any{"sub_type": "ipv4 1.1.1.1 --", "value": "x"}, "is not a sub-type"},
		{"count", map[string]any{"sub_type": "ipv4", "value": []string{"x"}}, "a value is a string"},
		{"count", map[string]any{"sub_type": "ipv4", "value": "x", "by": []string{"day | raws"}}, "is none of minute"},
		{"threat_rank", map[string]any{"hash": "x | raws"}, "hash"},
	} {
		p := &recorder{}
		if text, failed := call(t, p, c.tool, c.args); !failed || !strings.Contains(text, c.want) || p.asked != "" {
			t.Errorf("%s %v: failed %v, %q without %q; asked %q", c.tool, c.args, failed, text, c.want, p.asked)
		}
	}
}

func TestAnswersAreBounded(t *testing.T) {
	for _, c := range []struct {
		rows, limit, want int
		more              bool
	}{{5, 5, 5, false}, {6, 5, 5, true}, {150, 0, 100, true}, {1500, 5000, 1000, true}} {
		text, failed := call(t, &recorder{rows: c.rows}, "query", map[string]any{"tdql": "events", "limit": c.limit})
		if got := strings.Count(text, `"hash"`); failed || got != c.want || strings.Contains(text, `"more":true`) != c.more {
			t.Errorf("%d rows, limit %d: got %d, want %d and more: %v", c.rows, c.limit, got, c.want, c.more)
		}
	}
}
