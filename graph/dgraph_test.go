package graph_test

import (
	"slices"
	"testing"

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
