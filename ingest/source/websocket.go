package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sync/errgroup"
)

// Times and bounds of a websocket.
const (
	handshakeLimit = 15 * time.Second
	pingEvery      = 30 * time.Second
	silence        = 75 * time.Second // after which a peer that answers no ping is given up
	maxFrame       = 16 << 20         // bytes
)

// listenWebSocket takes what a server sends: each frame is a record, or several lines of text.
func (o *outlet) listenWebSocket(ctx context.Context) error {
	header := http.Header{}
	o.signIn(header, "Bearer ")
	dialer := websocket.Dialer{NetDialContext: o.svc.dial, HandshakeTimeout: handshakeLimit, EnableCompression: true}
	conn, resp, err := dialer.DialContext(ctx, o.address(), header)
	if resp != nil {
		_ = resp.Body.Close() // holds at most what a refusal begins with
	}
	if errors.Is(err, websocket.ErrBadHandshake) && resp != nil {
		return &statusError{Code: resp.StatusCode, After: retryAfter(resp.Header.Get("Retry-After"), o.svc.Now())}
	}
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	conn.SetReadLimit(maxFrame)
	records := make(chan []byte, 64)
	group, gctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(gctx, func() { _ = conn.Close() })
	defer stop()
	defer conn.Close()
	group.Go(func() error {
		defer close(records)
		return readFrames(gctx, conn, records)
	})
	group.Go(func() error { return o.keepAlive(gctx, conn) })
	group.Go(func() error { return o.pump(ctx, records) }) // goes on to the end of what was read
	return group.Wait()
}

// readFrames reads until the connection ends, which is always an error.
func readFrames(ctx context.Context, conn *websocket.Conn, records chan<- []byte) error {
	heard := func() error { return conn.SetReadDeadline(time.Now().Add(silence)) }
	conn.SetPongHandler(func(string) error { return heard() })
	for {
		if err := heard(); err != nil {
			return err
		}
		_, frame, err := conn.ReadMessage()
		if err != nil {
			return fmt.Errorf("read frame: %w", err)
		}
		if frame = bytes.TrimSpace(frame); len(frame) == 0 {
			continue
		}
		select {
		case records <- oneJSON(frame):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// keepAlive pings the server, and notes that it works.
func (o *outlet) keepAlive(ctx context.Context, conn *websocket.Conn) error {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(handshakeLimit)); err != nil {
			return fmt.Errorf("ping: %w", err)
		}
		if err := o.alive(ctx); err != nil {
			return err
		}
	}
}
