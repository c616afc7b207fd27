package source

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// Bounds of a listener.
const (
	syslogBurst   = 8192             // datagrams that wait for the intake
	syslogQueue   = 64               // messages of connections that wait: their senders can
	syslogSenders = 256              // connections at a time
	syslogIdle    = 10 * time.Minute // after which a silent one is closed
	udpBuffer     = 8 << 20          // bytes that the system is asked to keep of what comes in bursts
)

// syslogListener takes messages of many senders.
type syslogListener struct {
	*outlet

	zone    *time.Location
	records chan []byte
}

// listenSyslog takes messages until ctx ends.
func (o *outlet) listenSyslog(ctx context.Context) error {
	if o.svc.Listen == "" {
		return errors.New("this server listens to no syslog: --sources-listen allows it")
	}
	zone, err := time.LoadLocation(o.src.Timezone)
	if err != nil {
		return fmt.Errorf("load zone: %w", err)
	}
	l := &syslogListener{outlet: o, zone: zone}
	network, _, _ := strings.Cut(o.src.Listen, ":")
	_, address := o.src.Address(o.svc.Listen)
	switch {
	case network == "udp":
		l.records = make(chan []byte, syslogBurst)
		return l.packets(ctx, address)
	case network == "tls" && o.svc.TLS == nil:
		return errors.New("this server has no certificate for syslog over TLS: --sources-cert and --sources-key name one")
	}
	l.records = make(chan []byte, syslogQueue)
	return l.streams(ctx, network, address)
}

func (l *syslogListener) listening(network string, at net.Addr) {
	text := network + ":" + at.String()
	l.bound.Store(&text)
}

// packets takes datagrams, each of which is a message. When they come faster than the intake takes them, some are dropped, and counted.
func (l *syslogListener) packets(ctx context.Context, address string) error {
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(ctx, "udp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if udp, ok := conn.(*net.UDPConn); ok {
		_ = udp.SetReadBuffer(udpBuffer) // what the system allows of it
	}
	l.listening("udp", conn.LocalAddr())
	group, gctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(gctx, func() { _ = conn.Close() })
	defer stop()
	group.Go(func() error { return l.pump(gctx, l.records) })
	group.Go(func() error { return l.readPackets(gctx, conn) })
	return group.Wait()
}

func (l *syslogListener) readPackets(ctx context.Context, conn net.PacketConn) error {
	reader := newSyslogReader(l.zone, l.src.Typetag == "syslog")
	buffer := make([]byte, 64<<10)
	for {
		n, from, err := conn.ReadFrom(buffer)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("read datagram: %w", err)
		}
		text := []byte(strings.Trim(string(buffer[:n]), "\x00\r\n \t"))
		if len(text) == 0 {
			continue
		}
		select {
		case l.records <- reader.record(text, hostOf(from), l.svc.Now()):
		default:
			l.dropped.Add(1)
		}
	}
}

func hostOf(addr net.Addr) string {
	host, _, err := net.SplitHostPort(addr.String())
	if err != nil {
		return ""
	}
	return host
}

// streams takes connections, plain or of RFC 5425. When messages come faster than the intake takes them, their senders have to wait.
func (l *syslogListener) streams(ctx context.Context, network, address string) error {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer listener.Close()
	l.listening(network, listener.Addr())
	if network == "tls" {
		listener = tls.NewListener(listener, l.svc.TLS) // shakes hands when a sender is first read
	}
	group, gctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(gctx, func() { _ = listener.Close() })
	defer stop()
	group.Go(func() error { return l.pump(gctx, l.records) })
	group.Go(func() error {
		senders, sctx := errgroup.WithContext(gctx)
		senders.SetLimit(syslogSenders)
		err := l.accept(sctx, listener, senders)
		return errors.Join(err, senders.Wait())
	})
	return group.Wait()
}

func (l *syslogListener) accept(ctx context.Context, listener net.Listener, senders *errgroup.Group) error {
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = conn.Close()
			}
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("accept sender: %w", err)
		}
		if !senders.TryGo(func() error { l.serve(ctx, conn); return nil }) {
			l.log.Warn("too many senders of syslog", "limit", syslogSenders)
			_ = conn.Close()
		}
	}
}

// serve reads the messages of one sender. What is wrong with one is no matter to others.
func (l *syslogListener) serve(ctx context.Context, conn net.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer conn.Close()
	reader, frames := newSyslogReader(l.zone, l.src.Typetag == "syslog"), newFramer(conn)
	for {
		_ = conn.SetReadDeadline(time.Now().Add(syslogIdle)) // fails with the connection, as the read does
		text, err := frames.next()
		l.dropped.Add(int64(frames.tooLarge))
		frames.tooLarge = 0
		if err != nil {
			if !errors.Is(err, io.EOF) && ctx.Err() == nil {
				l.dropped.Add(1)
				l.log.Debug("sender of syslog broke off", "err", clean(err, ""))
			}
			return
		}
		select {
		case l.records <- reader.record(text, hostOf(conn.RemoteAddr()), l.svc.Now()):
		case <-ctx.Done():
			return
		}
	}
}
