package bus_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/cybexp/cybexp/bus"
)

func TestSignalReachesThoseWhoListen(t *testing.T) {
	b := open(t, t.TempDir())
	if err := b.Notify("cancel.1", []byte("nobody hears")); err != nil {
		t.Fatal(err)
	}
	one, two := b.Listen(t.Context(), "cancel.*"), b.Listen(t.Context(), "cancel.1")
	if err := b.Notify("cancel.1", []byte("now")); err != nil {
		t.Fatal(err)
	}
	for _, seq := range []func(func(bus.Message, error) bool){one, two} {
		for m, err := range seq {
			if err != nil || m.Subject != "cancel.1" || string(m.Data) != "now" {
				t.Errorf("got %+v, %v", m, err)
			}
			break
		}
	}
}

func TestListenEnds(t *testing.T) {
	b := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	seq := b.Listen(ctx, "x")
	cancel()
	for m, err := range seq {
		t.Errorf("got %+v, %v", m, err)
	}
	seq = b.Listen(t.Context(), "x")
	_ = b.Close()
	var last error
	for _, err := range seq {
		last = err
	}
	if !errors.Is(last, bus.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", last)
	}
}

// TestRemote runs two processes' worth of buses on one server.
func TestRemote(t *testing.T) {
	srv, err := server.NewServer(&server.Options{StoreDir: t.TempDir(), JetStream: true, Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("server not ready")
	}
	var buses [2]*bus.Bus
	for i := range buses {
		if buses[i], err = bus.Open(t.Context(), bus.Config{URL: srv.ClientURL(), Logger: quiet(t)}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = buses[i].Close() })
	}
	got := make(chan string, 1)
	consume(t, queue(t, buses[1]), bus.ConsumerConfig{Name: "w"}, func(_ context.Context, m bus.Message) error {
		got <- string(m.Data)
		return nil
	})
	publish(t, queue(t, buses[0]), "q.a", "over the wire")
	if v := within(t, got); v != "over the wire" {
		t.Errorf("got %q", v)
	}
	if _, err := bus.Open(t.Context(), bus.Config{URL: "nats://127.0.0.1:1"}); err == nil {
		t.Error("no error where no server is")
	} else if s := fmt.Sprint(err); s == "" {
		t.Error("an error without text")
	}
}
