package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cybexp/cybexp/tahoe"
)

// Filter says which records are wanted. Zero values let all pass.
type Filter struct {
	Orgs   []tahoe.Hash // that concern one of these; nil is all, those that concern none too
	Since  time.Time
	Until  time.Time // that were written before
	Action string    // this action, or, ending in a dot, all that begin so
	After  uint64    // whose number is greater
}

func (f Filter) fits(r Record) bool {
	switch {
	case f.Orgs != nil && !slices.ContainsFunc(r.Orgs, func(o tahoe.Hash) bool { return slices.Contains(f.Orgs, o) }):
		return false
	case r.Time.Before(f.Since) || !f.Until.IsZero() && !r.Time.Before(f.Until):
		return false
	case strings.HasSuffix(f.Action, "."):
		return strings.HasPrefix(string(r.Action), f.Action)
	}
	return f.Action == "" || string(r.Action) == f.Action
}

// Line is a record with its text as it is kept.
type Line struct {
	Record
	Text []byte
}

// lookAt is how many records are read at a time, and lookUp how many a Read looks at, at most.
const (
	lookAt = 500
	lookUp = 20 * lookAt
)

// Read gives the first n records that pass the filter, oldest first, and the number to go on after: 0 when there are no more. There may be
// fewer than n even so, when many had to be looked at.
func (t *Trail) Read(ctx context.Context, f Filter, n int) (lines []Line, next uint64, err error) {
	topics, err := t.topics(ctx, f.Orgs)
	if err != nil || f.Orgs != nil && len(topics) == 0 {
		return nil, 0, err
	}
	for range lookUp / lookAt {
		texts, err := t.Log.Range(ctx, topics, f.After, f.Since, lookAt)
		if err != nil {
			return nil, 0, fmt.Errorf("read audit trail: %w", err)
		}
		for _, text := range texts {
			var r Record
			if err := json.Unmarshal(text, &r); err != nil {
				return nil, 0, fmt.Errorf("read audit trail: %w", err)
			}
			if f.After = r.Number; f.fits(r) {
				lines = append(lines, Line{r, text})
			}
			if len(lines) == n {
				return lines, r.Number, nil
			}
			if !f.Until.IsZero() && !r.Time.Before(f.Until) {
				return lines, 0, nil
			}
		}
		if len(texts) < lookAt {
			return lines, 0, nil
		}
	}
	return lines, f.After, nil
}

// topics lists the topics of records that concern one of some organisations; none for all.
func (t *Trail) topics(ctx context.Context, orgs []tahoe.Hash) ([]string, error) {
	if orgs == nil {
		return nil, nil
	}
	all, err := t.Log.Topics(ctx)
	if err != nil {
		return nil, fmt.Errorf("read audit trail: %w", err)
	}
	return slices.DeleteFunc(all, func(topic string) bool {
		words := strings.Split(topic, ".")
		return !slices.ContainsFunc(orgs, func(o tahoe.Hash) bool { return slices.Contains(words, wordOf(o)) })
	}), nil
}

// For is a record as an administrator of some organisations sees it, who is not a superuser: without the other organisations that it
// concerns and, unless it is their own, without what was asked; of who is no member of these, without where they came from and by
// which token.
func (r Record) For(reader tahoe.Hash, orgs []tahoe.Hash, member bool) Record {
	r.Before = ""
	r.Orgs = slices.DeleteFunc(slices.Clone(r.Orgs), func(o tahoe.Hash) bool { return !slices.Contains(orgs, o) })
	if r.User == reader.String() {
		return r
	}
	r.Query = ""
	if !member {
		r.Address, r.Token, r.Request = "", "", ""
	}
	return r
}
