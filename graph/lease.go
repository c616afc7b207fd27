package graph

import (
	"context"
	"errors"
	"fmt"

	"github.com/dgraph-io/dgo/v230/protos/api"
	"google.golang.org/grpc"
)

// leaseSize is how many uids are taken at a time. A closed store wastes the rest of its last lease: there are 2^64.
const leaseSize = 20_000

// lease hands out uids that belong to nobody else. Dgraph gives them in ascending order, so that vertices written together lie
// together on disk and in lists.
type lease struct {
	conn       grpc.ClientConnInterface
	next, last uint64
}

func (l *lease) take(ctx context.Context) (uint64, error) {
	if l.next == 0 || l.next > l.last {
		if err := l.renew(ctx); err != nil {
			return 0, err
		}
	}
	uid := l.next
	l.next++
	return uid, nil
}

// renew calls AllocateIDs, which the client library lacks. Its request is {uint64 how_many = 1; enum lease_type = 2} with UID = 1, and
// its answer {uint64 start = 1; uint64 end = 2}: on the wire both are the first two fields of a TxnContext.
func (l *lease) renew(ctx context.Context) error {
	const uidLease = 1
	req, res := &api.TxnContext{StartTs: leaseSize, CommitTs: uidLease}, &api.TxnContext{}
	if err := l.conn.Invoke(ctx, "/api.Dgraph/AllocateIDs", req, res); err != nil {
		return fmt.Errorf("lease uids: %w", readable(ctx, err))
	}
	if res.StartTs == 0 || res.CommitTs < res.StartTs {
		return errors.New("lease uids: dgraph gave none")
	}
	l.next, l.last = res.StartTs, res.CommitTs
	return nil
}
