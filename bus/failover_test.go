package bus_test

import (
	"net"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/cybexp/cybexp/bus"
)

// TestWhatIsInMemoryComesAgain starts a server again, which has forgotten what was in its memory: it can be used as before, empty.
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
	publish(t, s, "s.a", "one", "two")

	port := srv.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it listens on TCP
	srv.Shutdown()
	srv.WaitForShutdown()
	begin(port)
	if last := publish(t, s, "s.a", "three"); last != 1 {
		t.Errorf("the message has number %d, want the first of a new stream", last)
	}
	if _, err := k.Put(t.Context(), "key", []byte("value")); err != nil {
		t.Error(err)
	}
	if e, err := k.Get(t.Context(), "key"); err != nil || string(e.Value) != "value" {
		t.Errorf("got %q, %v", e.Value, err)
	}
}
