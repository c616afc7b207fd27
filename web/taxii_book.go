package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/notebook"
	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/taxii"
	"github.com/cybexp/cybexp/tdql"
)

// A book is a collection as the caller may use it: a saved query that they may read, or what takes in the data of an organisation that they
// administer.
type book struct {
	taxii.Collection

	source *taxii.Source // nil when it cannot be read
	org    tahoe.Hash    // whose data it takes in; zero if it takes none
}

// shelfOf lists the caller's books, as far as their token goes.
func (s *Server) shelfOf(c echo.Context) ([]book, error) {
	saved, who, err := s.savedFor(c)
	if err != nil {
		return nil, err
	}
	var shelf []book
	for _, q := range saved {
		if b := s.savedBook(caller(c).Hash, who, q); b.source != nil {
			shelf = append(shelf, b)
		}
	}
	boxes, err := s.inboxes(c)
	return append(shelf, boxes...), err
}

// bookOf finds the book that the path names, by its id or alias. One that the caller may not see is as good as none.
func (s *Server) bookOf(c echo.Context) (book, error) {
	none := refuse(http.StatusNotFound, "no-collection", "There is no such collection.")
	saved, who, err := s.savedFor(c)
	if err != nil {
		return book{}, err
	}
	id := c.Param("id")
	if i := slices.IndexFunc(saved, func(q notebook.Query) bool { return q.ID == id || taxii.SavedID(q.ID) == id }); i >= 0 {
		b := s.savedBook(caller(c).Hash, who, saved[i])
		if b.source == nil {
			return b, none
		}
		return b, nil
	}
	boxes, err := s.inboxes(c)
	if err != nil {
		return book{}, err
	}
	if i := slices.IndexFunc(boxes, func(b book) bool { return b.ID == id }); i >= 0 {
		return boxes[i], nil
	}
	return book{}, none
}

// inboxes are the books that take in data of the organisations that the caller administers.
func (s *Server) inboxes(c echo.Context) ([]book, error) {
	if signIn(c).Token.Right == identity.Read {
		return nil, nil
	}
	orgs, err := s.cfg.Identity.AdminOf(c.Request().Context(), caller(c).Hash)
	if err != nil {
		return nil, fmt.Errorf("list orgs: %w", err)
	}
	boxes := make([]book, len(orgs))
	for i, o := range orgs {
		boxes[i] = book{org: o.Hash, Collection: taxii.Collection{
			ID: taxii.InboxID(o.Hash.String()), Title: "Send to " + o.Name, CanWrite: true, MediaTypes: []string{taxii.MediaSTIX},
			Description: "Takes in STIX as an upload of the organisation " + o.Name + ". It cannot be read: its data is found by saved queries.",
		}}
	}
	return boxes, nil
}

// savedFor lists the saved queries that the caller may see, with a token that reads, and who the caller is to those who answer.
func (s *Server) savedFor(c echo.Context) ([]notebook.Query, reportd.Caller, error) {
	if signIn(c).Token.Right == identity.Upload {
		return nil, reportd.Caller{}, nil
	}
	ctx := c.Request().Context()
	r, _, err := s.notesReader(c)
	if err != nil {
		return nil, reportd.Caller{}, err
	}
	list, err := s.cfg.Notebook.Queries(ctx, r)
	if err != nil {
		return nil, reportd.Caller{}, err
	}
	who, err := s.asker(ctx, caller(c))
	return list, who, err
}

// rowKinds are the words that find instances by their hashes, for each kind of rows that can be STIX.
var rowKinds = map[string]string{
	"attributes": "attribute", "objects": "object", "events": "event", "sessions": "session", "raws": "raw", "instances": "instance", "top": "attribute",
}

// fetchTime is how long the rows of a page may take.
const fetchTime = 20 * time.Second

// savedBook is a saved query as a book. It has no source if its rows are no whole instances, or if it is at fault for this caller, since it names
// an organisation that they may not read.
func (s *Server) savedBook(user tahoe.Hash, who reportd.Caller, q notebook.Query) book {
	plan, program, err := compiled(q.TDQL, q.Params, who.Orgs)
	if err != nil {
		return book{}
	}
	kind, ok := rowKinds[program.Kind]
	if !ok || program.Kind != "top" && !slices.Equal(program.Fields, fieldsOf(kind)) {
		return book{}
	}
	return book{source: s.sourceOf(user, who, q, plan, kind), Collection: taxii.Collection{
		ID: taxii.SavedID(q.ID), Title: q.Name, Description: plan.Canonical(), Alias: q.ID, CanRead: true, MediaTypes: []string{taxii.MediaSTIX},
	}}
}

// compiled is a saved query as it is asked now, and once, be it a watch.
func compiled(text string, params map[string]tahoe.Value, orgs []tdql.Org) (*tdql.Plan, *tdql.Program, error) {
	query, err := tdql.Parse(text)
	if err != nil {
		return nil, nil, err
	}
	plan, _, err := tdql.Check(query.Once(), tdql.Env{Now: time.Now(), Orgs: orgs, Params: params, Once: true})
	if err != nil {
		return nil, nil, err
	}
	program, err := tdql.Compile(plan)
	return plan, program, err
}

// byHash is the query for the instances that have these hashes.
func byHash(kind string, rows []tahoe.Hash) string {
	texts := make([]string, len(rows))
	for i, r := range rows {
		texts[i] = r.String()
	}
	return kind + " (" + strings.Join(texts, ", ") + ")"
}

// fieldsOf are the fields of a whole instance of a kind.
func fieldsOf(kind string) []string {
	_, program, err := compiled(byHash(kind, []tahoe.Hash{{}}), nil, nil)
	if err != nil {
		panic("web: a query of our own: " + err.Error())
	}
	return program.Fields
}

func (s *Server) sourceOf(user tahoe.Hash, who reportd.Caller, q notebook.Query, plan *tdql.Plan, kind string) *taxii.Source {
	src := &taxii.Source{User: user, ID: q.ID, Basis: basis(plan, q.Params, who.Orgs)}
	src.Scan = func(ctx context.Context, row func(json.RawMessage) error) error {
		who.Asked(ctx, reportd.Report{ID: "taxii-" + q.ID, Canonical: plan.Canonical()})
		return s.cfg.Reports.Scan(ctx, who, q.TDQL, q.Params, func(rows []tdql.Row) error {
			for _, r := range rows {
				if err := row(r); err != nil {
					return err
				}
			}
			return nil
		})
	}
	src.Fetch = func(ctx context.Context, rows []tahoe.Hash) ([]json.RawMessage, error) {
		ctx, cancel := context.WithTimeout(ctx, fetchTime)
		defer cancel()
		return s.cfg.Reports.Ask(ctx, who, byHash(kind, rows), nil)
	}
	return src
}

// basis names what the rows of a query depend on beside the graph.
func basis(plan *tdql.Plan, params map[string]tahoe.Value, orgs []tdql.Org) string {
	var seen []string
	for _, o := range orgs {
		seen = append(seen, o.Audiences()...)
	}
	slices.Sort(seen)
	text, _ := json.Marshal([]any{plan.Canonical(), params, seen}) // values are always JSON
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
