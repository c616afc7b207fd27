package reportd

import (
	"fmt"

	"github.com/cybexp/cybexp/tdql/dql"
	"github.com/cybexp/cybexp/walk"
)

// vertex is a vertex as the queries of a walk tell it.
type vertex struct {
	ID                                        walk.ID
	Hash, IType, SubType, Timestamp, Category string
	Data, Brief                               string // brief is that of an event, with its data
	N, M                                      int
	links                                     []link
	sessions                                  []identified
}

// link is an edge of a vertex, by the letter that it has in the query.
type link struct {
	letter byte
	to     []walk.ID
}

// identified is a session that an attribute or object identifies.
type identified struct {
	id      walk.ID
	visible bool // it has an event that the caller may see; false if that was not asked
}

// to lists what an edge leads to.
func (v *vertex) to(letter byte) []walk.ID {
	for _, l := range v.links {
		if l.letter == letter {
			return l.to
		}
	}
	return nil
}

func (v *vertex) read(a *dql.Answer) {
	a.Object(func(name []byte) {
		switch string(name) {
		case "uid":
			v.ID = a.UID()
		case "hash":
			v.Hash = a.Text()
		case "itype":
			v.IType = a.Text()
		case "sub_type":
			v.SubType = a.Text()
		case "data":
			v.Data = a.Text()
		case "brief":
			v.Brief = a.Text()
		case "timestamp":
			v.Timestamp = a.Text()
		case "category":
			v.Category = a.Text()
		case "n":
			v.N = int(a.Int())
		case "m":
			v.M = int(a.Int())
		case "t":
			a.List(func() { v.sessions = append(v.sessions, readIdentified(a)) })
		default:
			v.links = append(v.links, link{name[0], readIDs(a)})
		}
	})
}

// readIDs reads [{"uid":"0x1"},…].
func readIDs(a *dql.Answer) (list []walk.ID) {
	one := func([]byte) { list = append(list, a.UID()) }
	a.List(func() { a.Object(one) })
	return list
}

func readIdentified(a *dql.Answer) (s identified) {
	a.Object(func(name []byte) {
		switch string(name) {
		case "uid":
			s.id = a.UID()
		default:
			a.List(func() { s.visible = true; a.Skip() })
		}
	})
	return s
}

func vertexIDs(list []vertex) []walk.ID {
	ids := make([]walk.ID, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	return ids
}

// vertices are what an answer tells of.
type vertices struct {
	list []vertex // of those that were asked about
	d, m []vertex // what was found, in the blocks of these names
}

func (v *vertices) n() int { return len(v.list) + len(v.d) + len(v.m) }

// readVertices reads an answer.
func readVertices(body []byte) (vertices, error) {
	var v vertices
	a := dql.NewAnswer(body)
	a.Object(func(name []byte) {
		into := &v.list
		switch string(name) {
		case "d":
			into = &v.d
		case "m":
			into = &v.m
		}
		a.List(func() {
			*into = append(*into, vertex{})
			(*into)[len(*into)-1].read(a)
		})
	})
	if a.Err() != nil {
		return vertices{}, fmt.Errorf("read answer: %w", a.Err())
	}
	return v, nil
}
