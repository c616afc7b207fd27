package web

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/ingest/source"
	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/retention"
	"github.com/cybexp/cybexp/taxii"
	"github.com/cybexp/cybexp/tdql"
)

// What a token must be good for, as operations say it.
const (
	anyToken   = "any token"
	readToken  = "a token that reads, or a full one"
	sendToken  = "a token that uploads, or a full one"
	fullToken  = "a full token"
	superToken = "a full token of a superuser"
)

// Answers that handlers make in place.
type (
	messageAnswer struct {
		Message string `json:"message"`
	}
	statusAnswer struct {
		Status string `json:"status"`
	}
	resultAnswer struct {
		Message string `json:"message"`
		Result  any    `json:"result"`
	}
	orgDetail struct {
		orgView
		Members []memberView `json:"members"`
	}
	tdqlAnswer struct {
		TDQL string `json:"tdql"`
	}
)

// operations tells of everything that is served but the page. A test holds it against the routes and against what is answered.
func operations() []operation {
	return slices.Concat(serverOperations(), classicOperations(), peopleOperations(), dataOperations(), queryOperations(), noteOperations(), taxiiOperations())
}

func serverOperations() []operation {
	ok := http.StatusOK
	return []operation{
		{Route: "GET /healthz", Summary: "Whether the process runs", Out: statusAnswer{}, Status: ok},
		{Route: "GET /readyz", Summary: "Whether all that it needs answers", Out: statusAnswer{}, Status: ok},
		{Route: "GET /openapi.json", Summary: "This document", Media: []string{"application/json"}, Status: ok},
		{Route: "GET /docs", Summary: "This document, to be read", Media: []string{"text/html"}, Status: ok},
		{Route: "GET /ws", Summary: "The websocket, see docs/protocol.md", Status: http.StatusSwitchingProtocols},
		{Route: "GET /api/v1/version", Summary: "The version", Out: struct {
			Version string `json:"version"`
		}{}, Status: ok},
		{Route: "GET /api/v1/stats", Summary: "How much there is that I may see", Rights: readToken, Out: statsView{}, Status: ok},
		{Route: "GET /api/v1/health", Summary: "How each part does, and what to do", Rights: superToken, Out: healthView{}, Status: ok},
		{Route: "GET /api/v1/doctor", Summary: "What is well with the platform, and what is not", Rights: superToken, Out: Diagnosis{}, Status: ok},
		{Route: "GET /api/v1/backup", Summary: "A backup of all there is", Rights: superToken, Media: []string{"application/octet-stream"}, Status: ok},
		{Route: "GET /api/v1/audit", Summary: "Who did what", Rights: readToken, Query: []string{"org", "user", "action", "since", "until", "limit", "cursor"},
			Media: []string{"application/x-ndjson", "application/json", "text/csv"}, Status: ok},
	}
}

func classicOperations() []operation {
	created := http.StatusCreated
	return []operation{
		{Route: "GET /ping", Summary: "pong", Out: messageAnswer{}, Status: http.StatusOK},
		{Route: "POST /raw", Summary: "Upload a file, as a form", Rights: sendToken, InMedia: "multipart/form-data", Out: struct {
			Message string         `json:"message"`
			Upload  ingest.Receipt `json:"upload"`
		}{}, Status: created},
		{Route: "POST /query", Summary: "Ask, and wait five seconds for the report", Rights: readToken, In: queryBody{}, Out: reportDocument{}, Status: created},
		{Route: "POST /create/org", Summary: "Make an organisation", Rights: superToken, In: oldCreateOrg{}, Out: resultAnswer{}, Status: created},
		{Route: "POST /create/user", Summary: "Make a user", Rights: superToken, In: oldCreateUser{}, Out: struct {
			resultAnswer
			Token string `json:"token"`
		}{}, Status: created},
		{Route: "POST /org/add/user", Summary: "Give users a role", Rights: fullToken, In: oldAdd{}, Out: messageAnswer{}, Status: created},
		{Route: "POST /org/del/user", Summary: "Take a role from users", Rights: fullToken, In: oldDelete{}, Out: messageAnswer{}, Status: created},
		{Route: "POST /org/info", Summary: "Who is in an organisation", Rights: fullToken, In: oldInfo{}, Out: resultAnswer{}, Status: http.StatusOK},
		{Route: "GET /orgs/admin_of", Summary: "What I administer", Rights: readToken, Out: resultAnswer{}, Status: http.StatusOK},
		{Route: "GET /orgs/user_of", Summary: "What I am a member of", Rights: readToken, Out: resultAnswer{}, Status: http.StatusOK},
		{Route: "GET /user/info/self", Summary: "Who I am", Rights: anyToken, Out: resultAnswer{}, Status: http.StatusOK},
	}
}

func peopleOperations() []operation {
	ok, created, none := http.StatusOK, http.StatusCreated, http.StatusNoContent
	tokens := struct {
		Tokens []identity.Token `json:"tokens"`
	}{}
	token := struct {
		identity.Token
		Text string `json:"token"`
	}{}
	return []operation{
		{Route: "GET /api/v1/me", Summary: "Who is signed in", Rights: anyToken, Out: identity.User{}, Status: ok},
		{Route: "PUT /api/v1/me/password", Summary: "Change my password", Rights: fullToken, In: changedPassword{}, Status: none},
		{Route: "POST /api/v1/session", Summary: "Sign in", In: signInBody{}, Out: json.RawMessage{}, Status: created},
		{Route: "DELETE /api/v1/session", Summary: "Sign out", Rights: anyToken, Status: none},
		{Route: "GET /api/v1/tokens", Summary: "My tokens", Rights: fullToken, Out: tokens, Status: ok},
		{Route: "POST /api/v1/tokens", Summary: "Make a token", Rights: fullToken, In: newToken{}, Out: token, Status: created},
		{Route: "DELETE /api/v1/tokens/:id", Summary: "Revoke a token", Rights: fullToken, Status: none},
		{Route: "GET /api/v1/orgs", Summary: "The organisations whose data I may read, or in which I have a role", Rights: readToken, Query: []string{"role"}, Out: struct {
			Orgs []orgView `json:"orgs"`
		}{}, Status: ok},
		{Route: "POST /api/v1/orgs", Summary: "Make an organisation", Rights: superToken, In: newOrg{}, Out: orgView{}, Status: created},
		{Route: "GET /api/v1/orgs/:org", Summary: "Who is in an organisation", Rights: fullToken, Out: orgDetail{}, Status: ok},
		{Route: "PUT /api/v1/orgs/:org/members/:user", Summary: "Say what somebody is to it", Rights: fullToken, In: memberBody{}, Out: orgDetail{}, Status: ok},
		{Route: "DELETE /api/v1/orgs/:org/members/:user", Summary: "Take somebody out", Rights: fullToken, Out: orgDetail{}, Status: ok},
		{Route: "GET /api/v1/users", Summary: "All users", Rights: superToken, Out: struct {
			Users []identity.User `json:"users"`
		}{}, Status: ok},
		{Route: "POST /api/v1/users", Summary: "Make a user", Rights: superToken, In: newUserBody{}, Out: identity.User{}, Status: created},
		{Route: "PUT /api/v1/users/:user/password", Summary: "Give somebody a new password", Rights: superToken, In: passwordBody{}, Status: none},
		{Route: "PUT /api/v1/users/:user/disabled", Summary: "Lock somebody out, or let them in again", Rights: superToken, In: disabledBody{}, Out: identity.User{}, Status: ok},
		{Route: "GET /api/v1/users/:user/tokens", Summary: "Somebody's tokens", Rights: superToken, Out: tokens, Status: ok},
		{Route: "POST /api/v1/users/:user/tokens", Summary: "Make a token for somebody", Rights: superToken, In: newToken{}, Out: token, Status: created},
		{Route: "DELETE /api/v1/users/:user/tokens/:id", Summary: "Revoke somebody's token", Rights: superToken, Status: none},
	}
}

func dataOperations() []operation {
	ok, created, none, accepted := http.StatusOK, http.StatusCreated, http.StatusNoContent, http.StatusAccepted
	return []operation{
		{Route: "POST /api/v1/raw", Summary: "Upload a file of any length", Rights: sendToken, Query: []string{"org", "typetag", "timezone", "name", "tlp"},
			InMedia: "application/octet-stream", Out: ingest.Receipt{}, Status: created},
		{Route: "POST /api/v1/raw/detect", Summary: "Guess the format of a file by its first 256 KiB", Rights: sendToken, Query: []string{"name"},
			InMedia: "application/octet-stream", Out: struct {
				Candidates []ingest.Guess `json:"candidates"`
			}{}, Status: ok},
		{Route: "GET /api/v1/typetags", Summary: "The formats that have a filter", Rights: anyToken, Out: struct {
			Typetags []ingest.Format `json:"typetags"`
		}{}, Status: ok},
		{Route: "GET /api/v1/raw/:hash", Summary: "A record as it came", Rights: readToken, Media: []string{"application/json", "application/octet-stream"}, Status: ok},
		{Route: "GET /api/v1/uploads/:id", Summary: "How far an upload is", Rights: anyToken, Out: ingest.Status{}, Status: ok},
		{Route: "DELETE /api/v1/uploads/:id", Summary: "Take an upload back, in the background", Rights: fullToken, Out: retention.Job{}, Status: accepted},
		{Route: "DELETE /api/v1/orgs/:org/data", Summary: "Remove all data of an organisation, in the background", Rights: superToken, Out: retention.Job{}, Status: accepted},
		{Route: "GET /api/v1/removals", Summary: "Such removals, newest first", Rights: fullToken, Out: struct {
			Removals []retention.Job `json:"removals"`
		}{}, Status: ok},
		{Route: "GET /api/v1/removals/:id", Summary: "How far a removal is", Rights: fullToken, Out: retention.Job{}, Status: ok},
		{Route: "GET /api/v1/dead", Summary: "What was given up", Rights: fullToken, Query: []string{"after"}, Out: struct {
			Dead []ingest.Letter `json:"dead"`
		}{}, Status: ok},
		{Route: "GET /api/v1/dead/:id", Summary: "One of it, with its records", Rights: fullToken, Out: struct {
			ingest.Letter
			Content []ingest.LetterRecord `json:"content"`
			Sealed  string                `json:"sealed,omitempty"`
		}{}, Status: ok},
		{Route: "POST /api/v1/dead/:id/retry", Summary: "Work on it again", Rights: fullToken, Status: accepted},
		{Route: "DELETE /api/v1/dead/:id", Summary: "Delete it for good", Rights: fullToken, Status: none},
		{Route: "POST /api/v1/reprocess", Summary: "Run a filter again over raws", Rights: fullToken, In: newJob{}, Out: ingest.Job{}, Status: accepted},
		{Route: "GET /api/v1/reprocess", Summary: "Such jobs", Rights: fullToken, Out: struct {
			Jobs []ingest.Job `json:"jobs"`
		}{}, Status: ok},
		{Route: "GET /api/v1/reprocess/:id", Summary: "How far a job is", Rights: fullToken, Out: ingest.Job{}, Status: ok},
		{Route: "DELETE /api/v1/reprocess/:id", Summary: "Stop a job", Rights: fullToken, Status: none},
		{Route: "POST /api/v1/sources", Summary: "Add a source of data", Rights: fullToken, In: newSource{}, Out: source.Status{}, Status: created},
		{Route: "GET /api/v1/sources", Summary: "The sources that I look after", Rights: fullToken, Query: []string{"org"}, Out: struct {
			Sources []source.Status `json:"sources"`
		}{}, Status: ok},
		{Route: "GET /api/v1/sources/:id", Summary: "A source and how it does", Rights: fullToken, Out: source.Status{}, Status: ok},
		{Route: "POST /api/v1/sources/:id/start", Summary: "Start a source", Rights: fullToken, Out: source.Status{}, Status: ok},
		{Route: "POST /api/v1/sources/:id/stop", Summary: "Stop a source", Rights: fullToken, Out: source.Status{}, Status: ok},
		{Route: "DELETE /api/v1/sources/:id", Summary: "Forget a source", Rights: fullToken, Status: none},
	}
}

func queryOperations() []operation {
	ok := http.StatusOK
	report := struct {
		reportd.Report
	}{}
	return []operation{
		{Route: "POST /api/v1/reports", Summary: "Ask", Rights: readToken, In: question{}, Out: report, Status: http.StatusAccepted},
		{Route: "GET /api/v1/reports", Summary: "My reports, newest first", Rights: readToken, Query: []string{"limit", "cursor"}, Out: struct {
			Reports []reportd.Report `json:"reports"`
		}{}, Status: ok},
		{Route: "GET /api/v1/reports/:id", Summary: "What became of a question", Rights: readToken, Out: report, Status: ok},
		{Route: "GET /api/v1/reports/:id/rows", Summary: "Its rows, as they are made", Rights: readToken, Query: []string{"limit", "cursor", "after"},
			Media: []string{"application/x-ndjson", "application/json", "text/csv", "application/stix+json;version=2.1", "application/vnd.cybexp.report+json"}, Status: ok},
		{Route: "DELETE /api/v1/reports/:id", Summary: "Cancel it", Rights: readToken, Status: http.StatusNoContent},
		{Route: "GET /api/v1/export", Summary: "All that I may see, as TAHOE documents", Rights: readToken, Query: []string{"after"},
			Media: []string{mediaNDJSON}, Status: ok},
		{Route: "POST /api/v1/export", Summary: "Raws and events as TAHOE documents", Rights: readToken, In: exportBody{}, Media: []string{mediaNDJSON}, Status: ok},
		{Route: "POST /api/v1/tdql/check", Summary: "Check a query", Rights: readToken, In: question{}, Out: struct {
			Canonical string      `json:"canonical"`
			Hash      string      `json:"hash"`
			Warnings  tdql.Errors `json:"warnings"`
		}{}, Status: ok},
		{Route: "POST /api/v1/tdql/format", Summary: "Tidy a query", Rights: readToken, In: question{}, Out: tdqlAnswer{}, Status: ok},
		{Route: "POST /api/v1/tdql/explain", Summary: "How a query would run", Rights: readToken, In: question{}, Out: struct {
			Canonical string      `json:"canonical"`
			Explain   string      `json:"explain"`
			Warnings  tdql.Errors `json:"warnings"`
		}{}, Status: ok},
		{Route: "POST /api/v1/tdql/complete", Summary: "What may stand at a place, and what the word there takes", Rights: readToken, In: completeBody{}, Out: struct {
			Candidates []tdql.Candidate `json:"candidates"`
			Help       tdql.Help        `json:"help,omitzero"`
		}{}, Status: ok},
		{Route: "POST /api/v1/tdql/indicator", Summary: "What a pasted text names, as queries", Rights: readToken, In: indicatorBody{}, Out: struct {
			Candidates []foundIndicator `json:"candidates"`
			Together   []foundIndicator `json:"together"`
		}{}, Status: ok},
		{Route: "POST /api/v1/tdql/rewrite", Summary: "A query in another range of time", Rights: readToken, In: rewriteBody{}, Out: tdqlAnswer{}, Status: ok},
	}
}

func noteOperations() []operation {
	ok, created, none := http.StatusOK, http.StatusCreated, http.StatusNoContent
	return []operation{
		{Route: "GET /api/v1/instances/:hash", Summary: "An attribute, object, event, session or raw", Rights: readToken, Out: json.RawMessage{}, Status: ok},
		{Route: "GET /api/v1/instances/:hash/neighbours", Summary: "How many neighbours it has of each kind", Rights: readToken, Out: struct {
			Instance   json.RawMessage `json:"instance"`
			Neighbours []neighbour     `json:"neighbours"`
		}{}, Status: ok},
		{Route: "GET /api/v1/instances/:hash/comments", Summary: "What was said of it", Rights: readToken, Out: struct {
			Comments []commentView `json:"comments"`
		}{}, Status: ok},
		{Route: "POST /api/v1/instances/:hash/comments", Summary: "Say something of it", Rights: fullToken, In: commentBody{}, Out: commentView{}, Status: created},
		{Route: "DELETE /api/v1/comments/:id", Summary: "Delete a comment", Rights: fullToken, Status: none},
		{Route: "PUT /api/v1/events/:hash/category", Summary: "Say what an event is held to be", Rights: fullToken, In: categoryBody{}, Out: json.RawMessage{}, Status: ok},
		{Route: "PUT /api/v1/events/:hash/context", Summary: "Say what something is held to be in an event", Rights: fullToken, In: contextBody{}, Out: json.RawMessage{}, Status: ok},
		{Route: "PUT /api/v1/events/:hash/marking", Summary: "Say how far an event may be shared", Rights: fullToken, In: markingBody{}, Out: markingBody{}, Status: ok},
		{Route: "DELETE /api/v1/events/:hash", Summary: "Remove an event", Rights: fullToken, Out: removalAnswer{}, Status: ok},
		{Route: "GET /api/v1/saved", Summary: "Saved queries that I may see", Rights: readToken, Out: struct {
			Saved []savedView `json:"saved"`
		}{}, Status: ok},
		{Route: "POST /api/v1/saved", Summary: "Save a query", Rights: fullToken, In: savedBody{}, Out: savedView{}, Status: created},
		{Route: "GET /api/v1/saved/:id", Summary: "A saved query", Rights: readToken, Out: savedView{}, Status: ok},
		{Route: "PUT /api/v1/saved/:id", Summary: "Change a saved query", Rights: fullToken, In: savedBody{}, Out: savedView{}, Status: ok},
		{Route: "DELETE /api/v1/saved/:id", Summary: "Delete a saved query", Rights: fullToken, Status: none},
	}
}

func taxiiOperations() []operation {
	ok, filters := http.StatusOK, []string{"added_after", "limit", "next", "match[id]", "match[type]", "match[version]", "match[spec_version]"}
	const collection, object = taxiiRoot + "collections/:id/", taxiiRoot + "collections/:id/objects/:object/"
	list := []operation{
		{Route: "GET " + taxiiPath, Summary: "TAXII 2.1: what there is", Rights: anyToken, Out: taxii.Discovery{}, Status: ok},
		{Route: "GET " + taxiiRoot, Summary: "TAXII 2.1: the API root", Rights: anyToken, Out: taxii.Root{}, Status: ok},
		{Route: "GET " + taxiiRoot + "status/:id/", Summary: "TAXII 2.1: what became of objects that were sent", Rights: anyToken, Out: taxii.Status{}, Status: ok},
		{Route: "GET " + taxiiRoot + "collections/", Summary: "TAXII 2.1: saved queries as collections", Rights: anyToken, Out: taxii.Collections{}, Status: ok},
		{Route: "GET " + collection, Summary: "TAXII 2.1: a collection", Rights: anyToken, Out: taxii.Collection{}, Status: ok},
		{Route: "GET " + collection + "manifest/", Summary: "TAXII 2.1: what is in it", Rights: readToken, Query: filters, Out: taxii.Manifest{}, Status: ok},
		{Route: "GET " + collection + "objects/", Summary: "TAXII 2.1: its objects", Rights: readToken, Query: filters, Out: taxii.Envelope{}, Status: ok},
		{Route: "POST " + collection + "objects/", Summary: "TAXII 2.1: send objects", Rights: sendToken, InMedia: taxii.MediaType, Out: taxii.Status{}, Status: http.StatusAccepted},
		{Route: "GET " + object, Summary: "TAXII 2.1: one of its objects", Rights: readToken, Query: filters, Out: taxii.Envelope{}, Status: ok},
		{Route: "GET " + object + "versions/", Summary: "TAXII 2.1: the versions of an object", Rights: readToken, Query: filters, Out: taxii.Versions{}, Status: ok},
	}
	for i := range list {
		list[i].OutType = taxii.MediaType
	}
	return list
}
