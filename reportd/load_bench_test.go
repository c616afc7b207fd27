package reportd

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/tdql"
)

// fromEnv reads a number that a run may choose.
func fromEnv(tb testing.TB, name string, otherwise int) int {
	tb.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// loaded is a service whose reports the benchmark writes itself.
type loaded struct {
	*Service
	url string
}

func load(b *testing.B) loaded {
	b.Helper()
	events, err := bus.Open(b.Context(), bus.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = events.Close() })
	cfg := DefaultConfig()
	cfg.Logger = slog.New(slog.NewTextHandler(b.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	cfg.Bus, cfg.Workers, cfg.UserQueries, cfg.Socket.UserSockets = events, 0, 0, 0
	cfg.Rights = func(context.Context, string) ([]tdql.Org, error) { return nil, nil } // the reports need none
	s, err := New(b.Context(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ServeSocket(w, r, SocketConfig{Caller: &Caller{ID: "load"}})
	}))
	b.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
		srv.Close()
	})
	return loaded{s, "ws" + strings.TrimPrefix(srv.URL, "http")}
}

// writing is a report that is being made.
type writing struct {
	frameLog
	id    string
	epoch uint64
	rows  uint64
}

func (l loaded) report(b *testing.B) *writing {
	b.Helper()
	rep, err := l.Submit(b.Context(), Caller{ID: "load"}, Request{TDQL: "events"})
	if err != nil {
		b.Fatal(err)
	}
	w := &writing{frameLog: l.log(rep.ID), id: rep.ID}
	if w.epoch, err = w.begin(b.Context(), statusFrame(rep.ID, StatusProcessing, 0)); err != nil {
		b.Fatal(err)
	}
	w.add(b, newFrame(TypeHeader, Header{Type: TypeHeader, Kind: "events", Fields: []string{"at"}}))
	return w
}

func (w *writing) add(b *testing.B, f Frame) {
	b.Helper()
	if _, err := w.append(b.Context(), f, w.epoch); err != nil {
		b.Fatal(err)
	}
}

func (w *writing) write(b *testing.B, rows []json.RawMessage) {
	b.Helper()
	w.add(b, rowsFrame(w.rows, rows))
	w.rows += uint64(len(rows))
}

func (w *writing) end(b *testing.B) {
	b.Helper()
	w.add(b, endFrame(End{Status: StatusReady, Rows: w.rows}))
}

// used is the memory in use, in bytes.
func used() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// BenchmarkLoadConnections opens thousands of connections, each subscribed to a report, ten to one, and writes a frame to one report
// after the other. It measures the server's memory for a connection, and the delay from a frame's writing to its arrival.
func BenchmarkLoadConnections(b *testing.B) {
	connections := fromEnv(b, "CYBEXP_BENCH_CONNECTIONS", 5000)
	l := load(b)
	var reports []*writing
	for range max(1, connections/10) {
		reports = append(reports, l.report(b))
	}
	before := used()
	client := exec.CommandContext(b.Context(), os.Args[0])
	client.Env = append(os.Environ(), "REPORTD_LOAD_URL="+l.url)
	client.Stderr = os.Stderr
	var ids strings.Builder
	for i := range connections {
		fmt.Fprintln(&ids, reports[i%len(reports)].id)
	}
	client.Stdin = strings.NewReader(ids.String())
	out, err := client.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := client.Start(); err != nil {
		b.Fatal(err)
	}
	answers := bufio.NewScanner(out)
	answers.Scan()
	each := float64(used()-before) / float64(connections)

	tick := time.NewTicker(20 * time.Second / time.Duration(len(reports)))
	defer tick.Stop()
	b.ResetTimer()
	for _, w := range reports {
		<-tick.C
		w.write(b, []json.RawMessage{fmt.Appendf(nil, `{"at":%d}`, time.Now().UnixNano())})
	}
	for _, w := range reports {
		w.end(b)
	}
	var frames, median, worst int
	answers.Scan()
	if _, err := fmt.Sscan(answers.Text(), &frames, &median, &worst); err != nil || frames != connections {
		b.Fatalf("%d of %d frames came, %v", frames, connections, err)
	}
	if err := client.Wait(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(connections), "connections")
	b.ReportMetric(each/1024, "KiB/connection")
	b.ReportMetric(float64(median)/1000, "p50-ms")
	b.ReportMetric(float64(worst)/1000, "p99-ms")
}

// BenchmarkLoadMillionRows streams a long report to a client that takes a thousand rows a second, for some seconds, and beside it to one
// that takes what comes. Then the slow one goes away, comes back after its last row, and reads on. It measures what the server holds
// for the slow one.
func BenchmarkLoadMillionRows(b *testing.B) {
	rows, seconds := fromEnv(b, "CYBEXP_BENCH_ROWS", 1_000_000), fromEnv(b, "CYBEXP_BENCH_SECONDS", 20)
	l := load(b)
	w := l.report(b)
	page := make([]json.RawMessage, frameRows)
	for i := range page {
		page[i] = fmt.Appendf(nil, `{"at":%d,"hash":"%064d"}`, i, i)
	}
	for w.rows < uint64(rows) {
		w.write(b, page[:min(len(page), rows-int(w.rows))])
	}
	w.end(b)

	before := used()
	slow := l.subscriber(b, w.id, 0)
	var most, last uint64
	pace := time.NewTicker(time.Second * frameRows / 1000)
	defer pace.Stop()
	b.ResetTimer()
	for began := time.Now(); time.Since(began) < time.Duration(seconds)*time.Second && last < w.rows; {
		<-pace.C
		last, _ = slow.rows(b, last)
		most = max(most, used())
	}
	began := time.Now()
	if got := l.subscriber(b, w.id, 0).all(b, 0); got != w.rows {
		b.Fatalf("%d of %d rows came", got, w.rows)
	}
	quick := time.Since(began)
	_ = slow.Close()
	if got := l.subscriber(b, w.id, last).all(b, last); got != w.rows {
		b.Fatalf("%d of %d rows came to who came back", got, w.rows)
	}
	b.ReportMetric(float64(most-min(most, before))/1024, "KiB-held")
	b.ReportMetric(float64(last)/float64(seconds), "slow-rows/s")
	b.ReportMetric(float64(w.rows)/quick.Seconds(), "quick-rows/s")
}

// subscriber is a client of one report.
type subscriber struct{ *websocket.Conn }

func (l loaded) subscriber(b *testing.B, id string, after uint64) subscriber {
	b.Helper()
	d := &websocket.Dialer{Subprotocols: []string{Subprotocol}, ReadBufferSize: 4096}
	conn, resp, err := d.DialContext(b.Context(), l.url, nil)
	if err != nil {
		b.Fatal(err)
	}
	_ = resp.Body.Close()
	b.Cleanup(func() { _ = conn.Close() })
	if err := conn.WriteJSON(message{Op: opSubscribe, ID: "s", Report: id, After: after}); err != nil {
		b.Fatal(err)
	}
	return subscriber{conn}
}

// rows reads up to the next rows, which must follow the last ones; more says whether there were any.
func (s subscriber) rows(b *testing.B, last uint64) (seq uint64, more bool) {
	b.Helper()
	for {
		_, data, err := s.ReadMessage()
		if err != nil {
			b.Fatal(err)
		}
		var f struct {
			Type FrameType
			Seq  uint64
		}
		if err := json.Unmarshal(data, &f); err != nil {
			b.Fatal(err)
		}
		switch f.Type {
		case TypeRows:
			rows, err := Frame{Type: TypeRows, JSON: data}.Rows()
			if err != nil || f.Seq != last+uint64(len(rows)) {
				b.Fatalf("rows up to %d follow row %d, %v", f.Seq, last, err)
			}
			return f.Seq, true
		case TypeEnd:
			return last, false
		case TypeError:
			b.Fatal("the report failed")
		case TypeStatus, TypeHeader, TypeProgress:
		}
	}
}

func (s subscriber) all(b *testing.B, last uint64) uint64 {
	b.Helper()
	for more := true; more; {
		last, more = s.rows(b, last)
	}
	return last
}
