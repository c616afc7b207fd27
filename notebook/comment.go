package notebook

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cybexp/cybexp/tahoe"
)

// Bounds of comments.
const (
	MaxComments = 1000 // of one organisation on one instance
	maxComment  = 4000 // characters
)

// Comment is what somebody wrote about an instance, for who reads an organisation. It is plain text.
type Comment struct {
	ID       string     `json:"id"`
	Instance tahoe.Hash `json:"instance"`
	Org      tahoe.Hash `json:"org"`
	Author   tahoe.Hash `json:"author"`
	Text     string     `json:"text"`
	Created  time.Time  `json:"created"`
}

// A comment lies with its instance and organisation; its ID leads to that place.
func commentKeys(instance, org tahoe.Hash) string {
	return "comment." + instance.String() + "." + org.String() + "."
}

const placeKeys = "place."

// Comment keeps a new comment, and gives it an ID and a time.
func (s *Service) Comment(ctx context.Context, c Comment) (Comment, error) {
	if err := checkText("the comment", c.Text, maxComment, true); err != nil {
		return Comment{}, err
	}
	keys := commentKeys(c.Instance, c.Org)
	list, err := s.Store.List(ctx, keys)
	if err != nil {
		return Comment{}, fmt.Errorf("count comments: %w", err)
	}
	if len(list) >= MaxComments {
		return Comment{}, fmt.Errorf("%w: %d comments", ErrFull, len(list))
	}
	c.ID, c.Created = newID(), s.Now().UTC()
	if err := s.save(ctx, placeKeys+c.ID, keys+c.ID, 0); err != nil {
		return Comment{}, fmt.Errorf("keep comment: %w", err)
	}
	if err := s.save(ctx, keys+c.ID, c, 0); err != nil {
		return Comment{}, fmt.Errorf("keep comment: %w", err)
	}
	return c, nil
}

// Comments lists what the reader's organisations have on an instance, oldest first.
func (s *Service) Comments(ctx context.Context, r Reader, instance tahoe.Hash) ([]Comment, error) {
	var all []Comment
	for _, org := range r.Orgs {
		texts, err := s.Store.List(ctx, commentKeys(instance, org))
		if err != nil {
			return nil, fmt.Errorf("list comments: %w", err)
		}
		for _, text := range texts {
			var c Comment
			if err := json.Unmarshal(text, &c); err != nil {
				return nil, fmt.Errorf("read stored comment: %w", err)
			}
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b Comment) int { return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID)) })
	return all, nil
}

// FindComment finds a comment of one of the reader's organisations; ErrNotFound if there is none.
func (s *Service) FindComment(ctx context.Context, r Reader, id string) (Comment, error) {
	c, _, err := s.findComment(ctx, r, id)
	return c, err
}

func (s *Service) findComment(ctx context.Context, r Reader, id string) (Comment, string, error) {
	if !isID(id) {
		return Comment{}, "", ErrNotFound
	}
	key, _, err := load[string](ctx, s, placeKeys+id)
	if err != nil {
		return Comment{}, "", fmt.Errorf("find comment: %w", err)
	}
	c, _, err := load[Comment](ctx, s, key)
	if err != nil {
		return Comment{}, "", fmt.Errorf("find comment: %w", err)
	}
	if !r.reads(c.Org) {
		return Comment{}, "", ErrNotFound
	}
	return c, key, nil
}

// RemoveComment forgets a comment. Whether the reader may is the caller's to check; see FindComment.
func (s *Service) RemoveComment(ctx context.Context, r Reader, id string) error {
	_, key, err := s.findComment(ctx, r, id)
	if err != nil {
		return err
	}
	if err := errors.Join(s.forget(ctx, key), s.forget(ctx, placeKeys+id)); err != nil {
		return fmt.Errorf("remove comment: %w", err)
	}
	return nil
}
