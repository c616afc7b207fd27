package tahoe_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cybexp/cybexp/tahoe"
)

func attribute(tb testing.TB, subType, data string) *tahoe.Attribute {
	tb.Helper()
	a, err := tahoe.NewAttribute(subType, tahoe.String(data))
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func object(tb testing.TB, subType string, children ...tahoe.Node) *tahoe.Object {
	tb.Helper()
	o, err := tahoe.NewObject(subType, children...)
	if err != nil {
		tb.Fatal(err)
	}
	return o
}

func event(tb testing.TB, subType, orgid string, timestamp float64, children ...tahoe.Node) *tahoe.Event {
	tb.Helper()
	e, err := tahoe.NewEvent(subType, orgid, timestamp, children...)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

const testOrg = "a441b15fe9a3cf56661190a0b93b9dec7d04127288cc87250967cf3b52894d11"

func TestHashPins(t *testing.T) {
	ip := attribute(t, "ipv4", "1.1.1.1")
	for _, c := range []struct {
		name string
		got  tahoe.Hash
		want string
	}{
		{"attribute ipv4", ip.Hash(), "4469d1e06fdd2b03ce89abf4dcc354df0be231b97e7293fe1750232d2d3b23a6"},
		{"attribute subject", attribute(t, "subject", "Saying Hello").Hash(), "50f22cc9e96b0abcf87c18160a66f09cf9c310c67486ba6686ad7fef8cd44d9d"},
		{"attribute status", attribute(t, "status", "wait").Hash(), "64d6f946a875d0fc05774ef1e1fe4eaa4b2f1700c71df9a1bb33b0c0cfcbad89"},
		{"object url", object(t, "url", attribute(t, "url", "example.com"), object(t, "host", ip)).Hash(), "b228a4f398f3b974f16ba18c741dbeb09655e4ec9021b7e9c8d90a4210977ce6"},
		{"event test", event(t, "test", testOrg, -1, attribute(t, "test", "test")).Hash(), "2a3cca131a1724c92cc1a823da9603b60bf037550e07bcabd1f1622d77762983"},
		{"user johndoe", tahoe.UserHash("johndoe@example.com", false), "3c89f0d12d487a409f5fee0307647d5bb6c825107c488eae2bf738d6651b9f47"},
		{"user user10", tahoe.UserHash("user10@abc.co", false), "d81ff9d941586ddf14e7b1893462f842b1b80afb50eb64d298e369ea3a6d38f3"},
		{"superuser", tahoe.UserHash("super1@example.com", true), "3631303c39397a327e65ee6626f42dd613effff21b7351a1d30bbd47e751f895"},
		{"org unr", tahoe.OrgHash("unr"), "b92cd7e4702ec0691f9975fb3dd552a46a3e4dfb25726b258870133425b48373"},
	} {
		if c.got.String() != c.want {
			t.Errorf("%s: got %s, want %s", c.name, c.got, c.want)
		}
	}
}

func TestQueryHashHoldsForAClockHour(t *testing.T) {
	hash := func(ts float64) tahoe.Hash { return tahoe.QueryHash("count", "q", "u", ts) }
	if hash(1620000000) != hash(1620003599.5) {
		t.Error("two hashes in one hour")
	}
	if hash(1620003599.5) == hash(1620003600) {
		t.Error("one hash in two hours")
	}
	if hash(-0.5) != hash(0) || hash(-1) == hash(0) {
		t.Error("seconds are not cut towards zero before hours are rounded down")
	}
}

func TestAttributeHash(t *testing.T) {
	got, err := tahoe.AttributeHash("ipv4", tahoe.String(" 1.1.1.1\n"))
	if want := attribute(t, "ipv4", "1.1.1.1").Hash(); err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	if _, err := tahoe.AttributeHash("ip v4", tahoe.Null()); !errors.Is(err, tahoe.ErrSubType) {
		t.Errorf("got %v, want ErrSubType", err)
	}
}

func TestConstructorsRefuse(t *testing.T) {
	a := attribute(t, "a", "b")
	var none *tahoe.Object
	deep := tahoe.Node(a)
	var deepest error
	for range 20 {
		o, err := tahoe.NewObject("o", deep)
		if err != nil {
			deepest = err
			break
		}
		deep = o
	}
	one := func(_ any, err error) error { return err }
	ip, _ := tahoe.NewAttribute("ip", tahoe.Int(44))
	ip4, _ := tahoe.NewAttribute("ip4", tahoe.Int(4))
	long := attribute(t, "long", strings.Repeat("a", tahoe.MaxCanonical/2))
	longer := attribute(t, "longer", strings.Repeat("b", tahoe.MaxCanonical/2))
	for name, c := range map[string]struct{ got, want error }{
		"list in an attribute":       {one(tahoe.NewAttribute("a", tahoe.Array(tahoe.Int(1)))), tahoe.ErrData},
		"object in an attribute":     {one(tahoe.NewAttribute("a", tahoe.Map(nil))), tahoe.ErrData},
		"sub_type of an attribute":   {one(tahoe.NewAttribute("a b", tahoe.Null())), tahoe.ErrSubType},
		"sub_type of an object":      {one(tahoe.NewObject("a-b", a)), tahoe.ErrSubType},
		"sub_type of a raw":          {one(tahoe.NewRaw("", tahoe.Null(), "", "")), tahoe.ErrSubType},
		"object without children":    {one(tahoe.NewObject("o")), tahoe.ErrData},
		"event without children":     {one(tahoe.NewEvent("e", "", 0)), tahoe.ErrData},
		"nil child":                  {one(tahoe.NewObject("o", nil)), tahoe.ErrData},
		"nil object as child":        {one(tahoe.NewObject("o", none)), tahoe.ErrData},
		"timestamp NaN":              {one(tahoe.NewEvent("e", "", math.NaN(), a)), tahoe.ErrNotFinite},
		"timestamp infinite":         {one(tahoe.NewEvent("e", "", math.Inf(1), a)), tahoe.ErrNotFinite},
		"orgid not UTF-8":            {one(tahoe.NewEvent("e", "\xff", 0, a)), tahoe.ErrData},
		"timezone not UTF-8":         {one(tahoe.NewRaw("r", tahoe.Null(), "", "\xff")), tahoe.ErrData},
		"objects in objects":         {deepest, tahoe.ErrTooLarge},
		"too large":                  {one(tahoe.NewObject("o", long, longer)), tahoe.ErrTooLarge},
		"collision among children":   {one(tahoe.NewObject("o", ip, ip4)), tahoe.ErrCollision},
		"collision with descendants": {one(tahoe.NewObject("o", object(t, "p", ip), ip4)), tahoe.ErrCollision},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: got %v, want %v", name, c.got, c.want)
		}
	}
}

func TestChildrenCountOnce(t *testing.T) {
	ip := attribute(t, "ipv4", "1.1.1.1")
	src := object(t, "src", ip, attribute(t, "port", "1"), attribute(t, "ipv4", " 1.1.1.1 "))
	e := event(t, "x", "org", 0, src, ip, src, attribute(t, "ipv4", "1.1.1.1"))
	if got, want := e.Data().String(), `{"ipv4":["1.1.1.1"],"src":[{"ipv4":["1.1.1.1"],"port":["1"]}]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := len(e.Children()); got != 2 {
		t.Errorf("got %d children, want 2", got)
	}
	refs := e.Refs()
	if len(refs) != 3 || !slices.IsSortedFunc(refs, func(a, b tahoe.Node) int { return a.Hash().Compare(b.Hash()) }) {
		t.Errorf("got %v", refs)
	}
}

func TestEventTime(t *testing.T) {
	a := attribute(t, "a", "b")
	for stamp, want := range map[float64]string{
		1588032005.834291: "2020-04-28T00:00:05.834291Z",
		-1.5:              "1969-12-31T23:59:58.5Z",
		1.9999999:         "1970-01-01T00:00:02Z",
		1e300:             "9999-12-31T23:59:59Z",
		-1e300:            "0001-01-01T00:00:00Z",
	} {
		e := event(t, "e", "", stamp, a)
		if got := e.Time().Format(time.RFC3339Nano); got != want || e.Timestamp() != stamp {
			t.Errorf("%v: got %s, want %s", stamp, got, want)
		}
	}
}

func TestContexts(t *testing.T) {
	url := attribute(t, "url", "example.com")
	name, size := attribute(t, "filename", "virus.exe"), attribute(t, "filesize", "20012")
	file := object(t, "file", name, size)
	e := event(t, "file_download", "org", 100, url, file)
	set := func(c tahoe.Category, nodes ...tahoe.Node) {
		t.Helper()
		if err := e.SetContext(c, nodes...); err != nil {
			t.Fatal(err)
		}
	}
	check := func(malicious, benign int) {
		t.Helper()
		if m, b := e.Malicious(), e.Benign(); len(m) != malicious || len(b) != benign {
			t.Errorf("got %v and %v, want %d and %d", m, b, malicious, benign)
		}
	}
	check(0, 0)
	set(tahoe.Malicious, name, url, file)
	set(tahoe.Benign, size)
	check(3, 1)
	set(tahoe.Benign, name)
	set(tahoe.Unknown, size)
	check(2, 1)
	for n, want := range map[tahoe.Node]tahoe.Category{url: tahoe.Malicious, name: tahoe.Benign, size: tahoe.Unknown} {
		if got, err := e.Context(n); got != want || err != nil {
			t.Errorf("%s: got %s, %v, want %s", n.SubType(), got, err, want)
		}
	}
	if err := e.SetContext(tahoe.Malicious, size, attribute(t, "x", "y")); !errors.Is(err, tahoe.ErrContext) {
		t.Errorf("got %v, want ErrContext", err)
	}
	if _, err := e.Context(attribute(t, "x", "y")); !errors.Is(err, tahoe.ErrContext) {
		t.Errorf("got %v, want ErrContext", err)
	}
	if err := e.SetContext("wrong_context", url); !errors.Is(err, tahoe.ErrCategory) {
		t.Errorf("got %v, want ErrCategory", err)
	}
	check(2, 1)
}

func TestCategory(t *testing.T) {
	e := event(t, "e", "org", 0, attribute(t, "a", "b"))
	before := e.Hash()
	if e.Category() != tahoe.Unknown {
		t.Errorf("new event is %s", e.Category())
	}
	if err := e.SetCategory(tahoe.Benign); err != nil || e.Category() != tahoe.Benign || e.Hash() != before {
		t.Errorf("got %s, %v", e.Category(), err)
	}
	if err := e.SetCategory("bad"); !errors.Is(err, tahoe.ErrCategory) || e.Category() != tahoe.Benign {
		t.Errorf("got %s, %v", e.Category(), err)
	}
}

func TestSession(t *testing.T) {
	s, err := tahoe.NewSession("s", attribute(t, "user", "johndoe"))
	if err != nil {
		t.Fatal(err)
	}
	before := s.Hash()
	one, two := event(t, "e", "org", 1, attribute(t, "a", "b")), event(t, "e", "org", 2, attribute(t, "a", "b"))
	s.AddEvent(one, two, one)
	s.AddEvent(two)
	if got := s.Events(); len(got) != 2 || s.Hash() != before {
		t.Errorf("got %v", got)
	}
	random, err := tahoe.NewSession("s")
	if err != nil {
		t.Fatal(err)
	}
	if got := random.Children(); len(got) != 1 || got[0].SubType() != "sessionid" {
		t.Errorf("got %v", got)
	}
	other, _ := tahoe.NewSession("s")
	if other.Hash() == random.Hash() {
		t.Error("two random sessions are one")
	}
}

func TestParseHash(t *testing.T) {
	h := attribute(t, "a", "b").Hash()
	if got, err := tahoe.ParseHash(h.String()); err != nil || got != h || got.IsZero() {
		t.Errorf("got %s, %v, want %s", got, err, h)
	}
	for _, text := range []string{"", "abc", strings.Repeat("g", 64), strings.Repeat("0", 63) + "é"} {
		if _, err := tahoe.ParseHash(text); !errors.Is(err, tahoe.ErrHash) {
			t.Errorf("%q: got %v, want ErrHash", text, err)
		}
	}
	if !(tahoe.Hash{}).IsZero() {
		t.Error("the zero hash is none")
	}
}

func TestMarshalInstance(t *testing.T) {
	a := attribute(t, "url", "http://a/?b&c<d")
	o := object(t, "o", a)
	e := event(t, "e", "org", 100, o)
	s, _ := tahoe.NewSession("s", a)
	s.AddEvent(e)
	start := 99.5
	s.StartTime = &start
	r, _ := tahoe.NewRaw("cowrie", tahoe.Int(1), "org", "UTC")
	if err := e.SetContext(tahoe.Malicious, a); err != nil {
		t.Fatal(err)
	}
	ah, oh, eh := a.Hash().String(), o.Hash().String(), e.Hash().String()
	pair := []string{ah, oh}
	slices.Sort(pair)
	refs := []string{ah, eh}
	slices.Sort(refs)
	for i, want := range map[tahoe.Instance]string{
		a: `{"_hash":"` + ah + `","itype":"attribute","sub_type":"url","data":"http://a/?b&c<d"}`,
		o: `{"_hash":"` + oh + `","itype":"object","sub_type":"o","data":{"url":["http://a/?b&c<d"]},"_cref":["` + ah + `"],"_ref":["` + ah + `"]}`,
		e: `{"_hash":"` + eh + `","itype":"event","sub_type":"e","data":{"o":[{"url":["http://a/?b&c<d"]}]},"_cref":["` + oh + `"],"_ref":["` + strings.Join(pair, `","`) +
			`"],"orgid":"org","timestamp":100.0,"category":"unknown","_ben_ref":[],"_mal_ref":["` + ah + `"]}`,
		s: `{"_hash":"` + s.Hash().String() + `","itype":"session","sub_type":"s","data":{"url":["http://a/?b&c<d"]},"_cref":["` + ah + `"],"_ref":["` + strings.Join(refs, `","`) + `"],"start_time":99.5}`,
		r: `{"_hash":"08c4eeb379155f17d4ef6c389b691b78ce83e30fd0c133d7fb19b81a88be4423","itype":"raw","sub_type":"cowrie","data":1,"orgid":"org","timezone":"UTC"}`,
	} {
		got, err := tahoe.MarshalInstance(i)
		if err != nil || string(got) != want {
			t.Errorf("%s:\n got %s, %v\nwant %s", i.Kind(), got, err, want)
		}
	}
}
