package graph_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/dgraph-io/dgo/v230"
	"github.com/dgraph-io/dgo/v230/protos/api"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/cybexp/cybexp/internal/testdgraph"
)

// TestNamedValuesGoFromListAndIndex holds the Dgraph that we build to what Dgraph does when it reads a list before it deletes named values in it: those go,
// and their entries in the index, and nothing else.
func TestNamedValuesGoFromListAndIndex(t *testing.T) {
	testdgraph.Open(t)
	testdgraph.Wipe(t)
	var written struct {
		Data struct{ UIDs map[string]string }
	}
	const mutate = "/mutate?commitNow=true"
	post(t, mutate, "application/rdf", `{ set {
		_:a <audiences> "x" .
		_:a <audiences> "ý" .
		_:a <audiences> "z" .
		_:b <audiences> "x" .
		_:b <audiences> "ý" .
		_:c <audiences> "x" .
	} }`, &written)
	uids := written.Data.UIDs
	a, b, c := uids["a"], uids["b"], uids["c"]
	for _, step := range []struct {
		name, mutation string
		x, y, z        []string // who has the value
	}{
		{"as written", "", []string{a, b, c}, []string{a, b}, []string{a}},
		{"one of several", `{ delete { <` + a + `> <audiences> "x" . } }`, []string{b, c}, []string{a, b}, []string{a}},
		{"one of another", `{ delete { <` + b + `> <audiences> "ý" . } }`, []string{b, c}, []string{a}, []string{a}},
		{"what it never had", `{ delete { <` + c + `> <audiences> "z" . } }`, []string{b, c}, []string{a}, []string{a}},
		{"again", `{ delete { <` + a + `> <audiences> "x" . } }`, []string{b, c}, []string{a}, []string{a}},
		{"the last", `{ delete { <` + c + `> <audiences> "x" . } }`, []string{b}, []string{a}, []string{a}},
		{"it comes back", `{ set { <` + c + `> <audiences> "x" . } }`, []string{b, c}, []string{a}, []string{a}},
		{"in exchange", `{ delete { <` + c + `> <audiences> "x" . } set { <` + c + `> <audiences> "z" . } }`, []string{b}, []string{a}, []string{a, c}},
		{"deleted and set", `{ delete { <` + c + `> <audiences> "z" . } set { <` + c + `> <audiences> "z" . } }`, []string{b}, []string{a}, []string{a, c}},
		{"all of one", `{ delete { <` + a + `> <audiences> * . } }`, []string{b}, nil, []string{c}},
	} {
		if step.mutation != "" {
			post(t, mutate, "application/rdf", step.mutation, &written)
		}
		var found struct {
			Data struct {
				X, Y, Z []struct{ UID string }
				All     []struct {
					UID       string
					Audiences []string
				}
			}
		}
		post(t, "/query", "application/dql", `{ x(func: eq(audiences, "x")) { uid } y(func: eq(audiences, "ý")) { uid } z(func: eq(audiences, "z")) { uid }
			all(func: uid(`+a+`, `+b+`, `+c+`)) @filter(has(audiences)) { uid audiences } }`, &found)
		held := map[string][]string{}
		for _, v := range found.Data.All {
			for _, value := range v.Audiences {
				held[value] = append(held[value], v.UID)
			}
		}
		for value, want := range map[string][]string{"x": step.x, "ý": step.y, "z": step.z} {
			index := map[string][]struct{ UID string }{"x": found.Data.X, "ý": found.Data.Y, "z": found.Data.Z}[value]
			var listed []string
			for _, v := range index {
				listed = append(listed, v.UID)
			}
			for _, list := range [][]string{listed, held[value], want} {
				slices.Sort(list)
			}
			if !slices.Equal(listed, want) || !slices.Equal(held[value], want) {
				t.Errorf("%s: %q is listed of %v and held by %v, want %v", step.name, value, listed, held[value], want)
			}
		}
	}
}

// TestWhoWritesAValueMeetsWhoElseDoes holds the Dgraph that we build, which does not look for conflicts at entries of the index of a single value, to
// what Dgraph does when it looks there too.
func TestWhoWritesAValueMeetsWhoElseDoes(t *testing.T) {
	testdgraph.Open(t)
	conn, err := grpc.NewClient("passthrough:///"+strings.TrimPrefix(testdgraph.Target(t), "dgraph://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := dgo.NewDgraphClient(api.NewDgraphClient(conn))
	ctx := t.Context()
	change := func(txn *dgo.Txn, set, del string) {
		t.Helper()
		if set+del == "" {
			return
		}
		if _, err := txn.Mutate(ctx, &api.Mutation{SetNquads: []byte(set), DelNquads: []byte(del)}); err != nil {
			t.Fatal(err)
		}
	}
	const all = "<0x11> <value> * .\n<0x11> <state> * .\n<0x11> <audiences> * .\n<0x11> <timestamp> * .\n<0x11> <hash> * .\n<0x12> <value> * .\n<0x12> <hash> * ."
	for _, c := range []struct {
		name               string
		before             string
		set, del           string // of who commits first
		otherSet, otherDel string // of who began meanwhile
		meet               bool
	}{
		{name: "values that share trigrams", set: `<0x11> <value> "one two" .`, otherSet: `<0x11> <value> "two three" .`, meet: true},
		{name: "values that share nothing", set: `<0x11> <value> "abcd" .`, otherSet: `<0x11> <value> "wxyz" .`, meet: true},
		{name: "the same value", set: `<0x11> <value> "abcd" .`, otherSet: `<0x11> <value> "abcd" .`, meet: true},
		{name: "the same value of two", set: `<0x11> <value> "abcd" .`, otherSet: `<0x12> <value> "abcd" .`},
		{name: "a value that goes", before: `<0x11> <value> "abcd" .`, del: `<0x11> <value> * .`, otherSet: `<0x11> <value> "wxyz" .`, meet: true},
		{name: "a value that goes by its name", before: `<0x11> <state> "kept" .`, del: `<0x11> <state> "kept" .`, otherSet: `<0x11> <state> "mapped" .`, meet: true},
		{name: "a value that goes twice", before: `<0x11> <state> "kept" .`, del: `<0x11> <state> * .`, otherDel: `<0x11> <state> * .`, meet: true},
		{name: "times of one hour", set: `<0x11> <timestamp> "2020-01-01T00:10:00Z" .`, otherSet: `<0x11> <timestamp> "2020-01-01T00:20:00Z" .`, meet: true},
		{name: "a value of a list", set: `<0x11> <audiences> "x" .`, otherSet: `<0x11> <audiences> "x" .`, meet: true},
		{name: "values of a list", set: `<0x11> <audiences> "x" .`, otherSet: `<0x11> <audiences> "z" .`},
		{name: "a hash of two", set: `<0x11> <hash> "ab" .`, otherSet: `<0x12> <hash> "ab" .`, meet: true},
		{name: "hashes", set: `<0x11> <hash> "ab" .`, otherSet: `<0x12> <hash> "cd" .`},
	} {
		for _, quads := range [][2]string{{"", all}, {c.before, ""}} {
			first := client.NewTxn()
			change(first, quads[0], quads[1])
			if err := first.Commit(ctx); err != nil {
				t.Fatal(err)
			}
		}
		one, other := client.NewTxn(), client.NewTxn()
		change(one, c.set, c.del)
		change(other, c.otherSet, c.otherDel)
		if err := one.Commit(ctx); err != nil {
			t.Fatal(err)
		}
		if err := other.Commit(ctx); errors.Is(err, dgo.ErrAborted) != c.meet || err != nil && !c.meet {
			t.Errorf("%s: the second ended with %v, want a conflict: %v", c.name, err, c.meet)
		}
	}
}
