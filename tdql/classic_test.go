package tdql_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/cybexp/cybexp/tdql"
)

// classicClauses are the canonical clauses of a count in the classic form with these members, or the error.
func classicClauses(t *testing.T, members map[string]any, now time.Time) (string, error) {
	t.Helper()
	data := map[string]any{"sub_type": "ip", "data": "1.1.1.1"}
	for key, v := range members {
		data[key] = v
	}
	body, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	q, err := tdql.Classic("count", body)
	if err != nil {
		return "", err
	}
	env := testEnv()
	env.Now = now
	plan, _, err := tdql.Check(q, env)
	if err != nil {
		t.Fatalf("%s passes as %s, but does not check: %v", body, q, err)
	}
	text := strings.TrimPrefix(plan.Canonical(), "ipv4 1.1.1.1 | events")
	return strings.TrimSpace(strings.TrimSuffix(text, " | count")), nil
}

// The original's forms of a span of time, each with what it means here.
var classicTimes = []struct {
	name    string
	members map[string]any
	want    string
}{
	{"no time at all", nil, ""},
	{"empty texts are as good as none", map[string]any{"from": "", "to": "", "last": "", "tzname": ""}, ""},
	{"from alone", map[string]any{"from": "100"}, "from 1970-01-01T00:01:40Z"},
	{"to alone", map[string]any{"to": "100"}, "to 1970-01-01T00:01:40Z"},
	{"from and to", map[string]any{"from": "100", "to": "200"}, "from 1970-01-01T00:01:40Z to 1970-01-01T00:03:20Z"},
	{"both ends at once", map[string]any{"from": "100", "to": "100"}, "from 1970-01-01T00:01:40Z to 1970-01-01T00:01:40Z"},
	{"an end before the beginning", map[string]any{"from": "500", "to": "300"},
		"where timestamp <= 1970-01-01T00:05:00Z and timestamp >= 1970-01-01T00:08:20Z"},
	{"an exponent", map[string]any{"from": "1e9"}, "from 2001-09-09T01:46:40Z"},
	{"a fraction", map[string]any{"from": "1590051600.25"}, "from 2020-05-21T09:00:00.25Z"},
	{"a sign", map[string]any{"from": "+100", "to": "-1.5E+1"}, "where timestamp <= 1969-12-31T23:59:45Z and timestamp >= 1970-01-01T00:01:40Z"},
	{"white space around a number", map[string]any{"from": " 100\n"}, "from 1970-01-01T00:01:40Z"},
	{"dates in a zone", map[string]any{"from": "2020/05/21 02:00am", "to": "2021/05/21 02:00am", "tzname": "America/Los_Angeles"},
		"from 2020-05-21T09:00:00Z to 2021-05-21T09:00:00Z"},
	{"dates in winter", map[string]any{"from": "2020/12/21 02:00am", "tzname": "America/Los_Angeles"}, "from 2020-12-21T10:00:00Z"},
	{"dates in UTC", map[string]any{"from": "2020/05/21 02:00pm"}, "from 2020-05-21T14:00:00Z"},
	{"dates in a zone, the wrong way round", map[string]any{"from": "2021-05-21", "to": "2020-05-21", "tzname": "Asia/Tokyo"},
		"where timestamp <= 2020-05-20T15:00:00Z and timestamp >= 2021-05-20T15:00:00Z"},
	{"RFC 3339", map[string]any{"from": "2020-01-01T00:00:00Z", "to": "2020-01-01T00:00:00.5-08:00", "tzname": "Asia/Tokyo"},
		"from 2020-01-01T00:00:00Z to 2020-01-01T08:00:00.5Z"},
	{"5s", map[string]any{"last": "5s"}, "last 5s"},
	{"5 s", map[string]any{"last": "5 s"}, "last 5s"},
	{"678s", map[string]any{"last": "678s"}, "last 678s"},
	{"678 sec", map[string]any{"last": "678 sec"}, "last 678s"},
	{"1Y", map[string]any{"last": "1Y"}, "last 1Y"},
	{"1M", map[string]any{"last": "1M"}, "last 1M"},
	{"1m", map[string]any{"last": "1m"}, "last 1m"},
	{"2 weeks", map[string]any{"last": "2 weeks"}, "last 2w"},
	{"much space", map[string]any{"last": " 2 \t weeks "}, "last 2w"},
	{"a plus", map[string]any{"last": "+5s"}, "last 5s"},
	{"a span in the future", map[string]any{"last": "-5s"}, "where timestamp < now and timestamp > now"},
	{"a span in the future, with a space", map[string]any{"last": "-2 weeks"}, "where timestamp < now and timestamp > now"},
	{"no span", map[string]any{"last": "0s"}, "last 0s"},
	{"no span, with a sign", map[string]any{"last": "-0s"}, "last 0s"},
}

func TestClassicTimes(t *testing.T) {
	for _, test := range classicTimes {
		t.Run(test.name, func(t *testing.T) {
			if got, err := classicClauses(t, test.members, testEnv().Now); err != nil || got != test.want {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
}

// TestClassicUnits has every unit of the original, with its length in seconds. Their case matters.
func TestClassicUnits(t *testing.T) {
	for text, seconds := range map[string]int64{
		"s sec second seconds": 1, "m min mins minute minutes": 60, "h hr hrs hour hours": 3600, "d day days": 86400,
		"w week weeks": 604800, "M month months": 2629800, "Y year years": 31557600,
	} {
		for _, unit := range strings.Fields(text) {
			now := time.Unix(1e9, 0)
			got, err := classicClauses(t, map[string]any{"last": "3 " + unit}, now)
			if err != nil {
				t.Error(err)
				continue
			}
			q, err := tdql.Parse("ipv4 1.1.1.1 | events " + got)
			if err != nil {
				t.Fatal(err)
			}
			env := testEnv()
			env.Now = now
			plan, _, err := tdql.Check(q, env)
			if err != nil {
				t.Fatal(err)
			}
			prog, err := tdql.Compile(plan)
			if err != nil {
				t.Fatal(err)
			}
			want := time.Unix(1e9-3*seconds, 0).UTC().Format(time.RFC3339)
			if vars := prog.Queries()[0].Variables(); vars["$t0"] != want {
				t.Errorf("3 %s begins %s, want %s", unit, vars["$t0"], want)
			}
			if len(unit) == 1 {
				continue
			}
			for _, wrong := range []string{"3" + unit, "3 " + strings.ToUpper(unit)} {
				if got, err := classicClauses(t, map[string]any{"last": wrong}, now); err == nil {
					t.Errorf("%q became %s", wrong, got)
				}
			}
		}
	}
}

// TestClassicFaults has the original's texts, and the hints that it had not.
func TestClassicFaults(t *testing.T) {
	const units, zones, times = "durations are a number and a unit", "zones have IANA names", "times are written"
	for _, test := range []struct {
		members    map[string]any
		want, hint string
	}{
		{map[string]any{"last": "5s", "from": "100"}, "Don't specify both 'last' and 'from/to'!", ""},
		{map[string]any{"last": "5s", "to": "100"}, "Don't specify both 'last' and 'from/to'!", ""},
		{map[string]any{"last": "678sec"}, "Invalid 'last'=678sec!", `write "678 sec"`},
		{map[string]any{"last": "-678sec"}, "Invalid 'last'=-678sec!", `write "678 sec"`},
		{map[string]any{"last": "1.5h"}, "Invalid 'last'=1.5h!", units},
		{map[string]any{"last": "5x"}, "Invalid 'last'=5x!", units},
		{map[string]any{"last": "1 D"}, "Invalid 'last'=1 D!", `did you mean "d"?`},
		{map[string]any{"last": "1 Days"}, "Invalid 'last'=1 Days!", `write "1 days"`},
		{map[string]any{"last": "1 das"}, "Invalid 'last'=1 das!", `did you mean "day"?`},
		{map[string]any{"last": "5"}, "Invalid 'last'=5!", units},
		{map[string]any{"last": "s"}, "Invalid 'last'=s!", units},
		{map[string]any{"last": "5 s x"}, "Invalid 'last'=5 s x!", units},
		{map[string]any{"last": "+-5s"}, "Invalid 'last'=+-5s!", ""},
		{map[string]any{"last": "5é"}, "Invalid 'last'=5é!", units},
		{map[string]any{"last": "99999999999Y"}, "Invalid 'last'=99999999999Y!", units},
		{map[string]any{"tzname": "Mars/X"}, "Invalid 'tzname'=Mars/X!", zones},
		{map[string]any{"tzname": "Europe/Berlni"}, "Invalid 'tzname'=Europe/Berlni!", `did you mean "Europe/Berlin"?`},
		{map[string]any{"from": "xyz"}, "Invalid 'from'=xyz!", times},
		{map[string]any{"to": "notadate"}, "Invalid 'to'=notadate!", times},
		{map[string]any{"from": "inf"}, "Invalid 'from'=inf!", times},
		{map[string]any{"from": "nan"}, "Invalid 'from'=nan!", times},
		{map[string]any{"from": "0x10"}, "Invalid 'from'=0x10!", times},
		{map[string]any{"from": "1e300"}, "Invalid 'from'=1e300!", times},
		{map[string]any{"from": 100}, `"from" must be a text`, ""},
		{map[string]any{"last": 5}, `"last" must be a text`, ""},
		{map[string]any{"category": "malicous"}, `"category" must be all, benign, malicious or unknown`, `did you mean "malicious"?`},
	} {
		t.Run(test.want, func(t *testing.T) {
			got, err := classicClauses(t, test.members, testEnv().Now)
			if err == nil {
				t.Fatalf("no fault: %s", got)
			}
			first, rest, _ := strings.Cut(err.Error(), "\n")
			if !strings.HasSuffix(first, ": "+test.want) || !strings.Contains(rest, test.hint) {
				t.Errorf("got %v, want %s with %s", err, test.want, test.hint)
			}
		})
	}
}
