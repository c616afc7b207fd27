package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/jsm.go"
	"github.com/nats-io/jsm.go/api"
	"github.com/nats-io/nats.go/jetstream"
)

// bucketPrefix is how JetStream calls the stream of a bucket.
const bucketPrefix = "KV_"

// Stored is a stream or bucket that is on disk.
type Stored struct {
	Name      string // of the stream; that of a bucket begins with KV_
	WorkQueue bool   // its messages go when they are handled
	Messages  uint64
	Bytes     uint64
	Oldest    time.Time // of its messages; zero if there are none
	Newest    time.Time
}

// Bucket is the name of the bucket, or "".
func (s Stored) Bucket() string {
	name, ok := strings.CutPrefix(s.Name, bucketPrefix)
	if !ok {
		return ""
	}
	return name
}

// Stored lists the streams and buckets that are on disk, by name. What is in memory ends with the server, so nobody counts on it.
func (b *Bus) Stored(ctx context.Context) ([]Stored, error) {
	var list []Stored
	found := b.js.ListStreams(ctx)
	for i := range found.Info() {
		if i.Config.Storage == jetstream.FileStorage {
			list = append(list, Stored{
				Name: i.Config.Name, WorkQueue: i.Config.Retention == jetstream.WorkQueuePolicy,
				Messages: i.State.Msgs, Bytes: i.State.Bytes, Oldest: i.State.FirstTime, Newest: i.State.LastTime,
			})
		}
	}
	if err := found.Err(); err != nil {
		return nil, fmt.Errorf("list streams: %w", fault(err))
	}
	slices.SortFunc(list, func(a, b Stored) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// Snapshot copies a stream or bucket into a folder that it makes: all messages with their sequence numbers and times, and how far its consumers
// are, at one moment, which is after the call and before it returns. The stream goes on meanwhile.
func (b *Bus) Snapshot(ctx context.Context, name, dir string) error {
	m, err := jsm.New(b.nc)
	if err != nil {
		return fmt.Errorf("copy stream %s: %w", name, err)
	}
	s, err := m.LoadStream(name)
	if err != nil {
		return fmt.Errorf("copy stream %s: %w", name, err)
	}
	// The check reads every message before it is copied.
	if _, err := s.SnapshotToDirectory(ctx, dir, jsm.SnapshotConsumers(), jsm.SnapshotHealthCheck()); err != nil {
		return fmt.Errorf("copy stream %s: %w", name, err)
	}
	return nil
}

// Restore makes a stream or bucket of what Snapshot put into a folder. There must be none of the name; ErrExists if there is.
func (b *Bus) Restore(ctx context.Context, name, dir string) error {
	_, err := b.js.Stream(ctx, name)
	if err == nil {
		return fmt.Errorf("restore stream %s: %w", name, ErrExists)
	}
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("restore stream %s: %w", name, fault(err))
	}
	config, err := snapshotConfig(dir)
	if err != nil {
		return fmt.Errorf("restore stream %s: %w", name, err)
	}
	config.Replicas = max(b.replicas, 1) // of this cluster
	m, err := jsm.New(b.nc)
	if err != nil {
		return fmt.Errorf("restore stream %s: %w", name, err)
	}
	if _, _, err := m.RestoreSnapshotFromDirectory(ctx, name, dir, jsm.RestoreConfiguration(config)); err != nil {
		return fmt.Errorf("restore stream %s: %w", name, err)
	}
	return nil
}

// snapshotConfig reads how the stream was set up.
func snapshotConfig(dir string) (api.StreamConfig, error) {
	var meta struct{ Config api.StreamConfig }
	text, err := os.ReadFile(filepath.Join(dir, jsm.SnapshotMetaFile))
	if err != nil {
		return meta.Config, err
	}
	err = json.Unmarshal(text, &meta)
	return meta.Config, err
}
