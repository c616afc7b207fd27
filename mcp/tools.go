package mcp

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// desk answers the tools.
type desk struct{ Platform }

// addTools offers the tools. What they take is described by the types of their arguments.
func addTools(s *mcp.Server, d desk) {
	add(s, "query", "Ask in TDQL", "Ask any question in TDQL and get the first rows. Faults come back with their place and a hint.", d.query)
	add(s, "check_query", "Check TDQL", "Check a TDQL query without running it: its canonical text, or its faults with their places.", d.check)
	add(s, "identify", "What is this?", "Find indicators in any text (addresses, URLs, domains, e-mail addresses, hashes, defanged or not), "+
		"each with the TDQL that starts at it. Looks nothing up.", d.identify)
	add(s, "count", "How often was it seen?", "Count the events that include an attribute, in all or by day, category, organisation and so on.", d.count)
	add(s, "related", "What belongs with it?", "List what was seen in the same events and sessions as an attribute.", d.related)
	add(s, "path", "How do two things hang together?", "Find the shortest chain of events between two attributes.", d.path)
	add(s, "threat_rank", "How suspicious is this event?", "ThreatRank of an event from 0 to 1, from what it shares with malicious events.", d.rank)
	add(s, "instance", "Look at one thing", "One attribute, object, event, session or raw by its hash, and how much lies around it, with the TDQL "+
		"that lists it.", d.instance)
}

// add offers one tool. All of them only read, and only from this graph.
func add[In, Out any](s *mcp.Server, name, title, description string, run func(context.Context, In) (Out, error)) {
	closed := false
	mcp.AddTool(s, &mcp.Tool{
		Name: name, Title: title, Description: description,
		Annotations: &mcp.ToolAnnotations{Title: title, ReadOnlyHint: true, IdempotentHint: true, OpenWorldHint: &closed},
	}, func(ctx context.Context, _ *mcp.CallToolRequest, in In) (*mcp.CallToolResult, Out, error) {
		out, err := run(ctx, in)
		return nil, out, err
	})
}

// A question is the argument of query.
type question struct {
	TDQL   string         `json:"tdql" jsonschema:"the query, such as: ipv4 1.1.1.1 | events last 30d category malicious | attributes url | top 20"`
	Params map[string]any `json:"params,omitempty" jsonschema:"values of the query's $parameters, by name without the dollar"`
	Limit  int            `json:"limit,omitempty" jsonschema:"the most rows to return, 100 unless said, 1000 at most"`
}

func (d desk) query(ctx context.Context, q question) (rows, error) {
	params := make(map[string]tahoe.Value, len(q.Params))
	for name, v := range q.Params {
		value, err := scalar(v)
		if err != nil {
			return rows{}, err
		}
		params[strings.TrimPrefix(name, "$")] = value
	}
	return d.ask(ctx, q.TDQL, params, q.Limit)
}

// A text is the argument of check_query.
type text struct {
	TDQL string `json:"tdql" jsonschema:"the query"`
}

// A checked query is one without faults.
type checked struct {
	Canonical string   `json:"canonical" jsonschema:"the query as the platform understands it"`
	Warnings  []string `json:"warnings,omitempty"`
}

func (d desk) check(ctx context.Context, in text) (checked, error) {
	var answer struct {
		Canonical string      `json:"canonical"`
		Warnings  tdql.Errors `json:"warnings"`
	}
	if err := d.Call(ctx, http.MethodPost, "/api/v1/tdql/check", in, &answer); err != nil {
		return checked{}, err
	}
	return checked{answer.Canonical, inText(answer.Warnings, in.TDQL)}, nil
}

// pasted is the argument of identify.
type pasted struct {
	Text string `json:"text" jsonschema:"any text, such as a line of a log or a report"`
}

type candidates struct {
	Candidates []candidate `json:"candidates"`
}

type candidate struct {
	SubType string `json:"sub_type"`
	Value   string `json:"value"`
	TDQL    string `json:"tdql" jsonschema:"the query that starts at it"`
}

func (d desk) identify(ctx context.Context, in pasted) (out candidates, err error) {
	return out, d.Call(ctx, http.MethodPost, "/api/v1/tdql/indicator", in, &out)
}

// attribute is what several tools start at.
type attribute struct {
	SubType string `json:"sub_type" jsonschema:"such as ipv4, domain, url, sha256, email_addr, username, password"`
	Value   any    `json:"value" jsonschema:"its value, exactly, refanged; a number for ports, sizes and the like"`
}

// start writes the attribute as the start of a query, whose value is the parameter of that name.
func (a attribute) start(param string, params map[string]tahoe.Value) (string, error) {
	name, err := tdql.Name(a.SubType)
	if err != nil {
		return "", err
	}
	params[param], err = scalar(a.Value)
	return name + " $" + param, err
}

// span is the time that a tool looks at.
type span struct {
	Last string `json:"last,omitempty" jsonschema:"a duration back from now: 30m, 12h, 7d, 4w, 6M, 1Y; all time if neither this nor from is given"`
	From string `json:"from,omitempty" jsonschema:"a time, RFC 3339 or 2025-04-12; not together with last"`
	To   string `json:"to,omitempty" jsonschema:"a time, with from"`
}

// clause writes the span as a clause and adds its parameters.
func (s span) clause(params map[string]tahoe.Value) string {
	var b strings.Builder
	for _, part := range []struct{ word, value string }{{"last", s.Last}, {"from", s.From}, {"to", s.To}} {
		if part.value != "" {
			b.WriteString(" " + part.word + " $" + part.word)
			params[part.word] = tahoe.String(part.value)
		}
	}
	return b.String()
}

type counting struct {
	attribute
	span

	By []string `json:"by,omitempty" jsonschema:"what to count by: minute, hour, day, week, month, year, category, org, sub_type"`
}

func (d desk) count(ctx context.Context, in counting) (rows, error) {
	params := map[string]tahoe.Value{}
	start, err := in.start("value", params)
	if err != nil {
		return rows{}, err
	}
	query := "count " + start + in.clause(params)
	for i, dim := range in.By {
		if !dimensions[dim] {
			return rows{}, errors.New("by: " + dim + " is none of minute, hour, day, week, month, year, category, org, sub_type")
		}
		query += [...]string{" by ", ", "}[min(i, 1)] + dim
	}
	return d.ask(ctx, query, params, maxRows)
}

var dimensions = map[string]bool{
	"minute": true, "hour": true, "day": true, "week": true, "month": true, "year": true, "category": true, "org": true, "sub_type": true,
}

type relating struct {
	attribute
	span

	Level int `json:"level,omitempty" jsonschema:"1 what is in the same events, 2 also what is in the same sessions or in events of what was found; 1 unless said"`
	Limit int `json:"limit,omitempty" jsonschema:"the most rows to return, 100 unless said, 1000 at most"`
}

func (d desk) related(ctx context.Context, in relating) (rows, error) {
	params := map[string]tahoe.Value{}
	start, err := in.start("value", params)
	if err != nil {
		return rows{}, err
	}
	query := "related " + start
	if in.Level != 0 {
		query += " level $level"
		params["level"] = tahoe.Int(int64(in.Level))
	}
	return d.ask(ctx, query+in.clause(params), params, in.Limit)
}

type pairing struct {
	From attribute `json:"from"`
	To   attribute `json:"to"`
}

func (d desk) path(ctx context.Context, in pairing) (rows, error) {
	params := map[string]tahoe.Value{}
	from, err := in.From.start("from", params)
	if err != nil {
		return rows{}, err
	}
	to, err := in.To.start("to", params)
	if err != nil {
		return rows{}, err
	}
	return d.ask(ctx, "path "+from+" to "+to, params, maxRows)
}

type named struct {
	Hash string `json:"hash" jsonschema:"its TAHOE hash: 64 hexadecimal digits, the field hash of rows"`
}

func (d desk) rank(ctx context.Context, in named) (rows, error) {
	hash, err := tahoe.ParseHash(in.Hash)
	if err != nil {
		return rows{}, err
	}
	return d.ask(ctx, "threatrank event "+hash.String(), nil, maxRows)
}

type surroundings struct {
	Instance   map[string]any   `json:"instance"`
	Neighbours []map[string]any `json:"neighbours" jsonschema:"how many of each kind and sub-type, and the TDQL that lists them"`
}

func (d desk) instance(ctx context.Context, in named) (out surroundings, err error) {
	return out, d.Call(ctx, http.MethodGet, "/api/v1/instances/"+url.PathEscape(in.Hash)+"/neighbours", nil, &out)
}
