package web

import (
	"context"
	"encoding/json"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/reportd"
)

// rowsPage answers with at most limit rows after a place, and says where the next page is unless these were the last. It waits until
// there are as many, or no more will come.
func (s *Server) rowsPage(ctx context.Context, c echo.Context, media string, after uint64, limit int) error {
	p, err := s.gather(ctx, owner(c), c.Param("id"), after, limit)
	if err != nil {
		return err
	}
	if !p.ended {
		linkNext(c, c.Response().Header(), limit, newCursor(c.Param("id"), after+uint64(len(p.rows)), ""))
	}
	out := newRowStream(c, media, newRowFormat(c.Response(), media, c.Param("id")))
	if err := out.commit(p.fields); err != nil {
		return err
	}
	for _, row := range p.rows {
		if err := out.format.row(row); err != nil {
			return s.cut(ctx, out, err)
		}
	}
	return out.format.end()
}

// page is a part of a report.
type page struct {
	fields []string
	rows   []json.RawMessage
	ended  bool // whether it has the last row
}

func (s *Server) gather(ctx context.Context, who reportd.Caller, id string, after uint64, limit int) (page, error) {
	var p page
	for frame, err := range s.cfg.Reports.Frames(ctx, who, id, after) {
		if err == nil {
			err = p.add(frame)
		}
		if err != nil {
			return p, s.closing(ctx, ctx, err)
		}
		if len(p.rows) >= limit {
			p.rows = p.rows[:limit]
			break
		}
	}
	return p, nil
}

// add takes a frame in. A report that failed has no page.
func (p *page) add(f reportd.Frame) error {
	switch f.Type {
	case reportd.TypeHeader:
		header, err := f.Header()
		p.fields = header.Fields
		return err
	case reportd.TypeRows:
		rows, err := f.Rows()
		p.rows = append(p.rows, rows...)
		return err
	case reportd.TypeEnd:
		p.ended = true
		_, err := whole(f)
		return err
	case reportd.TypeError:
		return failed(f)
	case reportd.TypeStatus, reportd.TypeProgress:
	}
	return nil
}
