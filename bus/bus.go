// Package bus moves work and state between the parts of cybexp, in one process or many: streams that keep messages, queues that
// hand them out again until they are handled, keys with a history to watch, and short signals. It is NATS JetStream, either a
// server inside this process that writes to a folder and opens no port, or a cluster's. Nobody else imports NATS.
//
// It knows nothing of what the messages mean.
//
//	b, err := bus.Open(ctx, bus.Config{Dir: "/var/lib/cybexp/bus"})
//	lake, err := b.Stream(ctx, bus.StreamConfig{Name: "lake", Subjects: []string{"lake.>"}, WorkQueue: true})
//	seq, err := lake.Publish(ctx, "lake.cowrie", nil, sealed)        // on disk now
//	err = lake.Consume(ctx, bus.ConsumerConfig{Name: "ingest"}, handle)
package bus

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Config says where the bus lives: exactly one of Dir and URL is set.
type Config struct {
	Dir      string // folder of the embedded server; made when absent, one process at a time
	URL      string // nats://host:port[,nats://…] of servers with JetStream (set sync_interval: always there)
	Replicas int    // copies of every stream and bucket in a cluster; 0 leaves those that are there as they are, and makes one
	Logger   *slog.Logger

	TLS   func() *tls.Config // how to speak TLS with servers, asked for each connection; nil is not at all
	Creds string             // file with a user's credentials, as NATS makes them, or user:password; read for each connection
}

// Validate tells what is wrong with c.
func (c Config) Validate() error {
	switch {
	case c.Dir == "" && c.URL == "":
		return errors.New("bus: a folder or a server address is needed")
	case c.Dir != "" && c.URL != "":
		return errors.New("bus: a folder and a server address exclude each other")
	case c.Replicas < 0 || c.Replicas > 5:
		return fmt.Errorf("bus: replicas %d is not within 0 to 5", c.Replicas)
	case c.Dir != "" && c.Replicas > 1:
		return errors.New("bus: an embedded server keeps one replica")
	case c.Dir != "" && (c.TLS != nil || c.Creds != ""):
		return errors.New("bus: an embedded server opens no port, and so has no certificates and no users")
	}
	if strings.Contains(c.URL, "@") {
		return errors.New("bus: a server address has no user and no password: a file has them")
	}
	return nil
}

// Storage says where a stream or bucket keeps what it is given.
type Storage int

// The two kinds of Storage.
const (
	File   Storage = iota // on disk and synced before a write is acknowledged
	Memory                // gone when the server stops
)

func (s Storage) kind() jetstream.StorageType {
	if s == Memory {
		return jetstream.MemoryStorage
	}
	return jetstream.FileStorage
}

// Message is one message of a stream, or a signal (which has only Subject, Header and Data).
type Message struct {
	Subject   string
	Sequence  uint64 // place in the stream, from 1; grows by one a message over all subjects
	Time      time.Time
	Header    map[string]string
	Data      []byte
	Delivered int // how often Consume has handed it out, this time included
}

// Bus is a connection to the bus, safe for concurrent use.
type Bus struct {
	nc       *nats.Conn
	js       jetstream.JetStream
	log      *slog.Logger
	replicas int

	making sync.Mutex // held while a consumer is made

	fleeting sync.Mutex
	memory   []func(context.Context) error // make what a server without a disk for it has lost

	dir  string         // of the embedded server
	srv  *server.Server // nil when remote
	lock *os.File
	once sync.Once
}

// Open starts the embedded server on c.Dir, or connects to c.URL. The caller closes the bus.
func Open(ctx context.Context, c Config) (*Bus, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	b := &Bus{dir: c.Dir, log: cmp.Or(c.Logger, slog.New(slog.DiscardHandler)), replicas: c.Replicas}
	if err := b.connect(ctx, c); err != nil {
		return nil, errors.Join(fmt.Errorf("open bus: %w", err), b.Close())
	}
	return b, nil
}

// connectTime is how long a server may take to answer who connects.
const connectTime = 5 * time.Second

func (b *Bus) connect(ctx context.Context, c Config) error {
	opts := []nats.Option{
		nats.Name("cybexp"),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(), // a password may be renewed here and there at different times
		nats.Timeout(connectTime),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				b.log.Warn("bus connection lost", "err", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			b.log.Info("bus connection restored", "server", nc.ConnectedUrlRedacted())
			b.remember()
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { b.log.Warn("bus connection trouble", "err", err) }),
	}
	url := c.URL
	if c.Dir != "" {
		var err error
		if b.lock, err = lockDir(c.Dir); err != nil {
			return err
		}
		if b.srv, err = startServer(ctx, c.Dir, b.log); err != nil {
			return err
		}
		url = nats.DefaultURL // never dialled
		opts = append(opts, nats.InProcessServer(b.srv))
	}
	secure, err := c.security()
	if err != nil {
		return err
	}
	opts = append(opts, secure...)
	if b.nc, err = nats.Connect(url, opts...); err != nil {
		return err
	}
	b.js, err = jetstream.New(b.nc)
	return err
}

// MaxMessage is the longest message that the server takes, in bytes, headers included: 20 MiB embedded, max_payload of a cluster.
func (b *Bus) MaxMessage() int { return int(b.nc.MaxPayload()) }

// Ready asks the server for an answer.
func (b *Bus) Ready(ctx context.Context) error {
	if _, err := b.js.AccountInfo(ctx); err != nil {
		return fmt.Errorf("ask bus: %w", err)
	}
	return nil
}

// Close sends what is waiting to be sent, disconnects, and stops the embedded server. End Consume, Read and Watch before, by
// their contexts; what is still running then ends with ErrClosed.
func (b *Bus) Close() error {
	b.once.Do(func() {
		if b.nc != nil {
			if err := b.nc.FlushTimeout(5 * time.Second); err != nil {
				b.log.Debug("bus not flushed", "err", err)
			}
			b.nc.Close()
		}
		if b.srv != nil {
			b.srv.Shutdown()
			b.srv.WaitForShutdown()
		}
		if b.lock != nil {
			_ = b.lock.Close()
		}
	})
	return nil
}
