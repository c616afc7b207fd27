package bus

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// failover is how long a cluster may be without somebody who answers for a stream. When a server is lost, others elect who leads its streams
// after 4 to 9 seconds; on a loaded machine later.
const failover = 30 * time.Second

// The server's answers while it looks for a leader.
const (
	codeNotAvailable  = 10008
	codeNotLeader     = 10009
	codeStreamOffline = 10118
	codeInProcess     = 10158 // somebody else publishes the same message at this moment
)

// passing tells whether an error is one that an election ends, or that ends when what lay in a server's memory is made again. Whether the server did
// what it was asked, it does not tell.
func passing(err error) bool {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return slices.Contains([]jetstream.ErrorCode{codeNotAvailable, codeNotLeader, codeStreamOffline, codeInProcess, jetstream.JSErrCodeStreamNotFound}, api.ErrorCode)
	}
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) || unheard(err)
}

// unheard tells whether nobody got the request.
func unheard(err error) bool {
	return errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, nats.ErrNoStreamResponse)
}

// again asks what may be asked twice until somebody answers. Each try ends with the context it is given, or earlier.
func again[T any](ctx context.Context, try func(context.Context) (T, error)) (T, error) {
	return retry(ctx, passing, try)
}

func retry[T any](ctx context.Context, worth func(error) bool, try func(context.Context) (T, error)) (T, error) {
	deadline := time.Now().Add(failover)
	for limit := 2 * time.Second; ; limit = min(2*limit, 8*time.Second) {
		one, cancel := context.WithTimeout(ctx, limit)
		v, err := try(one)
		cancel()
		if err == nil || ctx.Err() != nil || !worth(err) || time.Now().After(deadline) {
			return v, err
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return v, err
		}
	}
}

// keep has what lies in memory made again when the server may have lost it.
func (b *Bus) keep(make func(context.Context) error) {
	b.fleeting.Lock()
	defer b.fleeting.Unlock()
	b.memory = append(b.memory, make)
}

// remember makes the streams and buckets in memory that are not there: the server may be another one, or have started again.
func (b *Bus) remember() {
	b.fleeting.Lock()
	list := slices.Clone(b.memory)
	b.fleeting.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), failover)
	defer cancel()
	for _, make := range list {
		if err := make(ctx); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
			b.log.Warn("stream in memory not made again", "err", err)
		}
	}
}
