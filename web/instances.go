package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// Bounds of what is counted around an instance while somebody waits.
const (
	neighbourCount = 1000            // neighbours of a kind that are counted one by one; what has more has at least so many
	neighbourTime  = 3 * time.Second // for one kind
)

// An instanceRow is an instance as a row of a query that asks for instances of its kind.
type instanceRow struct {
	Hash    tahoe.Hash `json:"hash"`
	Kind    tahoe.Kind `json:"itype"`
	SubType string     `json:"sub_type"`
	Org     string     `json:"org"` // of an event
}

// noInstance is the answer for what is not there and for what the caller may not see.
func noInstance() *problem {
	return refuse(http.StatusNotFound, "no-instance", "There is no such instance.")
}

// instance is GET /api/v1/instances/{hash}: an attribute, object, event, session or raw that the caller may see.
func (s *Server) instance(c echo.Context) error {
	who, err := s.asker(c.Request().Context(), caller(c))
	if err != nil {
		return err
	}
	_, text, err := s.instanceOf(c.Request().Context(), who, c.Param("hash"))
	if err != nil {
		return err
	}
	return c.JSONBlob(http.StatusOK, text)
}

// instanceOf finds what has a hash and may be seen by who, as a row and read.
func (s *Server) instanceOf(ctx context.Context, who reportd.Caller, text string) (instanceRow, tdql.Row, error) {
	var found instanceRow
	hash, err := tahoe.ParseHash(text)
	if err != nil {
		return found, nil, noInstance()
	}
	rows, err := s.askNow(ctx, who, "instance "+hash.String())
	if err != nil {
		return found, nil, err
	}
	if len(rows) == 0 {
		return found, nil, noInstance()
	}
	if err := json.Unmarshal(rows[0], &found); err != nil {
		return found, nil, fmt.Errorf("read instance: %w", err)
	}
	if rows, err = s.askNow(ctx, who, string(found.Kind)+" "+hash.String()); err != nil {
		return found, nil, err
	}
	if len(rows) == 0 {
		return found, nil, noInstance() // gone since
	}
	if err := json.Unmarshal(rows[0], &found); err != nil {
		return found, nil, fmt.Errorf("read instance: %w", err)
	}
	return found, rows[0], nil
}

// askNow asks what is answered in a moment.
func (s *Server) askNow(ctx context.Context, who reportd.Caller, text string) ([]tdql.Row, error) {
	ctx, cancel := context.WithTimeout(ctx, neighbourTime)
	defer cancel()
	rows, err := s.cfg.Reports.Ask(ctx, who, text, nil)
	if err != nil {
		return nil, fmt.Errorf("ask %.60q: %w", text, err)
	}
	return rows, nil
}

// neighbourKinds are the kinds that each kind has edges to, as TDQL follows them.
var neighbourKinds = map[tahoe.Kind][]tahoe.Kind{
	tahoe.KindAttribute: {tahoe.KindEvent, tahoe.KindObject, tahoe.KindSession},
	tahoe.KindObject:    {tahoe.KindEvent, tahoe.KindAttribute, tahoe.KindSession},
	tahoe.KindEvent:     {tahoe.KindAttribute, tahoe.KindObject, tahoe.KindSession, tahoe.KindRaw},
	tahoe.KindSession:   {tahoe.KindEvent, tahoe.KindAttribute, tahoe.KindObject, tahoe.KindRaw},
	tahoe.KindRaw:       {tahoe.KindEvent, tahoe.KindAttribute, tahoe.KindObject, tahoe.KindSession},
}

// A neighbour tells how many neighbours of a kind and sub-type an instance has.
type neighbour struct {
	Kind    tahoe.Kind `json:"kind"`
	SubType string     `json:"sub_type,omitempty"` // absent when they could not be told apart in time
	Count   uint64     `json:"count"`
	Exact   bool       `json:"exact"` // false: there are at least so many
	TDQL    string     `json:"tdql"`  // lists them
}

// neighbours is GET /api/v1/instances/{hash}/neighbours: how many there are of each kind and sub-type, before anybody lists them.
func (s *Server) neighbours(c echo.Context) error {
	ctx := c.Request().Context()
	who, err := s.asker(ctx, caller(c))
	if err != nil {
		return err
	}
	of, text, err := s.instanceOf(ctx, who, c.Param("hash"))
	if err != nil {
		return err
	}
	list := []neighbour{}
	events := neighbourCount + 1
	for _, kind := range neighbourKinds[of.Kind] {
		found, err := s.countNeighbours(ctx, who, of, kind, events > neighbourCount)
		if err != nil {
			return err
		}
		if kind == tahoe.KindEvent {
			events = total(found)
		}
		list = append(list, found...)
	}
	return c.JSON(http.StatusOK, map[string]any{"instance": text, "neighbours": list})
}

func total(list []neighbour) int {
	var n uint64
	for _, one := range list {
		n += one.Count
	}
	return int(n)
}

// countNeighbours counts those of a kind. Events of an attribute or object come from its ledger, when there are so many that it has one;
// all others are counted up to a bound. Through is whether they are reached through so many events that only the newest of those are
// followed.
func (s *Server) countNeighbours(ctx context.Context, who reportd.Caller, of instanceRow, kind tahoe.Kind, hub bool) ([]neighbour, error) {
	from := string(of.Kind) + " " + of.Hash.String()
	ledger := kind == tahoe.KindEvent && (of.Kind == tahoe.KindAttribute || of.Kind == tahoe.KindObject)
	through := kind == tahoe.KindSession && of.Kind != tahoe.KindEvent && hub
	ask := fmt.Sprintf("%s | %ss | limit %d | count by sub_type", from, kind, neighbourCount+1)
	switch {
	case ledger:
		ask = fmt.Sprintf("%s | events | count by sub_type", from)
	case through:
		ask = fmt.Sprintf("%s | events | limit %d | sessions | count by sub_type", from, neighbourCount)
	}
	rows, err := s.askNow(ctx, who, ask)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return []neighbour{{Kind: kind, TDQL: listing(from, kind, "")}}, nil
	}
	if err != nil {
		return nil, err
	}
	list := make([]neighbour, len(rows))
	for i, row := range rows {
		if err := json.Unmarshal(row, &list[i]); err != nil {
			return nil, fmt.Errorf("read count: %w", err)
		}
		list[i].Kind, list[i].TDQL = kind, listing(from, kind, list[i].SubType)
	}
	exact := ledger || !through && total(list) <= neighbourCount
	for i := range list {
		list[i].Exact = exact
	}
	return list, nil
}

// listing is the query that lists neighbours, as the formatter writes it.
func listing(from string, kind tahoe.Kind, subType string) string {
	text := from + " | " + string(kind) + "s"
	if subType != "" {
		text += " `" + subType + "`"
	}
	query, err := tdql.Parse(text)
	if err != nil {
		panic("web: a query of our own: " + err.Error())
	}
	return query.String()
}
