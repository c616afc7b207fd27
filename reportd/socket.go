package reportd

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Subprotocol is the name and version of the protocol that ServeSocket speaks.
const Subprotocol = "tdql.v1"

// Close codes beside those of RFC 6455. After 4400 to 4409 a client should not try the same again.
const (
	CloseBadMessage    = 4400
	CloseUnauthorised  = 4401
	CloseSignInTimeout = 4408
	CloseDuplicateID   = 4409
	CloseTooMany       = 4429
)

// maxReason is the room for a reason in a close frame.
const maxReason = 123

// compressFrom is the size from which a message is worth compressing.
const compressFrom = 512

// SocketConfig says who may connect.
type SocketConfig struct {
	// Caller is who the request's cookie or header has signed in; nil waits for the first message to do that, with SignIn.
	Caller *Caller
	SignIn func(ctx context.Context, token string) (Caller, error)
	// AllowOrigin decides on requests that a browser sends for a page of another site; nil refuses them.
	AllowOrigin func(*http.Request) bool
}

// closing is a reason to close a connection that the client is told.
type closing struct {
	code int
	text string
}

func (c closing) Error() string { return c.text }

var (
	errShutdown = closing{websocket.CloseServiceRestart, "the server restarts: connect again and resume"}
	errTooBig   = closing{websocket.CloseMessageTooBig, "message is too big"}
	errNoSignIn = closing{CloseSignInTimeout, "nobody signed in"}
	errUnknown  = closing{CloseUnauthorised, "not signed in"}
	errTooMany  = closing{CloseTooMany, "too many operations"}
	errTwice    = closing{CloseDuplicateID, "an operation with this id is under way"}
	errCrowd    = closing{CloseTooMany, "too many connections of one user"}
	errSignedIn = closing{CloseTooMany, "signed in already"}
	errRevoked  = closing{CloseUnauthorised, "signed out: the token was revoked or has expired"}
)

// errGone says that a connection takes no more messages.
var errGone = errors.New("connection has ended")

// socket is one websocket connection.
type socket struct {
	*Service

	conn   *websocket.Conn
	cfg    SocketConfig
	caller *Caller // only the reading goroutine touches it before operations begin
	stop   context.CancelCauseFunc
	over   <-chan struct{} // closed when the connection is to end
	done   chan struct{}   // closed when all that it began has ended

	counted string // the user among whose connections it counts

	deaf  chan struct{} // closed when no more is read
	clean bool          // whether the client said good-bye; known when deaf

	writing chan struct{} // holds an item while somebody writes

	mu  sync.Mutex // also held to set the read deadline
	ops map[string]*operation
	wg  sync.WaitGroup // operations
}

// ServeSocket answers a request for a websocket and speaks the protocol until the connection ends and what was asked over it
// is done with.
func (s *Service) ServeSocket(w http.ResponseWriter, r *http.Request, cfg SocketConfig) {
	up := websocket.Upgrader{
		Subprotocols:      []string{Subprotocol},
		CheckOrigin:       func(r *http.Request) bool { return sameSite(r) || cfg.AllowOrigin != nil && cfg.AllowOrigin(r) },
		EnableCompression: true,
		HandshakeTimeout:  s.cfg.Socket.SignIn,
		WriteBufferSize:   4 << 10,
		WriteBufferPool:   &s.buffers,
	}
	k := &socket{
		Service: s, cfg: cfg, caller: cfg.Caller, ops: map[string]*operation{},
		done: make(chan struct{}), deaf: make(chan struct{}), writing: make(chan struct{}, 1),
	}
	ctx, stop := context.WithCancelCause(context.WithoutCancel(r.Context()))
	k.stop, k.over = stop, ctx.Done()
	defer close(k.done)
	if !s.admit(k) {
		http.Error(w, "shutting down", http.StatusServiceUnavailable)
		return
	}
	defer s.dismiss(k)
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		s.cfg.Logger.DebugContext(r.Context(), "websocket refused", "err", err)
		return
	}
	k.conn = conn
	k.serve(ctx)
}

// sameSite says whether a request comes from a page of ours, or from no page.
func sameSite(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && strings.EqualFold(u.Host, r.Host)
}

// serve runs the connection until something ends it.
func (k *socket) serve(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { k.ping(ctx) })
	wg.Go(func() {
		<-ctx.Done()
		k.goodbye(context.Cause(ctx))
	})
	if k.caller != nil {
		if err := k.enlist(ctx); err != nil {
			k.stop(err)
		}
	}
	err := k.readAll(ctx)
	k.clean = ctx.Err() == nil &&
		websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway, websocket.CloseNoStatusReceived)
	close(k.deaf)
	k.stop(err)
	wg.Wait()
	_ = k.conn.Close()
	k.wg.Wait()
}

// readAll reads messages until the connection or the client's good behaviour ends, or ctx does. Then it reads on, to no
// effect, until the client has had time to take leave.
func (k *socket) readAll(ctx context.Context) error {
	limits := k.Service.cfg.Socket
	k.conn.SetPongHandler(func(string) error { return k.alive(ctx) })
	late := time.AfterFunc(limits.SignIn, func() { k.stop(errNoSignIn) })
	defer late.Stop()
	for {
		if k.caller != nil {
			late.Stop()
		}
		if err := k.alive(ctx); err != nil {
			return err
		}
		data, err := k.readMessage()
		if err == nil && ctx.Err() == nil {
			err = k.handle(ctx, data)
		}
		var c closing
		if errors.As(err, &c) {
			k.stop(c)
		} else if err != nil {
			return err
		}
	}
}

// alive gives the client time until it must be heard again, unless it is taking leave.
func (k *socket) alive(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if ctx.Err() != nil {
		return nil
	}
	return k.conn.SetReadDeadline(time.Now().Add(k.Service.cfg.Socket.Silence))
}

func (k *socket) handle(ctx context.Context, data []byte) error {
	m, err := decodeMessage(data)
	if err != nil {
		return closing{CloseBadMessage, err.Error()}
	}
	return k.dispatch(ctx, m)
}

// readMessage reads one message, whose size counts as it is after inflation.
func (k *socket) readMessage() ([]byte, error) {
	kind, r, err := k.conn.NextReader()
	if err != nil {
		return nil, err
	}
	if kind != websocket.TextMessage {
		return nil, closing{CloseBadMessage, "message is not text"}
	}
	limit := k.Service.cfg.Socket.MessageBytes
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if int64(len(data)) > limit {
		return nil, errTooBig
	}
	return data, err
}

// ping asks the client from time to time whether it is there.
func (k *socket) ping(ctx context.Context) {
	tick := time.NewTicker(k.Service.cfg.Socket.Ping)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			// One that cannot be sent is no matter: either a frame is being written, or the reader finds out.
			_ = k.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second))
		case <-ctx.Done():
			return
		}
	}
}

// goodbye ends the connection: the reason, if it is one to tell, goes out after the frame in hand, and the client has a moment
// to answer. (To close a connection with bytes in it that nobody has read resets it, and the reason may be lost.)
func (k *socket) goodbye(cause error) {
	end := time.Now()
	var c closing
	if errors.As(cause, &c) {
		patience := k.Service.cfg.Socket.Drain / 2
		late := time.NewTimer(patience)
		defer late.Stop()
		select {
		case k.writing <- struct{}{}: // and kept: nobody writes after this
			end = end.Add(patience)
			text := strings.ToValidUTF8(c.text[:min(len(c.text), maxReason)], "")
			_ = k.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(c.code, text), end)
		case <-late.C:
			_ = k.conn.Close() // the writer is stuck
		case <-k.deaf:
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	_ = k.conn.SetReadDeadline(end) // which wakes the reader, or finds the connection gone
}

// write sends one message. A client that does not take it in time loses the connection.
func (k *socket) write(data []byte) error {
	select {
	case k.writing <- struct{}{}:
	case <-k.over:
		return errGone
	}
	defer func() { <-k.writing }()
	if err := k.conn.SetWriteDeadline(time.Now().Add(k.Service.cfg.Socket.Write)); err != nil {
		return err
	}
	k.conn.EnableWriteCompression(len(data) >= compressFrom)
	err := k.conn.WriteMessage(websocket.TextMessage, data)
	k.metrics.frames.Add(1)
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			k.metrics.slow.Add(1)
		}
		k.stop(err)
	}
	return err
}

// admit notes a connection, unless the service is shutting down.
func (s *Service) admit(k *socket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.sockets[k] = struct{}{}
	return true
}

func (s *Service) dismiss(k *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sockets, k)
	if s.crowd[k.counted]--; s.crowd[k.counted] <= 0 {
		delete(s.crowd, k.counted)
	}
}

// enlist counts a connection among those of its user, and sees to it that it ends with its sign-in.
func (k *socket) enlist(ctx context.Context) error {
	s := k.Service
	s.mu.Lock()
	defer s.mu.Unlock()
	if most := s.cfg.Socket.UserSockets; most > 0 && s.crowd[k.caller.ID] >= most {
		return errCrowd
	}
	k.counted = k.caller.ID
	s.crowd[k.counted]++
	if c := *k.caller; c.Still != nil {
		k.wg.Go(func() { k.stop(s.Rely(ctx, c.ID, func(ctx context.Context) error { return k.checkSignIn(ctx, c) })) })
	}
	return nil
}

// closeSockets takes no more connections, closes those that there are, and waits for them.
func (s *Service) closeSockets() {
	s.mu.Lock()
	s.closed = true
	open := make([]*socket, 0, len(s.sockets))
	for k := range s.sockets {
		open = append(open, k)
	}
	s.mu.Unlock()
	close(s.closing)
	for _, k := range open {
		k.stop(errShutdown)
	}
	late := time.NewTimer(s.cfg.Socket.Drain)
	defer late.Stop()
	for _, k := range open {
		select {
		case <-k.done:
		case <-late.C:
			s.cfg.Logger.Warn("websockets not closed in time")
			return
		}
	}
}
