package reportd

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/cybexp/cybexp/bus"
)

// History keeps which reports were made, without their rows, where operators look.
type History interface {
	// Keep takes note of a report that has ended. The same may come again.
	Keep(ctx context.Context, r Report) error
	// Forget drops the reports that ended before a time, and the questions that were not asked since.
	Forget(ctx context.Context, before time.Time) error
}

const (
	historySubject = "reportd.history"
	historyBytes   = 64 << 20 // of reports that wait to be kept
	historyTries   = 20       // which takes most of a day
	forgetEvery    = time.Hour
)

// remember hands a report that has ended to whoever keeps the history, by a queue on disk, so that nobody waits for that.
func (a *attempt) remember(ctx context.Context) {
	if a.cfg.History == nil || !a.rec.Status.Ended() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	data, err := json.Marshal(a.rec.Report)
	if err == nil {
		_, err = a.history.Publish(ctx, historySubject, nil, data)
	}
	if err != nil {
		a.cfg.Logger.WarnContext(ctx, "report missing in history", "report", a.rec.ID, "err", err)
	}
}

// keepHistory keeps the reports that have ended, one after the other.
func (s *Service) keepHistory(ctx context.Context) error {
	return s.history.Consume(ctx, bus.ConsumerConfig{Name: workerGroup, MaxDeliver: historyTries}, func(ctx context.Context, m bus.Message) error {
		var r Report
		if err := json.Unmarshal(m.Data, &r); err != nil {
			return bus.Permanent(fmt.Errorf("read history: %w", err))
		}
		return s.cfg.History.Keep(ctx, r)
	})
}

// forgetHistory drops what is too old, now and then.
func (s *Service) forgetHistory(ctx context.Context) {
	tick := time.NewTicker(forgetEvery)
	defer tick.Stop()
	for {
		if err := s.cfg.History.Forget(ctx, s.cfg.Now().Add(-s.cfg.HistoryTTL)); err != nil && ctx.Err() == nil {
			s.cfg.Logger.WarnContext(ctx, "old reports not forgotten", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
