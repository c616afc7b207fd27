package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"time"
)

// ErrBackup is what Dgraph's own backup or restore ends with when it fails; the alpha's log says why.
var ErrBackup = errors.New("dgraph gave up; the log of its alpha says why")

// restoreQuiet is how long a restore may show no sign of life before it is given up.
const restoreQuiet = 2 * time.Minute

// backupTries is how often a backup that failed is begun again. The tasks of an alpha that came up a moment ago may fail for want of a leader or of a
// connection, and it tells no more than that they did.
const backupTries = 5

// Backup has Dgraph copy the graph into a folder, which the alphas reach under the same absolute path: all that was committed before the call, and nothing
// of what is committed after some moment before it returns. The graph goes on meanwhile.
func (s *Store) Backup(ctx context.Context, dir string) error {
	for try := 1; ; try++ {
		err := s.backupOnce(ctx, dir)
		if err == nil {
			return nil
		}
		if !errors.Is(err, ErrBackup) || try == backupTries || pause(ctx, time.Duration(try)*time.Second) != nil {
			return fmt.Errorf("back up graph: %w", err)
		}
	}
}

// backupOnce fails with ErrBackup when it may be tried again. What a failed one left in the folder is told by no manifest and does no harm.
func (s *Store) backupOnce(ctx context.Context, dir string) error {
	var started struct {
		Backup struct{ TaskID string }
	}
	err := s.untilReady(ctx, func() error {
		return s.ask(ctx, `mutation backup($to: String!) { backup(input: {destination: $to, forceFull: true}) { taskId } }`,
			map[string]string{"to": folderURI(dir)}, &started)
	})
	if answer := schemaError(""); errors.As(err, &answer) {
		return fmt.Errorf("%w: %w", ErrBackup, err)
	}
	if err != nil {
		return err
	}
	for delay := 50 * time.Millisecond; ; delay = min(2*delay, time.Second) {
		var answer struct{ Task struct{ Status string } }
		err := s.ask(ctx, `query task($id: String!) { task(input: {id: $id}) { status } }`, map[string]string{"id": started.Backup.TaskID}, &answer)
		switch {
		case err != nil:
			return err
		case answer.Task.Status == "Success":
			return nil
		case answer.Task.Status == "Failed":
			return ErrBackup
		}
		if err := pause(ctx, delay); err != nil {
			return err
		}
	}
}

// Restore has Dgraph make the graph of what Backup put into a folder, in place of all that it holds. It must not be used meanwhile, nor by a Store that was
// opened before.
func (s *Store) Restore(ctx context.Context, dir string) error {
	// The schema is gone, then, and comes back when all is restored.
	if err := s.dropAll(ctx); err != nil {
		return fmt.Errorf("restore graph: %w", err)
	}
	err := s.untilReady(ctx, func() error {
		return s.ask(ctx, `mutation restore($from: String!) { restore(input: {location: $from}) { code } }`, map[string]string{"from": folderURI(dir)}, nil)
	})
	if err != nil {
		return fmt.Errorf("restore graph: %w", err)
	}
	for alive := time.Now(); ; {
		if schema, err := s.currentSchema(ctx); err == nil && schema != "" && !s.restoring(ctx) {
			return nil
		}
		if s.restoring(ctx) {
			alive = time.Now()
		}
		if time.Since(alive) > restoreQuiet {
			return fmt.Errorf("restore graph: %w", ErrBackup)
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return fmt.Errorf("restore graph: %w", err)
		}
	}
}

// restoring tells whether the alpha says so.
func (s *Store) restoring(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/health", nil)
	if err != nil {
		return false
	}
	res, err := s.client.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	var health []struct{ Ongoing []string }
	if json.NewDecoder(res.Body).Decode(&health) != nil {
		return false
	}
	return slices.ContainsFunc(health, func(h struct{ Ongoing []string }) bool { return slices.Contains(h.Ongoing, "opRestore") })
}

// errOldSchema is what an alpha tells for a moment after it dropped everything.
var errOldSchema = errors.New("the schema that was dropped is still told")

// dropAll removes everything from the graph, the schema included, and returns when the alpha tells of none.
func (s *Store) dropAll(ctx context.Context) error {
	err := s.untilReady(ctx, func() error {
		return s.admin(ctx, "/alter", "application/json", []byte(`{"drop_all": true}`), nil)
	})
	if err != nil {
		return err
	}
	return s.untilReady(ctx, func() error {
		current, err := s.currentSchema(ctx)
		if err == nil && current != "" {
			err = errOldSchema
		}
		return err
	})
}

// untilReady tries again while a Dgraph that has just started does not take what it is asked.
func (s *Store) untilReady(ctx context.Context, try func() error) error {
	for delay := 100 * time.Millisecond; ; delay = min(2*delay, time.Second) {
		err := try()
		if err == nil || !unready(err) {
			return err
		}
		if pause(ctx, delay) != nil {
			return errors.Join(ctx.Err(), err)
		}
	}
}

// ask posts a GraphQL request to the admin endpoint.
func (s *Store) ask(ctx context.Context, query string, variables map[string]string, data any) error {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return err
	}
	return s.admin(ctx, "/admin", "application/json", body, data)
}

// folderURI is how Dgraph wants to be told of a folder: with a slash at its end.
func folderURI(dir string) string {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(dir) + "/"}
	return u.String()
}
