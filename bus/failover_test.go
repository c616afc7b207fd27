package bus_test

import (
	"context"
	"net"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/cybexp/cybexp/bus"
)

// TestWhatIsInMemoryComesAgain starts a server again, which has forgotten what was in its memory: it can be used as before, empty, and who reads
// reads on.
func TestWhatIsInMemoryComesAgain(t *testing.T) {
	dir := t.TempDir()
	begin := func(port int) *server.Server {
		srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true})
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
	srv := begin(server.RANDOM_PORT)
	b, err := bus.Open(t.Context(), bus.Config{URL: srv.ClientURL(), Logger: quiet(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	s := stream(t, b, bus.StreamConfig{Name: "s", Subjects: []string{"s.>"}, Storage: bus.Memory})
	k := bucket(t, b, bus.KVConfig{Bucket: "k", Storage: bus.Memory})
	last := publish(t, s, "s.a", "one", "two")
	ctx, stop := context.WithCancel(t.Context())
	heard, ended := make(chan string, 10), make(chan struct{})
	go func() {
		defer close(ended)
		for m, err := range s.Read(ctx, "s.>", last) {
			if err != nil {
				t.Error(err)
				return
			}
			heard <- string(m.Data)
		}
	}()
	defer func() { stop(); <-ended }()

	port := srv.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it listens on TCP
	srv.Shutdown()
	srv.WaitForShutdown()
	begin(port)
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
