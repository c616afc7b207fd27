package reportd

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// whereGraph has one event a value; the event's time is the number of the value, from 1.
func whereGraph(org tdql.Org, list ...tahoe.Node) []tahoe.Record {
	var r tahoe.Record
	for i, n := range list {
		children := []tahoe.Node{n}
		if i%2 == 0 {
			children = []tahoe.Node{must(tahoe.NewObject("src", n))}
		}
		e := must(tahoe.NewEvent("seen", org.Hash.String(), float64(i+1), children...))
		if i%3 == 0 {
			if err := e.SetContext(tahoe.Malicious, n); err != nil {
				panic(err)
			}
		}
		r.Events = append(r.Events, e)
		s := must(tahoe.NewSession("visit", must(tahoe.NewAttribute("visitid", tahoe.Int(int64(1000000+i))))))
		s.AddEvent(e)
		start, took := float64(i+1), float64(10*i)
		s.StartTime, s.Duration = &start, &took
		r.Sessions = append(r.Sessions, s)
	}
	r.Raw, r.State = must(tahoe.NewRaw("visits", tahoe.Int(int64(len(list))), org.Hash.String(), "UTC")), tahoe.Mapped // it tells the times of the sessions
	return []tahoe.Record{r}
}

func TestWhere(t *testing.T) {
	org := tdql.Org{Hash: tahoe.OrgHash("where"), Name: "where"}
	attr := func(subType string, v tahoe.Value) tahoe.Node { return must(tahoe.NewAttribute(subType, v)) }
	text := func(subType, s string) tahoe.Node { return attr(subType, tahoe.String(s)) }
	store := testdgraph.Open(t)
	if _, err := store.Write(t.Context(), whereGraph(org,
		text("ipv4", "9.255.255.255"), text("ipv4", "10.0.0.0"), text("ipv4", "10.255.255.255"), text("ipv4", "11.0.0.0"), // 1 to 4
		text("ipv6", "2001:db8::1"), text("ipv6", "2001:DB9::1"), // 5, 6
		text("domain", "example.com"), text("domain", "www.Example.com"), text("domain", "notexample.com"), text("domain", "example.com.evil.org"), // 7 to 10
		text("url", "http://a.example.com/x?y=1"), text("url", "http://evil.org/example.com"), // 11, 12
		attr("port", tahoe.Int(22)), attr("port", tahoe.Int(443)), attr("port", tahoe.Int(8080)), attr("load", must(tahoe.Float(-1.5))), // 13 to 16
		text("subject", "Re: your INVOICE (50% off) [now] a/b \\ ü"), text("subject", "invoice"), text("subject", "ab"), text("port", "22"), // 17 to 20
		text("note", "first line\nsecond line"), // 21
	)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ where, want string }{
		{"ipv4 in 10.0.0.0/8", "2 3"},
		{"ipv4 in 10.1.2.3/8", "2 3"},
		{"ipv4 in 0.0.0.0/0", "1 2 3 4"},
		{"ipv4 not in 10.0.0.0/8 and has ipv4", "1 4"},
		{"src.ipv4 in 10.0.0.0/8", "3"},
		{"malicious(ipv4 in 0.0.0.0/0)", "1 4"},
		{"ipv6 in 2001:db8::/32", "5"},
		{"ipv6 in ::/0", "5 6"},
		{"ipv4 in 10[.]0.0.0/30 or ipv4 in 11.0.0.0", "2 4"},
		{"domain under example.com", "7 8"},
		{"domain under com", "7 8 9"},
		{"domain under *.EXAMPLE.com.", "7 8"},
		{"url under http://example.com/", "11"},
		{"url under evil.org", "12"},
		{"port < 443", "13"},
		{"port <= 443", "13 14"},
		{"port > 443", "15"},
		{"port >= 443 and port < 8080", "14"},
		{"load < 0", "16"},
		{"load <= -1.5", "16"},
		{"load < -1.5", ""},
		{"has port", "13 14 15 20"},
		{"has src.port", "13 15"},
		{"has src and not has port", "1 3 5 7 9 11 17 19 21"},
		{"subject ~ /invoice/", "18"},
		{"subject ~ /INVOICE/i", "17 18"},
		{"subject ~ /^invoice$/", "18"},
		{`subject ~ /a\/b \\ ü/`, "17"},
		{`subject ~ /[\/] ?b/`, "17"},
		{"subject ~ /(invoice|nothing)/", "18"},
		{"subject contains 'INVOICE (50% off) [now]'", "17"},
		{`subject contains "a/b \\"`, "17"},
		{"subject contains inv", "18"},
		{"subject startswith inv", "18"},
		{"subject startswith voice", ""},
		{"subject endswith voice", "18"},
		{"subject endswith ü", "17"},
		{"port contains 44", "14"},
		{"port ~ /^22$/", "13 20"},
		{"src.subject contains ' your '", "17"},
		{"note startswith first", "21"},
		{"note contains second", "21"},
		{"note endswith line", "21"},
		{"note startswith second", ""},
		{"note endswith 'first line'", ""},
		{"note ~ /^second line$/", ""},
		{"note ~ /first.*second/", ""},
		{"degree = 1", "21 2 4 6 8 10 12 14 16 18 20 1 3 5 7 9 11 13 15 17 19"},
		{"degree > 1", ""},
		{"subject ~ /^..$/", "19"},
		{"subject contains ab or port = 22", "13 19"},
		{"not subject ~ /./", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 20 21"},
	} {
		want := strings.Fields(tt.want)
		slices.Sort(want)
		for _, query := range []string{"events seen where " + tt.where, "events from 0 to 100 | where " + tt.where,
			"events seen where not not (" + tt.where + ")", "sessions visit | events seen where " + tt.where} {
			got := eventNumbers(t, store, org, query)
			if !slices.Equal(got, want) {
				t.Errorf("%s: got %s, want %s", query, got, want)
			}
		}
		if strings.Contains(tt.where, "malicious") || strings.Contains(tt.where, "degree") {
			continue
		}
		if got := eventNumbers(t, store, org, "sessions visit where "+tt.where+" | events"); !slices.Equal(got, want) {
			t.Errorf("sessions visit where %s: got %s, want %s", tt.where, got, want)
		}
	}
	for _, tt := range []struct{ text, want string }{
		{"attributes ipv4 where data in 10.0.0.0/8", "2 3"},
		{"attributes where data in 10.0.0.0/8", "2 3"},
		{"attributes where data under example.com", "11 7 8"},
		{"attributes where data < 100 and data > 0", "13"},
		{"attributes subject where data ~ /^..$/", "19"},
		{"attributes subject where subject ~ /^..$/", "19"},
		{"attributes port where degree = 1", "13 14 15 20"},
		{"attributes where port >= 443", "14 15"},
		{"objects where port >= 443", "15"},
		{"objects src where subject ~ /^..$/", "19"},
		{"sessions where duration >= 170 and duration < 190", "18 19"},
		{"sessions where duration = 0", "1"},
		{"sessions where duration <= 10", "1 2"},
		{"sessions where start_time < 3", "1 2"},
		{"sessions where start_time >= 1970-01-01T00:00:19Z", "19 20 21"},
		{"sessions where not start_time != 5", "5"},
		{"sessions visit where degree = 1 and duration = 40", "5"},
		{"port 22 | related | attributes where data ~ /2/ | events", "13"},
		{"port (22, 443) | related | attributes where degree >= 1 | events", "13 14"},
	} {
		query := tt.text
		if !strings.HasSuffix(query, "events") {
			query += " | events"
		}
		if got := strings.Join(eventNumbers(t, store, org, query), " "); got != tt.want {
			t.Errorf("%s: got %s, want %s", query, got, tt.want)
		}
	}
}

// eventNumbers asks for events, and returns the numbers of their seconds.
func eventNumbers(t *testing.T, db Querier, org tdql.Org, query string) []string {
	t.Helper()
	var out []string
	for _, at := range column[string](t, ask(t, db, []tdql.Org{org}, query), "timestamp") {
		var n int
		if _, err := fmt.Sscanf(at, "1970-01-01T00:00:%dZ", &n); err != nil {
			t.Fatal(at, err)
		}
		out = append(out, fmt.Sprint(n))
	}
	slices.Sort(out)
	return out
}

func TestWhereThatReadsEverythingIsRefused(t *testing.T) {
	for _, query := range []string{"events where url ~ /../", "events where url contains ab", "attributes where data ~ /^.*$/", "events | where not url ~ /x/",
		"attributes where degree > 5", "events where port = 22 or url ~ /x/", "sessions where url ~ /[abc]{3}/"} {
		_, _, err := tdql.Check(must(tdql.Parse(query)), tdql.Env{Now: testNow})
		var faults tdql.Errors
		if !errors.As(err, &faults) || faults[0].Code != tdql.CodeMeaning || faults[0].Hint == "" {
			t.Errorf("%s: %v", query, err)
		}
	}
}
