package source_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/cybexp/cybexp/ingest/source"
)

// TestWebSocketReconnects serves some frames a connection, and closes it in several ways.
func TestWebSocketReconnects(t *testing.T) {
	r := newRig(t)
	var connections atomic.Int64
	upgrader := websocket.Upgrader{EnableCompression: true}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("Authorization") != "Bearer key" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		n := connections.Add(1)
		if n == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		conn, err := upgrader.Upgrade(w, q, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		for i := range 3 {
			check(t, conn.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, "{\n \"n\": %d}", 10*min(n, 4)+int64(i))))
		}
		switch n {
		case 2: // cut off
		case 3:
			check(t, conn.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")))
		default:
			_, _, _ = conn.ReadMessage() // until the client goes
		}
	}))
	defer server.Close()
	s := r.service()
	src := r.add(s, source.Source{Kind: source.WebSocket, Settings: source.Settings{URL: "ws" + strings.TrimPrefix(server.URL, "http")}}, "key")
	stop := r.start(s.Run)
	r.await(`{"n":20}`, `{"n":21}`, `{"n":22}`, `{"n":30}`, `{"n":31}`, `{"n":32}`, `{"n":40}`, `{"n":41}`, `{"n":42}`)
	eventually(t, "nine records", func() bool { st := r.status(s, src); return st.Records == 9 && st.State == "running" && st.Lag >= 0 })
	stop()
	if st := r.status(s, src); st.State != "waiting" || st.Where != "" {
		t.Errorf("after the end it is %s at %q", st.State, st.Where)
	}
}
