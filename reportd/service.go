package reportd

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cybexp/cybexp/bus"
)

const (
	cancelSubject = "reportd.cancel"
	workerGroup   = "workers"
	watchLane     = "all" // watches run as long as they like, so turns mean nothing to them
)

// Service takes queries, runs them, and streams their reports. Its methods may be called concurrently.
type Service struct {
	cfg     Config
	jobs    *bus.Queue // a lane for each user
	watches *bus.Queue // jobs that do not end by themselves
	frames  *bus.Stream
	writes  *bus.Stream // announcements, and
	heard   uint64      // the last one before the service was made
	history *bus.Stream // reports that have ended and are to be kept
	records records

	watching atomic.Int64                      // watches in hand here
	waiting  atomic.Pointer[map[string]uint64] // jobs in the queue and in hand by user, a moment ago
	full     atomic.Bool                       // whether the records held more than they should, a moment ago
	buffers  sync.Pool                         // of websockets that write
	closing  chan struct{}                     // closed when Run is told to end

	standing *standing
	metrics  metrics

	seen seen // what was told of vocabularies
	ears ears

	mu      sync.Mutex
	running map[*attempt]context.CancelCauseFunc // what the workers here have in hand
	sockets map[*socket]struct{}
	crowd   map[string]int // sockets by user
	closed  bool
}

// New makes the streams that a service needs, and the service. It does nothing until Run.
func New(ctx context.Context, cfg Config) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Service{
		cfg:     cfg,
		closing: make(chan struct{}),
		running: map[*attempt]context.CancelCauseFunc{},
		sockets: map[*socket]struct{}{},
		crowd:   map[string]int{},
		ears:    ears{of: map[*ear]struct{}{}},
		metrics: newMetrics(cfg.Metrics),
	}
	s.standing = newStanding(s)
	s.waiting.Store(&map[string]uint64{})
	var err error
	s.jobs, err = cfg.Bus.Queue(ctx, bus.QueueConfig{Name: "reportd-queries", MaxBytes: cfg.QueueBytes, LaneMessages: int64(cfg.UserQueries)})
	if err != nil {
		return nil, fmt.Errorf("open query queue: %w", err)
	}
	s.watches, err = cfg.Bus.Queue(ctx, bus.QueueConfig{Name: "reportd-standing", MaxBytes: cfg.QueueBytes})
	if err != nil {
		return nil, fmt.Errorf("open watch queue: %w", err)
	}
	if s.writes, err = openWritten(ctx, cfg.Bus); err != nil {
		return nil, err
	}
	written, err := s.writes.State(ctx)
	if err != nil {
		return nil, fmt.Errorf("open announcements: %w", err)
	}
	s.heard = written.Last
	s.history, err = cfg.Bus.Stream(ctx, bus.StreamConfig{
		Name: "reportd-history", Subjects: []string{historySubject}, WorkQueue: true, MaxBytes: historyBytes,
	})
	if err != nil {
		return nil, fmt.Errorf("open history: %w", err)
	}
	s.frames, err = cfg.Bus.Stream(ctx, bus.StreamConfig{
		Name: "reportd-frames", Subjects: []string{frameSubject + "*"}, Storage: bus.Memory,
		MaxAge: cfg.ReportTTL + cfg.QueryTime, MaxBytes: cfg.FrameBytes,
	})
	if err != nil {
		return nil, fmt.Errorf("open frames: %w", err)
	}
	s.records.kv, err = cfg.Bus.KV(ctx, bus.KVConfig{
		Bucket: "reportd-reports", Storage: bus.Memory, TTL: cfg.ReportTTL, MaxBytes: 2 * cfg.ReportBytes,
	})
	if err != nil {
		return nil, fmt.Errorf("open reports: %w", err)
	}
	s.askAround()
	return s, nil
}

// Run runs the workers until ctx ends, then gives what they have in hand back to the queue and closes the websockets. It is
// called once.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	if s.cfg.Workers > 0 {
		cancels := s.cfg.Bus.Listen(ctx, cancelSubject)
		g.Go(func() error { return s.hearCancels(ctx, cancels) })
		g.Go(func() error {
			return s.jobs.Consume(ctx, bus.ConsumerConfig{
				Name: workerGroup, Concurrency: s.cfg.Workers, Share: share(s.cfg.Workers), AckWait: s.cfg.Lease, Retry: retryAfter,
			}, s.work)
		})
	}
	if s.cfg.Workers > 0 && s.cfg.Watches > 0 {
		defer s.standing.wg.Wait()
		g.Go(func() error { return s.standing.hear(ctx) })
		g.Go(func() error {
			return s.watches.Consume(ctx, bus.ConsumerConfig{
				Name: workerGroup, Concurrency: s.cfg.Watches + 1, AckWait: s.cfg.Lease, Retry: retryAfter, // one more says that there is no room
			}, s.watchWork)
		})
	}
	if s.cfg.History != nil {
		g.Go(func() error { return s.keepHistory(ctx) })
	}
	if s.cfg.History != nil && s.cfg.HistoryTTL > 0 {
		g.Go(func() error { s.forgetHistory(ctx); return nil })
	}
	g.Go(func() error { s.lookAround(ctx); return nil })
	g.Go(func() error {
		<-ctx.Done()
		s.closeSockets()
		return nil
	})
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("run reports: %w", err)
	}
	return nil
}

// share is how many of some workers one user may have: not all, where there are more than one, so that others need not wait for
// somebody's long queries to end.
func share(workers int) int { return max(1, workers-max(1, workers/4)) }

// retryAfter is short, because somebody waits: 1 s, 2 s, 4 s …
func retryAfter(delivered int) time.Duration {
	return min(time.Minute, time.Second<<min(max(delivered-1, 0), 6))
}

// lookAround keeps in mind how long the queue is and how much the records hold, so that who asks need not wait for the bus to
// tell.
func (s *Service) lookAround(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if lanes, err := s.jobs.Lanes(ctx); err == nil {
			s.waiting.Store(&lanes)
		}
		// The bucket takes twice as much, so that reports which were accepted can end even when it is full.
		if n, err := s.records.kv.Size(ctx); err == nil {
			s.full.Store(n > uint64(s.cfg.ReportBytes))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
