package graph

import (
	"bytes"
	"context"
	_ "embed" // see Predicates
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Predicates are the predicates of schema.graphql as Dgraph makes them of it, in DQL, for its bulk loader.
//
//go:embed schema.dql
var Predicates string

// ApplySchema makes sdl, the text of schema.graphql, the schema of the graph, unless it is already. A graph of an earlier version it brings up to
// date, which may take long; when it is broken off, the next call goes on. A graph that it cannot read it leaves as it is, and returns
// [ErrSchemaNewer] or [ErrSchemaOlder]. It waits for a Dgraph that has just started, which takes schemas some seconds later than queries, and returns
// when Dgraph tells it as the schema. No process of another version may use the graph meanwhile; those of the same may.
func (s *Store) ApplySchema(ctx context.Context, sdl string) error {
	if err := s.apply(ctx, sdl, steps); err != nil {
		return fmt.Errorf("apply schema: %w", err)
	}
	return nil
}

// install uploads sdl, if it is not the schema, and waits until it is.
func (s *Store) install(ctx context.Context, sdl string) error {
	uploaded := false
	for delay := 100 * time.Millisecond; ; delay = min(2*delay, time.Second) {
		current, err := s.currentSchema(ctx)
		if err == nil && current == sdl {
			return nil
		}
		if err == nil && !uploaded {
			if err = s.uploadSchema(ctx, sdl); err == nil {
				s.logger.Info("schema applied")
				uploaded, delay = true, 5*time.Millisecond
			}
		}
		if err != nil && !unready(err) {
			return err
		}
		if pause(ctx, delay) != nil {
			return errors.Join(ctx.Err(), err)
		}
	}
}

// versionLine tells the version of a schema.
var versionLine = regexp.MustCompile(`(?m)^# Version: ([0-9]{1,9})$`)

// SchemaVersion is the version that the text of a schema has; the first had no such line.
func SchemaVersion(sdl string) int {
	found := versionLine.FindStringSubmatch(sdl)
	if found == nil {
		return 1
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		panic("nine digits: " + err.Error())
	}
	return n
}

// schemaError is an answer, as opposed to none.
type schemaError string

func (e schemaError) Error() string { return string(e) }

// unready tells whether it is worth asking again: there was no answer, or one that says so.
func unready(err error) bool {
	var answer schemaError
	if !errors.As(err, &answer) {
		return true
	}
	text := strings.ToLower(string(answer))
	for _, part := range []string{"not ready", "please retry", "errindexinginprogress", "already a schema", "leader", "unavailable", "no connection exists"} {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// Schema is the text of the graph's own schema, "" if it has none. It waits for a Dgraph that has just started.
func (s *Store) Schema(ctx context.Context) (sdl string, err error) {
	err = s.untilReady(ctx, func() error {
		sdl, err = s.currentSchema(ctx)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read schema: %w", err)
	}
	return sdl, nil
}

func (s *Store) currentSchema(ctx context.Context) (string, error) {
	var data struct {
		GetGQLSchema struct{ Schema string }
	}
	ask := []byte(`{"query":"{ getGQLSchema { schema } }"}`)
	if err := s.admin(ctx, "/admin", "application/json", ask, &data); err != nil {
		return "", err
	}
	return data.GetGQLSchema.Schema, nil
}

func (s *Store) uploadSchema(ctx context.Context, sdl string) error {
	return s.admin(ctx, "/admin/schema", "application/graphql", []byte(sdl), nil)
}

// admin posts to one of the alpha's admin endpoints and reads the data of the answer.
func (s *Store) admin(ctx context.Context, path, contentType string, body []byte, data any) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+path, bytes.NewReader(body))
	if err != nil {
		return schemaError(err.Error())
	}
	req.Header.Set("Content-Type", contentType)
	res, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err != nil {
		return err
	}
	var answer struct {
		Data   json.RawMessage
		Errors []struct{ Message string }
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return schemaError(fmt.Sprintf("%s: %s: %.200s", path, res.Status, text))
	}
	if len(answer.Errors) > 0 {
		return schemaError(answer.Errors[0].Message)
	}
	if data == nil {
		return nil
	}
	return json.Unmarshal(answer.Data, data)
}
