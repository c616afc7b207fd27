// Package layout marks places with the version of what lies in them, brings places of an older version forward, and refuses those of a newer one
// before anything in them is touched. It knows nothing of what the versions mean.
//
//	folder := layout.Layout{Name: dir, Place: place, Version: 2, Program: "v1.3.0", Steps: steps}
//	err := folder.Check(ctx)    // changes nothing
//	err = folder.Bring(ctx)     // takes the steps that are missing, and marks
package layout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// first is the version of a place that has no mark: it is empty, or was written before there were any.
const first = 1

var (
	// ErrNewer is wrapped by the errors about a place that a later version wrote.
	ErrNewer = errors.New("was written by a newer version of cybexp")
	// ErrOlder is wrapped by those about a place from which no steps lead here.
	ErrOlder = errors.New("was written by a version of cybexp that this one cannot bring up to date")
)

// Mark says of what version a place is, and which program brought it there.
type Mark struct {
	Version int    `json:"version"`
	Program string `json:"program"`
}

// Place is where a mark is kept.
type Place interface {
	// Load reads the mark; false if there is none.
	Load(ctx context.Context) (Mark, bool, error)
	// Save replaces it.
	Save(ctx context.Context, m Mark) error
}

// Step brings a place from the version before it to its own. It may be broken off and done again, also by two processes at a time, and finds nothing to do in
// an empty place.
type Step struct {
	To int
	Do func(context.Context) error
}

// Layout is what a program knows of a place.
type Layout struct {
	Name    string // for messages: "the bus"
	Place   Place
	Version int    // that the program writes
	Program string // the version of the program itself
	Steps   []Step // in order and without a gap, the last one to Version
}

// Check tells the version of the place, and fails when the program can do nothing with it.
func (l Layout) Check(ctx context.Context) (version int, err error) {
	m, _, err := l.load(ctx)
	if err != nil {
		return 0, err
	}
	_, err = l.missing(m)
	return m.Version, err
}

// Bring takes the steps that are missing, and marks the place after each. When it is broken off, the next one goes on.
func (l Layout) Bring(ctx context.Context) error {
	m, marked, err := l.load(ctx)
	if err != nil {
		return err
	}
	steps, err := l.missing(m)
	if err != nil {
		return err
	}
	for _, s := range steps {
		if err := s.Do(ctx); err != nil {
			return fmt.Errorf("bring %s to layout %d: %w", l.Name, s.To, err)
		}
		if err := l.save(ctx, s.To); err != nil {
			return err
		}
		marked = true
	}
	if marked {
		return nil
	}
	return l.save(ctx, l.Version)
}

func (l Layout) load(ctx context.Context) (m Mark, marked bool, err error) {
	m, marked, err = l.Place.Load(ctx)
	if err != nil {
		return m, false, fmt.Errorf("read the layout of %s: %w", l.Name, err)
	}
	if !marked {
		m.Version = first
	}
	return m, marked, nil
}

func (l Layout) save(ctx context.Context, version int) error {
	if err := l.Place.Save(ctx, Mark{version, l.Program}); err != nil {
		return fmt.Errorf("mark the layout of %s: %w", l.Name, err)
	}
	return nil
}

// missing lists the steps from a mark to the program's version.
func (l Layout) missing(m Mark) ([]Step, error) {
	switch {
	case m.Version > l.Version:
		return nil, fmt.Errorf("%s %w: use cybexp %s or a later one (its layout has version %d, this one knows %d)", l.Name, ErrNewer, m.Program, m.Version, l.Version)
	case m.Version == l.Version:
		return nil, nil
	}
	from := slices.IndexFunc(l.Steps, func(s Step) bool { return s.To == m.Version+1 })
	if from < 0 {
		return nil, fmt.Errorf("%s %w (its layout has version %d, this one knows %d)", l.Name, ErrOlder, m.Version, l.Version)
	}
	return l.Steps[from:], nil
}

// Bytes is the mark as JSON.
func (m Mark) Bytes() []byte {
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // a number and a text
	}
	return append(text, '\n')
}

// Parse reads a mark as JSON.
func Parse(text []byte) (m Mark, err error) {
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("read mark: %w", err)
	}
	if m.Version < first {
		return m, fmt.Errorf("read mark: %d is no version", m.Version)
	}
	return m, nil
}
