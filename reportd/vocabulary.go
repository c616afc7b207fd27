package reportd

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// How a vocabulary is made: of the newest events, in a moment, and not anew for every key that is struck.
const (
	vocabularyEvents = 2000
	vocabularyTime   = 2 * time.Second
	vocabularyAge    = 30 * time.Second
	vocabularyKept   = 512 // answers
)

// Vocabulary tells what the newest events that a caller may read hold. It asks TDQL like anybody else, so that it knows no more than
// the caller may; answers are kept for half a minute. What cannot be found out in time is left out.
func (s *Service) Vocabulary(ctx context.Context, c Caller) tdql.Vocabulary {
	return vocabulary{ask: func(text string, params map[string]tahoe.Value) ([]string, bool) {
		if s.cfg.DB == nil {
			return nil, false
		}
		return s.seen.get(s.cfg.Now(), key(c.Orgs, text, params), func() ([]string, bool) {
			ctx, cancel := context.WithTimeout(ctx, vocabularyTime)
			defer cancel()
			list, err := s.list(ctx, c.Orgs, text, params)
			if err != nil {
				s.cfg.Logger.Debug("vocabulary not found out", "err", err)
			}
			return list, err == nil
		})
	}}
}

// key names an answer: two callers with the same rights share it.
func key(orgs []tdql.Org, text string, params map[string]tahoe.Value) string {
	names := audiences(orgs)
	slices.Sort(names)
	return strings.Join(names, " ") + "\n" + text + "\n" + params["prefix"].Text()
}

// list asks for rows, and takes the first member of each, as a query has it.
func (s *Service) list(ctx context.Context, orgs []tdql.Org, text string, params map[string]tahoe.Value) ([]string, error) {
	rows, err := s.Ask(ctx, Caller{Orgs: orgs}, text, params)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, r := range rows {
		var row struct {
			SubType string          `json:"sub_type"`
			Data    json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal(r, &row); err != nil {
			return nil, err
		}
		switch v, err := tahoe.ParseValue(row.Data); {
		case row.Data == nil:
			out = append(out, row.SubType)
		case err == nil && v.IsScalar():
			out = append(out, tdql.Literal(v))
		}
	}
	return out, nil
}

// vocabulary asks for what it tells. What ask finds out with a second result of false may be too little.
type vocabulary struct {
	ask func(text string, params map[string]tahoe.Value) ([]string, bool)
}

// SubTypes implements tdql.Vocabulary.
func (v vocabulary) SubTypes(kind tahoe.Kind) []string {
	list, _ := v.newest(kind)
	return list
}

// Seen implements tdql.Vocabulary. It looks for one instance in all that the caller may read. Where others have so many of the
// sub-type that none is found in time, what the newest events hold decides: its answer must not depend on what others have.
func (v vocabulary) Seen(kind tahoe.Kind, subType string) bool {
	if tahoe.ValidSubType(subType) != nil {
		return false
	}
	if one, _ := v.ask(string(kind)+"s `"+subType+"` | limit 1 | count by sub_type", nil); len(one) > 0 {
		return true
	}
	newest, ok := v.newest(kind)
	return !ok || slices.Contains(newest, subType)
}

// newest lists the sub-types in the newest events.
func (v vocabulary) newest(kind tahoe.Kind) ([]string, bool) {
	text := "events | limit " + strconv.Itoa(vocabularyEvents)
	if kind != tahoe.KindEvent {
		text += " | " + string(kind) + "s"
	}
	return v.ask(text+" | count by sub_type", nil)
}

// Values implements tdql.Vocabulary. From three letters on the whole graph is searched, before that the newest events.
func (v vocabulary) Values(subType, prefix string, n int) []string {
	name := "`" + subType + "`"
	if tahoe.ValidSubType(subType) != nil {
		return nil
	}
	if len(prefix) >= 3 && len(prefix) <= 200 {
		list, _ := v.ask("attributes "+name+" where data startswith $prefix | limit "+strconv.Itoa(n), map[string]tahoe.Value{"prefix": tahoe.String(prefix)})
		return list
	}
	list, _ := v.ask("events | limit "+strconv.Itoa(vocabularyEvents)+" | attributes "+name+" | top 500", nil)
	var out []string
	for _, one := range list {
		if len(out) < n && strings.HasPrefix(strings.Trim(one, `"`), prefix) {
			out = append(out, one)
		}
	}
	return out
}

// seen keeps lists for a while.
type seen struct {
	mu    sync.Mutex
	lists map[string]seenList
}

type seenList struct {
	list  []string
	until time.Time
}

// get returns a list that is kept, or finds it out. An empty list is not kept, since what is not there may come at any time, nor is
// one of which find says that it may be too short.
func (s *seen) get(now time.Time, key string, find func() ([]string, bool)) ([]string, bool) {
	s.mu.Lock()
	kept, ok := s.lists[key]
	s.mu.Unlock()
	if ok && now.Before(kept.until) {
		return kept.list, true
	}
	list, ok := find()
	if !ok || len(list) == 0 {
		return list, ok
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lists == nil || len(s.lists) >= vocabularyKept {
		s.lists = map[string]seenList{}
	}
	s.lists[key] = seenList{list, now.Add(vocabularyAge)}
	return list, true
}
