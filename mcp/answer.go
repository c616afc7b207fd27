package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// How many rows an answer has: an assistant reads all of them.
const (
	usualRows = 100
	maxRows   = 1000
)

// rows is the answer to a query.
type rows struct {
	Query    string           `json:"query" jsonschema:"the TDQL that was asked, as the platform understood it"`
	Rows     []map[string]any `json:"rows"`
	More     bool             `json:"more,omitempty" jsonschema:"there are more rows than were asked for"`
	Warnings []string         `json:"warnings,omitempty"`
}

// ask asks a query for at most limit rows. A fault of the query is an error that shows it where it is.
func (d desk) ask(ctx context.Context, query string, params map[string]tahoe.Value, limit int) (rows, error) {
	if limit <= 0 {
		limit = usualRows
	}
	limit = min(limit, maxRows)
	out := rows{Query: query, Rows: []map[string]any{}}
	for f, err := range d.Query(ctx, query, params) {
		if err != nil {
			return rows{}, err
		}
		if err := out.take(f, query, limit); err != nil {
			return rows{}, err
		}
		if out.More {
			break
		}
	}
	return out, nil
}

// take adds what a frame tells.
func (r *rows) take(f reportd.Frame, query string, limit int) error {
	switch f.Type {
	case reportd.TypeStatus, reportd.TypeProgress:
		return nil
	case reportd.TypeHeader:
		h, err := f.Header()
		r.Query = h.Canonical
		return err
	case reportd.TypeRows:
		return r.add(f, limit)
	case reportd.TypeEnd:
		e, err := f.End()
		if err != nil {
			return err
		}
		r.Warnings = inText(e.Warnings, query)
		if e.Status != reportd.StatusReady {
			return fmt.Errorf("the report ended %s after %d rows", e.Status, e.Rows)
		}
		return nil
	case reportd.TypeError:
		e, err := f.Failure()
		if err != nil {
			return err
		}
		errs := []error{}
		for _, fault := range inText(e.Errors, query) {
			errs = append(errs, errors.New(fault))
		}
		if len(errs) == 0 {
			errs = append(errs, errors.New(e.Message))
		}
		return errors.Join(errs...)
	}
	return fmt.Errorf("the platform sent a %q frame, which this version does not know", f.Type)
}

func (r *rows) add(f reportd.Frame, limit int) error {
	list, err := f.Rows()
	if err != nil {
		return err
	}
	for _, text := range list {
		if len(r.Rows) == limit {
			r.More = true
			return nil
		}
		var row map[string]any
		if err := json.Unmarshal(text, &row); err != nil {
			return fmt.Errorf("read row: %w", err)
		}
		r.Rows = append(r.Rows, row)
	}
	return nil
}

// inText shows faults where they are in the query.
func inText(faults tdql.Errors, query string) []string {
	var said []string
	for _, fault := range faults {
		said = append(said, fault.In(query).Error())
	}
	return said
}

// scalar is a parameter as TAHOE has values.
func scalar(v any) (tahoe.Value, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return tahoe.Value{}, err
	}
	value, err := tahoe.ParseValue(text)
	if err != nil || !value.IsScalar() {
		return tahoe.Value{}, fmt.Errorf("a value is a string, a number, true, false or null, not %s", text)
	}
	return value, nil
}
