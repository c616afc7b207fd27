package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/sync/errgroup"

	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/tahoe"
)

// Bounds of the statistics.
const (
	statsAge   = time.Minute // how long counts are told again
	statsTime  = 8 * time.Second
	statsTypes = 40     // sub-types of a kind
	statsMost  = 10_000 // instances of a sub-type that are counted, events aside
	statsKept  = 256    // answers
)

// A kindCount is how many instances of a kind and sub-type the caller may see.
type kindCount struct {
	Kind    tahoe.Kind `json:"kind"`
	SubType string     `json:"sub_type"`
	Count   uint64     `json:"count"`
	Exact   bool       `json:"exact"` // false: there are at least so many
}

// A statsView is the answer of GET /api/v1/stats.
type statsView struct {
	Time     time.Time         `json:"time"` // when it was counted
	Complete bool              `json:"complete"`
	Counts   []kindCount       `json:"counts"`
	Lake     *ingest.Condition `json:"lake,omitempty"` // for administrators
}

// stats is GET /api/v1/stats: how much there is that the caller may see.
func (s *Server) stats(c echo.Context) error {
	ctx := c.Request().Context()
	user := caller(c)
	who, err := s.asker(ctx, user)
	if err != nil {
		return err
	}
	view, err := s.counted(ctx, who)
	if err != nil {
		return err
	}
	orgs, err := s.cfg.Identity.AdminOf(ctx, user.Hash)
	if err != nil {
		return fmt.Errorf("list orgs: %w", err)
	}
	if user.Super || len(orgs) > 0 {
		lake, err := s.cfg.Ingest.Condition(ctx)
		if err != nil {
			return err
		}
		view.Lake = &lake
	}
	return c.JSON(http.StatusOK, view)
}

// counts keeps what was counted for some rights.
type counts struct {
	mu sync.Mutex

	kept map[string]*keptCount
}

// keptCount is counted by one, while others with the same rights wait.
type keptCount struct {
	turn chan struct{}
	view statsView
}

// counted counts, or tells again what was counted within the last minute.
func (s *Server) counted(ctx context.Context, who reportd.Caller) (statsView, error) {
	rights, err := json.Marshal(who.Orgs)
	if err != nil {
		return statsView{}, err
	}
	s.counts.mu.Lock()
	kept := s.counts.kept[string(rights)]
	if kept == nil {
		if s.counts.kept == nil || len(s.counts.kept) >= statsKept {
			s.counts.kept = map[string]*keptCount{}
		}
		kept = &keptCount{turn: make(chan struct{}, 1)}
		s.counts.kept[string(rights)] = kept
	}
	s.counts.mu.Unlock()
	select {
	case kept.turn <- struct{}{}:
		defer func() { <-kept.turn }()
	case <-ctx.Done():
		return statsView{}, ctx.Err()
	}
	if now := time.Now(); kept.view.Time.IsZero() || now.Sub(kept.view.Time) > statsAge {
		if kept.view, err = s.count(ctx, who); err != nil {
			return statsView{}, err
		}
	}
	return kept.view, nil
}

// count asks for each sub-type that the newest events hold. Events are counted by the database, which is quick; of others, each must be
// shown to be the caller's to see, so that they are counted up to a bound.
func (s *Server) count(ctx context.Context, who reportd.Caller) (statsView, error) {
	ctx, cancel := context.WithTimeout(ctx, statsTime)
	defer cancel()
	words := s.cfg.Reports.Vocabulary(ctx, who)
	view := statsView{Time: time.Now().UTC(), Complete: true, Counts: []kindCount{}}
	var mu sync.Mutex
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for _, kind := range []tahoe.Kind{tahoe.KindEvent, tahoe.KindSession, tahoe.KindObject, tahoe.KindAttribute, tahoe.KindRaw} {
		types := words.SubTypes(kind)
		for _, subType := range types[:min(len(types), statsTypes)] {
			g.Go(func() error {
				n, err := s.countType(gctx, who, kind, subType)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err != nil && !errors.Is(err, context.DeadlineExceeded):
					return err
				case err != nil:
					view.Complete = false
				case n.Count > 0:
					view.Counts = append(view.Counts, n)
				}
				return nil
			})
		}
		view.Complete = view.Complete && len(types) <= statsTypes
	}
	if err := g.Wait(); err != nil {
		return statsView{}, err
	}
	slices.SortFunc(view.Counts, func(a, b kindCount) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(b.Count, a.Count), cmp.Compare(a.SubType, b.SubType))
	})
	return view, nil
}

func (s *Server) countType(ctx context.Context, who reportd.Caller, kind tahoe.Kind, subType string) (kindCount, error) {
	n := kindCount{Kind: kind, SubType: subType, Exact: true}
	text := string(kind) + "s `" + subType + "`"
	if kind != tahoe.KindEvent && kind != tahoe.KindRaw {
		text += fmt.Sprintf(" | limit %d", statsMost+1)
	}
	rows, err := s.askNow(ctx, who, text+" | count")
	if err != nil || len(rows) == 0 {
		return n, err
	}
	var row struct{ Count uint64 }
	if err := json.Unmarshal(rows[0], &row); err != nil {
		return n, fmt.Errorf("read count: %w", err)
	}
	n.Count = row.Count
	if kind != tahoe.KindEvent && kind != tahoe.KindRaw && n.Count > statsMost {
		n.Count, n.Exact = statsMost, false
	}
	return n, nil
}
