package reportd_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cybexp/cybexp/reportd"
)

// loadURL names the environment variable that makes this program a crowd of clients, so that what they need is not counted as the
// server's.
const loadURL = "REPORTD_LOAD_URL"

// listenToReports reads ids of reports, a line each, connects once for each, and subscribes. It prints a line when all have the first
// frame, and at the end the delays of all rows, each of which says when it was written.
func listenToReports(url string) {
	var ids []string
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		ids = append(ids, lines.Text())
	}
	var ready, done sync.WaitGroup
	var mu sync.Mutex
	var delays []time.Duration
	dialling := make(chan struct{}, 32)
	for _, id := range ids {
		ready.Add(1)
		done.Go(func() {
			dialling <- struct{}{}
			conn, err := subscribe(url, id)
			<-dialling
			ready.Done()
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return
			}
			got := delaysOf(conn)
			mu.Lock()
			defer mu.Unlock()
			delays = append(delays, got...)
		})
	}
	ready.Wait()
	fmt.Println("ready")
	done.Wait()
	slices.Sort(delays)
	if len(delays) == 0 {
		delays = append(delays, 0)
	}
	fmt.Println(len(delays), delays[len(delays)/2].Microseconds(), delays[len(delays)*99/100].Microseconds())
}

// subscribe connects and reads up to the header.
func subscribe(url, id string) (*websocket.Conn, error) {
	d := &websocket.Dialer{Subprotocols: []string{reportd.Subprotocol}, EnableCompression: true, HandshakeTimeout: time.Minute, ReadBufferSize: 1024}
	conn, resp, err := d.Dial(url, nil)
	if err != nil {
		return nil, err
	}
	_ = resp.Body.Close()
	if err := conn.WriteMessage(websocket.TextMessage, []byte(`{"op":"subscribe","id":"s","report":"`+id+`"}`)); err != nil {
		return nil, err
	}
	for {
		var f struct{ Type, Code string }
		if err := conn.ReadJSON(&f); err != nil || f.Type == "header" {
			return conn, err
		}
		if f.Type == "error" {
			return nil, errors.New(f.Code)
		}
	}
}

// delaysOf reads to the end.
func delaysOf(conn *websocket.Conn) []time.Duration {
	var delays []time.Duration
	for {
		_, data, err := conn.ReadMessage()
		if err != nil {
			return delays
		}
		now := time.Now()
		var f struct {
			Type string
			Rows []struct{ At int64 }
		}
		if json.Unmarshal(data, &f) != nil || f.Type == "end" {
			return delays
		}
		for _, r := range f.Rows {
			delays = append(delays, now.Sub(time.Unix(0, r.At)))
		}
	}
}
