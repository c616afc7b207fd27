package reportd

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cybexp/cybexp/tahoe"
)

// clientSilence is how long a client waits for anything from the server, whose pings come every 25 s.
const clientSilence = 90 * time.Second

// cancelGrace is how long a client that cancels waits for the server to say so.
const cancelGrace = 3 * time.Second

// Client asks queries of a server over the websocket, one at a time.
type Client struct {
	conn *websocket.Conn
}

// Dial connects to the server at base, an http or https URL, and signs in with token. A server that refuses is an error
// with its status and, where it sent one, its words.
func Dial(ctx context.Context, base, token string) (*Client, error) {
	return DialTLS(ctx, base, token, nil)
}

// DialTLS is Dial that says how to speak TLS with an https server; nil is as Go does.
func DialTLS(ctx context.Context, base, token string, config *tls.Config) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	switch u.Scheme {
	case "https":
		u.Scheme = "wss"
	case "http":
		u.Scheme = "ws"
	default:
		return nil, fmt.Errorf("dial: %q is not an http or https URL", base)
	}
	u = u.JoinPath("ws")
	d := websocket.Dialer{
		HandshakeTimeout:  40 * time.Second, // a cluster may be choosing a leader of what says who may ask
		Subprotocols:      []string{Subprotocol},
		EnableCompression: !Loopback(u.Hostname()), // it would cost more than it spares
		Proxy:             http.ProxyFromEnvironment,
		TLSClientConfig:   config,
	}
	conn, resp, err := d.DialContext(ctx, u.String(), http.Header{"Authorization": {"Bearer " + token}})
	if err != nil {
		return nil, handshakeError(resp, err)
	}
	answer := conn.PingHandler()
	conn.SetPingHandler(func(text string) error { // a watch may have nothing else to say for long
		if err := conn.SetReadDeadline(time.Now().Add(clientSilence)); err != nil {
			return err
		}
		return answer(text)
	})
	return &Client{conn: conn}, nil
}

// Loopback says whether a host, a name or an address, is this machine.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// RefusedError is a server's refusal to open the websocket.
type RefusedError struct {
	Status int
	Detail string
}

func (e *RefusedError) Error() string {
	if e.Detail == "" {
		return fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status))
	}
	return fmt.Sprintf("%d %s: %s", e.Status, http.StatusText(e.Status), e.Detail)
}

func handshakeError(resp *http.Response, err error) error {
	if resp == nil || !errors.Is(err, websocket.ErrBadHandshake) {
		return err
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // the status says enough without it
	var p struct{ Detail, Message string }
	if json.Unmarshal(text, &p) == nil && p.Detail == "" {
		p.Detail = p.Message
	}
	return &RefusedError{Status: resp.StatusCode, Detail: p.Detail}
}

// Close ends the connection; the server cancels what it still runs for it.
func (c *Client) Close() error { return c.conn.Close() }

// Query asks a query and yields its frames; the last is an end or an error frame. When ctx ends first, the query is
// cancelled on the server too, and ctx's error is yielded last. Breaking off leaves the connection unusable.
func (c *Client) Query(ctx context.Context, tdql string, params map[string]tahoe.Value) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		ask := message{Op: opQuery, ID: "q", TDQL: tdql, Params: params}
		if err := c.send(ask); err != nil {
			yield(Frame{}, err)
			return
		}
		stop := context.AfterFunc(ctx, func() {
			// A write and a read may run side by side, and nobody else writes now.
			_ = c.send(message{Op: opCancel, ID: "q"}) // the read below fails if the connection is gone
			_ = c.conn.SetReadDeadline(time.Now().Add(cancelGrace))
		})
		defer stop()
		for {
			f, err := c.read(ctx)
			if err != nil && ctx.Err() != nil {
				err = ctx.Err()
			}
			if !yield(f, err) || err != nil {
				return
			}
			if f.Last() {
				if ctx.Err() != nil {
					yield(Frame{}, ctx.Err())
				}
				return
			}
		}
	}
}

func (c *Client) send(m message) error {
	if err := c.conn.SetWriteDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	return c.conn.WriteJSON(m)
}

func (c *Client) read(ctx context.Context) (Frame, error) {
	if ctx.Err() == nil {
		if err := c.conn.SetReadDeadline(time.Now().Add(clientSilence)); err != nil {
			return Frame{}, err
		}
	}
	_, data, err := c.conn.ReadMessage()
	if err != nil {
		return Frame{}, fmt.Errorf("read frame: %w", err)
	}
	var head struct {
		Type FrameType `json:"type"`
		Seq  uint64    `json:"seq"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return Frame{}, fmt.Errorf("read frame: %w", err)
	}
	return Frame{Type: head.Type, Seq: head.Seq, JSON: data}, nil
}
