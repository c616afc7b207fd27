package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// maxPayload is the longest message that the embedded server takes, in bytes. The file store's own bound is 32 MiB.
const maxPayload = 20 << 20

// startServer runs a server that writes to dir, syncs every write, and can be reached only from this process.
func startServer(ctx context.Context, dir string, log *slog.Logger) (*server.Server, error) {
	srv, err := server.NewServer(&server.Options{
		ServerName:      "cybexp",
		StoreDir:        dir,
		JetStream:       true,
		SyncAlways:      true,
		DontListen:      true,
		NoSigs:          true,
		MaxPayload:      maxPayload,
		JetStreamLimits: server.JSLimitOpts{DefaultMaxConsumers: -1}, // each Watch of a bucket is one
		MaxPending:      4 * maxPayload,                              // what waits for one reader; each asks for one message at a time
	})
	if err != nil {
		return nil, fmt.Errorf("configure embedded server: %w", err)
	}
	l := &serverLog{log: log.With("part", "nats"), fatal: make(chan error, 1)}
	srv.SetLoggerV2(l, false, false, false)
	srv.Start()
	if err := l.awaitReady(ctx, srv); err != nil {
		srv.Shutdown()
		srv.WaitForShutdown()
		return nil, fmt.Errorf("start embedded server: %w", err)
	}
	return srv, nil
}

// serverLog passes the server's log on. The server reports a start that failed only by logging it as fatal.
type serverLog struct {
	log   *slog.Logger
	fatal chan error
}

func (l *serverLog) awaitReady(ctx context.Context, srv *server.Server) error {
	for deadline := time.Now().Add(30 * time.Second); ; {
		select {
		case err := <-l.fatal:
			return err
		case <-ctx.Done():
			return ctx.Err()
		default:
		}
		if srv.ReadyForConnections(100*time.Millisecond) && srv.JetStreamEnabled() {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.New("not ready after 30 s")
		}
	}
}

func (l *serverLog) Noticef(format string, v ...any) { l.print(slog.LevelDebug, format, v) }
func (l *serverLog) Errorf(format string, v ...any)  { l.print(slog.LevelError, format, v) }
func (l *serverLog) Debugf(format string, v ...any)  { l.print(slog.LevelDebug, format, v) }
func (l *serverLog) Tracef(string, ...any)           {}

// Warnf leaves out that large messages are discouraged: the limit is ours, see Config.
func (l *serverLog) Warnf(format string, v ...any) {
	if !strings.HasPrefix(format, "Maximum payloads over") {
		l.print(slog.LevelWarn, format, v)
	}
}

func (l *serverLog) Fatalf(format string, v ...any) {
	select {
	case l.fatal <- fmt.Errorf(format, v...):
	default:
	}
}

func (l *serverLog) print(level slog.Level, format string, v []any) {
	if l.log.Enabled(context.Background(), level) {
		l.log.Log(context.Background(), level, "bus server says", "text", fmt.Sprintf(format, v...))
	}
}
