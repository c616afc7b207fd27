// Package retention has things removed in the background: what is too old, of which it knows how long whose events are kept and when to look, and what somebody
// asked to be removed (Jobs). One process at a time does it. It knows nothing of the graph: Config.Remove and Work remove, and may be broken off at any time.
//
//	s, err := retention.New(ctx, retention.Config{Bus: b, Rules: rules, Remove: remove, Logger: log})
//	err = s.Run(ctx)
package retention

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/cybexp/cybexp/bus"
)

// Rule says how long events are kept.
type Rule struct {
	Org  string        `json:"org"` // hash of whose they are; "" is everybody
	Keep time.Duration `json:"keep"`
}

// Config is what a Service needs. Every, Silence and Now have defaults.
type Config struct {
	Bus    *bus.Bus
	Logger *slog.Logger

	// Rules tells the rules, each time anew.
	Rules func(context.Context) ([]Rule, error)
	// Remove removes what is older than a time, of one organisation or of all, and calls told after each step with how many vertices are gone by then.
	Remove func(ctx context.Context, before time.Time, org string, told func(vertices int)) error

	// Clean removes what else is too old, after all rules; nil removes nothing.
	Clean func(context.Context) error

	Every   time.Duration // between two looks; 0 is an hour
	Silence time.Duration // after which the work of a process that died goes to another; 0 is a minute
	Now     func() time.Time
}

// State is what is known of the last look, or of the one that goes on.
type State struct {
	Holder   string    `json:"holder"` // process that does it, "" between two looks
	Beat     time.Time `json:"beat"`   // when it was last heard of
	Begun    time.Time `json:"begun"`
	Ended    time.Time `json:"ended,omitzero"` // zero while it goes on, or after it was broken off
	Vertices int       `json:"vertices"`       // that went
	Rules    []Rule    `json:"rules"`          // by which it goes
}

// Bucket is the name of the bucket with the state.
const Bucket = "retention"

const stateKey = "state"

// Service removes what is too old.
type Service struct {
	Config

	kv   *bus.KV
	name string // of this process
}

// New opens the state.
func New(ctx context.Context, c Config) (*Service, error) {
	if c.Bus == nil || c.Rules == nil || c.Remove == nil {
		return nil, errors.New("retention: Bus, Rules and Remove are required")
	}
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	c.Every, c.Silence = cmp.Or(c.Every, time.Hour), cmp.Or(c.Silence, time.Minute)
	if c.Now == nil {
		c.Now = time.Now
	}
	kv, err := c.Bus.KV(ctx, bus.KVConfig{Bucket: Bucket})
	if err != nil {
		return nil, fmt.Errorf("open retention: %w", err)
	}
	return &Service{Config: c, kv: kv, name: rand.Text()}, nil
}

// Run looks for what is too old until ctx ends: when the last look, by whatever process, was long enough ago, by other rules, or broken off.
func (s *Service) Run(ctx context.Context) error {
	for {
		wait, err := s.look(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			s.Logger.Warn("what is too old was not removed, trying again", "err", err)
			wait = s.Silence
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case <-t.C:
		}
	}
}

// look removes what is too old if it is time to, and says when to look again.
func (s *Service) look(ctx context.Context) (wait time.Duration, err error) {
	state, revision, err := s.state(ctx)
	if err != nil {
		return 0, err
	}
	now := s.Now()
	if state.Holder != "" && state.Holder != s.name && now.Sub(state.Beat) < s.Silence {
		return s.Silence, nil
	}
	rules, err := s.Rules(ctx)
	if err != nil {
		return 0, err
	}
	if state.Holder == "" && now.Sub(state.Begun) < s.Every && slices.Equal(rules, state.Rules) {
		return state.Begun.Add(s.Every).Sub(now), nil
	}
	l := &look{s: s, state: State{Holder: s.name, Beat: now, Begun: now, Rules: rules}, revision: revision}
	if err := l.save(ctx); err != nil {
		if errors.Is(err, bus.ErrConflict) || errors.Is(err, bus.ErrExists) {
			return s.Silence, nil // somebody else was quicker
		}
		return 0, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l.cancel = cancel
	if err := l.remove(ctx); err != nil {
		return 0, errors.Join(err, context.Cause(ctx))
	}
	return s.Every, l.end(ctx)
}

// State tells of the last look; it is empty before the first.
func (s *Service) State(ctx context.Context) (State, error) {
	state, _, err := s.state(ctx)
	return state, err
}

func (s *Service) state(ctx context.Context) (state State, revision uint64, err error) {
	e, err := s.kv.Get(ctx, stateKey)
	if errors.Is(err, bus.ErrNotFound) {
		return state, 0, nil
	}
	if err != nil {
		return state, 0, err
	}
	return state, e.Revision, json.Unmarshal(e.Value, &state)
}

// look is one that goes on.
type look struct {
	s        *Service
	state    State
	revision uint64
	cancel   context.CancelCauseFunc
}

func (l *look) remove(ctx context.Context) error {
	done := 0
	for _, r := range l.state.Rules {
		err := l.s.Remove(ctx, l.state.Begun.Add(-r.Keep), r.Org, func(vertices int) {
			l.state.Vertices = done + vertices
			l.beat(ctx)
		})
		if err != nil {
			return err
		}
		done = l.state.Vertices
	}
	if l.s.Clean == nil {
		return nil
	}
	return l.s.Clean(ctx)
}

// beat says that it goes on, now and then. Whoever took over, because nothing was heard, goes on instead.
func (l *look) beat(ctx context.Context) {
	if l.s.Now().Sub(l.state.Beat) < l.s.Silence/4 {
		return
	}
	l.state.Beat = l.s.Now()
	if err := l.save(ctx); err != nil {
		l.cancel(err)
	}
}

func (l *look) end(ctx context.Context) error {
	l.state.Holder, l.state.Beat = "", l.s.Now()
	l.state.Ended = l.state.Beat
	if l.state.Vertices > 0 {
		l.s.Logger.Info("removed what is too old", "vertices", l.state.Vertices, "took", l.state.Ended.Sub(l.state.Begun))
	}
	return l.save(ctx)
}

func (l *look) save(ctx context.Context) error {
	text, err := json.Marshal(l.state)
	if err != nil {
		return err
	}
	var next uint64
	if l.revision == 0 {
		next, err = l.s.kv.Create(ctx, stateKey, text)
	} else {
		next, err = l.s.kv.Update(ctx, stateKey, text, l.revision)
	}
	if err != nil {
		return fmt.Errorf("save state of retention: %w", err)
	}
	l.revision = next
	return nil
}
