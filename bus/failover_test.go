package bus_test

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cybexp/cybexp/bus"
)

// TestWhatIsInMemoryComesAgain starts a server again, which has forgotten what was in its memory: it can be used as before, empty, and who reads
// reads on.
func TestWhatIsInMemoryComesAgain(t *testing.T) {
	dir := t.TempDir()
	srv := listening(t, dir, server.RANDOM_PORT)
	b := connected(t, srv)
	s := stream(t, b, bus.StreamConfig{Name: "s", Subjects: []string{"s.>"}, Storage: bus.Memory})
	k := bucket(t, b, bus.KVConfig{Bucket: "k", Storage: bus.Memory})
	first := publish(t, s, "s.a", "one")
	ctx, stop := context.WithCancel(t.Context())
	heard, ended := make(chan string, 10), make(chan struct{})
	go func() {
		defer close(ended)
		for m, err := range s.Read(ctx, "s.>", first) {
			if err != nil {
				t.Error(err)
				return
			}
			heard <- string(m.Data)
		}
	}()
	defer func() { stop(); <-ended }()
	last := publish(t, s, "s.a", "two")
	if got := within(t, heard); got != "two" {
		t.Errorf("before, who reads hears %q", got)
	}

	port := srv.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it listens on TCP
	srv.Shutdown()
	srv.WaitForShutdown()
	listening(t, dir, port)
	until(t, "the client has found the server again", func() bool { // what it sends before may be lost with the old connection, and is not sent twice
		ask, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return b.Ready(ask) == nil
	})
	if next := publish(t, s, "s.a", "three"); next <= last {
		t.Errorf("the message has number %d after %d", next, last)
	}
	if got := within(t, heard); got != "three" {
		t.Errorf("who read before hears %q", got)
	}
	if _, err := k.Put(t.Context(), "key", []byte("value")); err != nil {
		t.Error(err)
	}
	if e, err := k.Get(t.Context(), "key"); err != nil || string(e.Value) != "value" {
		t.Errorf("got %q, %v", e.Value, err)
	}
}

// TestReadWaitsForItsStream begins to read a moment before what was in the memory of a server is made again.
func TestReadWaitsForItsStream(t *testing.T) {
	srv := listening(t, t.TempDir(), server.RANDOM_PORT)
	b := connected(t, srv)
	config := bus.StreamConfig{Name: "s", Subjects: []string{"s.>"}, Storage: bus.Memory}
	s := stream(t, b, config)
	nc, err := nats.Connect(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	asked := make(chan *nats.Msg, 100)
	if _, err := nc.ChanSubscribe("$JS.API.CONSUMER.CREATE.s.>", asked); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	heard := make(chan string, 1)
	go func() {
		for m, err := range s.Read(t.Context(), "s.>", 0) {
			heard <- fmt.Sprint(string(m.Data), err)
			return
		}
	}()
	within(t, asked)
	within(t, asked) // the first was answered: no stream
	publish(t, stream(t, b, config), "s.a", "one")
	if got := within(t, heard); got != "one<nil>" {
		t.Errorf("got %s", got)
	}
}

// listening runs a server on a folder until the test ends.
func listening(t *testing.T, dir string, port int) *server.Server {
	t.Helper()
	return serving(t, &server.Options{Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true})
}

// serving runs a server until the test ends.
func serving(t *testing.T, o *server.Options) *server.Server {
	t.Helper()
	srv, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(patience) {
		t.Fatal("server not ready")
	}
	return srv
}

func connected(t *testing.T, srv *server.Server) *bus.Bus {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Config{URL: srv.ClientURL(), Logger: quiet(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}
