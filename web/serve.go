package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Times a connection may take. Handlers whose bodies are long (uploads, rows, sockets) move the deadlines as they make progress.
const (
	headerTimeout = 10 * time.Second
	bodyTimeout   = 60 * time.Second // also the longest stall of an upload or of a reader of rows
	idleTimeout   = 2 * time.Minute
	headerBytes   = 32 << 10
)

// Serve answers on the listener until ctx ends; then it stops taking connections, tells streams to end, lets requests in hand finish
// for at most Config.Drain, and returns. It returns nil after such an end.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		WriteTimeout:      bodyTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerBytes,
		BaseContext:       func(net.Listener) context.Context { return base },
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve http: %w", err)
	case <-ctx.Done():
	}
	return s.drain(server, cancel, failed)
}

// drain ends the server in order: sockets and row streams first, then the requests in hand, then whatever is left by force.
func (s *Server) drain(server *http.Server, cut context.CancelFunc, served <-chan error) error {
	close(s.draining)
	bounded, cancel := context.WithTimeout(context.Background(), s.cfg.Drain)
	defer cancel()
	err := server.Shutdown(bounded)
	if err == nil {
		err = s.waitStreams(bounded)
	}
	cut()
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("requests cut off at shutdown", "after", s.cfg.Drain)
		err = server.Close()
	}
	if served := <-served; err == nil && !errors.Is(served, http.ErrServerClosed) {
		err = served
	}
	if err != nil {
		return fmt.Errorf("stop http: %w", err)
	}
	return nil
}

// waitStreams waits for the handlers that net/http no longer counts: those of sockets.
func (s *Server) waitStreams(ctx context.Context) error {
	done := make(chan struct{})
	go func() { defer close(done); s.streams.Wait() }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// streaming returns a context that ends with the request, and also when the server begins to drain. Its second result must be called
// when the stream is over.
func (s *Server) streaming(ctx context.Context) (context.Context, func()) {
	s.streams.Add(1)
	ctx, cancel := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-s.draining:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(); <-watched; s.streams.Done() }
}
