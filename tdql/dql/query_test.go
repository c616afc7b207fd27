package dql_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/tdql/dql"
)

func TestText(t *testing.T) {
	q := dql.Query{Name: "q"}
	h := q.Bind("h", `"} { evil`)
	o1, o2 := q.Bind("o", "1"), q.Bind("o", "2")
	q.Blocks = []dql.Block{
		{As: "a", Func: dql.Eq("hash", h), Filter: dql.Type("Attribute"), Cascade: true,
			Fields: []dql.Field{{Name: "~ref", Args: dql.Args{FirstN: 1}, Filter: dql.Eq("audience", o1, o2), Fields: []dql.Field{{Name: "uid"}}}}},
		{Func: dql.UID("a"), Recurse: 3, Fields: []dql.Field{{As: "b", Name: "ocref"}}},
		{Name: "r", Func: dql.UID("a", "b"), Filter: dql.Or{dql.And{dql.Eq("x", h), dql.Not{Filter: dql.UID("b")}}, dql.And{dql.Or{dql.Type("A"), dql.Type("B")}, dql.Between("t", o1, o2)}},
			Args:   dql.Args{Order: []dql.Order{{By: "t", Desc: true}, {By: "hash"}}, First: q.Declare("first", "int", "10"), Offset: q.Declare("offset", "int", "0"), After: q.Declare("after", "string", "0x0")},
			Fields: []dql.Field{{Alias: "n", Name: "~ref", Count: true}}},
		{Name: "s", Func: dql.UIDList(q.Declare("seed", "string", "[]")), Fields: []dql.Field{{Name: "uid"}}},
	}
	want := `query q($h0: string, $o0: string, $o1: string, $first: int, $offset: int, $after: string, $seed: string) {
  a as var(func: eq(hash, $h0)) @filter(type(Attribute)) @cascade {
    ~ref (first: 1) @filter(eq(audience, [$o0, $o1])) {
      uid
    }
  }
  var(func: uid(a)) @recurse(depth: 3, loop: false) {
    b as ocref
  }
  r(func: uid(a, b), orderdesc: t, orderasc: hash, first: $first, offset: $offset, after: $after) @filter(eq(x, $h0) AND NOT (uid(b)) OR (type(A) OR type(B)) AND between(t, $o0, $o1)) {
    n: count(~ref)
  }
  s(func: uid($seed)) {
    uid
  }
}
`
	if d := cmp.Diff(want, q.Text()); d != "" {
		t.Errorf("want - got +\n%s", d)
	}
	if got := q.Variables()["$h0"]; got != `"} { evil` {
		t.Errorf("$h0 = %q", got)
	}
	other := q.With(map[dql.Param]string{"seed": "[0x1]", "nothing": "x"})
	if got := other.Variables()["$seed"]; got != "[0x1]" || q.Variables()["$seed"] != "[]" || len(other.Variables()) != len(q.Vars) {
		t.Errorf("With: %v", other.Variables())
	}
}

func TestBindSharesEqualValues(t *testing.T) {
	var q dql.Query
	if a, b, c := q.Bind("v", "x"), q.Bind("v", "y"), q.Bind("v", "x"); a != c || a == b || len(q.Vars) != 2 {
		t.Errorf("got %s %s %s, %v", a, b, c, q.Vars)
	}
	if a, b := q.Bind("w", "x"), q.Bind("v1x", "x"); a != "w0" || b != "v1x0" {
		t.Errorf("got %s %s", a, b)
	}
}

func TestAll(t *testing.T) {
	if got := dql.All(nil, nil); got != nil {
		t.Errorf("nothing: got %v", got)
	}
	one := dql.Type("A")
	if d := cmp.Diff(dql.Filter(one), dql.All(nil, one)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(dql.Filter(dql.And{one, one, one}), dql.All(dql.And{one, one}, one)); d != "" {
		t.Error(d)
	}
}

func TestCopiesBindForThemselves(t *testing.T) {
	var q dql.Query
	q.Bind("v", "x")
	other := q
	if a, b := q.Bind("v", "y"), other.Bind("v", "z"); a != "v1" || b != "v1" || len(q.Vars) != 2 || len(other.Vars) != 2 {
		t.Errorf("got %s %s, %v and %v", a, b, q.Vars, other.Vars)
	}
	if a, b := q.Bind("v", "z"), other.Bind("v", "z"); a != "v2" || b != "v1" {
		t.Errorf("got %s and %s", a, b)
	}
	q.Declare("v7", "int", "1")
	if a := q.Bind("v", "1"); a != "v8" {
		t.Errorf("got %s", a)
	}
}
