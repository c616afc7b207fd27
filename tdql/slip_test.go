package tdql_test

import (
	"strings"
	"testing"

	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// TestSlipsAreUnderstood has a slip for each kind of word and each place, with the word that was meant.
//
//nolint:misspell // that is what it tests
func TestSlipsAreUnderstood(t *testing.T) {
	const hash = " 6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
	for text, meant := range map[string]string{
		// how a query begins
		"cuont ipv4 1.1.1.1":              "count",
		"explian count ipv4 1.1.1.1":      "explain",
		"explain analyz count ipv4 1.1.1": "analyze",
		"wacth events":                    "watch",
		"evnt" + hash:                     "event",
		"sesions":                         "sessions",
		"path ipv4 1.1.1.1 ot url x":      "to",
		// stages, clauses, options
		"ipv4 1.1.1.1 | evnts":               "events",
		"ipv4 1.1.1.1 | related | grph":      "graph",
		"count ipv4 1.1.1.1 lsat 7d":         "last",
		"events categry":                     "category",
		"events last 7d categry malicious":   "category",
		"related ipv4 1.1.1.1 levle 2":       "level",
		"related ipv4 1.1.1.1 via sesions":   "sessions",
		"related ipv4 1.1.1.1 return sesion": "session",
		"events | page 2 szie 5":             "size",
		"events | sort timestamp dsec":       "desc",
		"events | count distnct by day":      "distinct",
		"events | count by dya":              "day",
		"events | threatrank dpth 5":         "depth",
		"ipv4 1.1.1.1 | path to url x mx 5":  "max",
		// values of clauses
		"events category malicous": "malicious",
		"events org bleu":          "blue",
		"events last 7dyas":        "days",
		"events last 7 dyas":       "days",
		"events last $slip":        "week",
		"events from yestrday":     "yesterday",
		"events to $later":         "now",
		"events tz Europ/Berlin":   "Europe/Berlin",
		"events | count tz $zone":  "Asia/Tokyo",
		"ipv4 $ipp":                "$ip",
		// tests
		"events where url contians x":                 "contains",
		"events where url undr x":                     "under",
		"events where url ni (a, b)":                  "in",
		"events where nto url = x":                    "not",
		"events where hs url":                         "has",
		"events where url = x adn port = 2":           "and",
		"events | where url = x ro port = 2":          "or",
		"events where malicous(ipv4 = 1)":             "malicious",
		"events where timestamp > yestrday":           "yesterday",
		"events where category = benin":               "benign",
		"events where org = rde":                      "red",
		"ipv4 1.1.1.1 | related | where itype = evnt": "event",
		// fields and sub-types
		"events where catgory = malicious":      "category",
		"attributes where degre > 5":            "degree",
		"sessions where start_tme > 2021-01-01": "start_time",
		"sessions where duraton > 5":            "duration",
		"sessions | sort start_tme":             "start_time",
		"events | sort timestmp":                "timestamp",
		"events | fields org_nme":               "org_name",
		"ipv5 1.1.1.1":                          "ipv4",
		"events lgoin":                          "login",
		"events where prot = 22":                "port",
		"events where scr.port = 22":            "src",
		"events where src.prot = 22":            "port",
		"events where has prot":                 "port",
		"events | top 5 ulr":                    "url",
		"events | count by prot":                "port",
		"events | fields prot":                  "port",
	} {
		env := testEnv()
		env.Params["later"], env.Params["zone"] = tahoe.String("nwo"), tahoe.String("Asia/Tokio")
		warnings, err := faultsOf(asked{text: text}, env)
		if err == nil && len(warnings) > 0 {
			err = tdql.Errors(warnings)
		}
		if want := "did you mean \"" + meant + "\"?"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: no %s in %v", text, want, err)
		}
	}
}
