package graph

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/dgraph-io/dgo/v230"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var (
	// ErrUnavailable is returned when Dgraph does not answer, or not yet.
	ErrUnavailable = errors.New("dgraph is unavailable")
	// ErrSchemaNewer is returned by ApplySchema for a graph of a later version.
	ErrSchemaNewer = errors.New("the graph was written by a newer version of cybexp")
	// ErrSchemaOlder is returned by ApplySchema for a graph of a version that is too early.
	ErrSchemaOlder = errors.New("the graph was written by an older version of cybexp, and cannot be brought up to this one: " +
		"go on with that version, or start with an empty data folder and send the raw data again")
	// ErrClosed is returned by a store after Close.
	ErrClosed = errors.New("graph is closed")

	// errAborted is a transaction that met another one; it is tried again and never seen outside.
	errAborted = errors.New("transaction aborted")
)

// RecordError says which of the records given to Write is not in the graph, and why. Write joins one for each, and the
// other records are in the graph.
type RecordError struct {
	Index int
	Err   error
}

func (e *RecordError) Error() string { return fmt.Sprintf("record %d: %v", e.Index, e.Err) }

// Record is Index, for those who know the error only by its methods.
func (e *RecordError) Record() int { return e.Index }

// Unwrap returns the reason.
func (e *RecordError) Unwrap() error { return e.Err }

// passing are parts of what Dgraph says, without a code of its own, while it starts, stops or looks for its leader.
var passing = []string{
	"not ready", "unhealthy", "no connection", "connection closed", "leader", "please retry", "server closed", "shutting down",
	"context canceled", "context deadline exceeded", "not serving", "draining", "transport is closing", "while retrieving timestamp",
}

// readable makes an error of a call to Dgraph one that can be told apart and read: without the words of gRPC.
func readable(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if cause := ctx.Err(); cause != nil {
		return cause
	}
	if errors.Is(err, dgo.ErrAborted) {
		return errAborted
	}
	s := status.Convert(err)
	switch s.Code() {
	case codes.Aborted:
		return errAborted
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return fmt.Errorf("%w: %s", ErrUnavailable, s.Message())
	}
	text := strings.ToLower(s.Message())
	for _, part := range passing {
		if strings.Contains(text, part) {
			return fmt.Errorf("%w: %s", ErrUnavailable, s.Message())
		}
	}
	return fmt.Errorf("dgraph: %s", s.Message())
}
