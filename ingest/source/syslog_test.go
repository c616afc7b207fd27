package source_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/cybexp/cybexp/ingest/source"
)

// pacific is the zone of sources, received when their messages come.
var (
	pacific  = time.FixedZone("PST", -8*60*60)
	received = time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
)

func TestSyslogMessagesAreRead(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"RFC 5424": {
			"<165>1 2003-10-11T22:14:15.003Z host evntslog 111 ID47 [ex@32473 iut=\"3\" a=\"x\\\"y\"] \xef\xbb\xbfAn event",
			`{"facility":20,"severity":5,"timestamp":"2003-10-11T22:14:15.003Z","hostname":"host","appname":"evntslog","procid":"111","msgid":"ID47","structured_data":{"ex@32473":{"a":"x\"y","iut":"3"}},"message":"An event","peer":"10.0.0.1"}`,
		},
		"nothing but a version": {"<34>1 - - - - - -", `{"facility":4,"severity":2,"message":"","peer":"10.0.0.1"}`},
		"RFC 3164, last year, in the source's zone": {
			"<34>Oct 11 22:14:15 mymachine su: 'su root' failed",
			`{"facility":4,"severity":2,"timestamp":"2023-10-11T22:14:15-08:00","hostname":"mymachine","appname":"su","message":"'su root' failed","peer":"10.0.0.1"}`,
		},
		"RFC 3164 with a number and a short day": {
			"<34>Jan  1 22:14:15 10.1.1.1 sshd[17]: x",
			`{"facility":4,"severity":2,"timestamp":"2024-01-01T22:14:15-08:00","hostname":"10.1.1.1","appname":"sshd","procid":"17","message":"x","peer":"10.0.0.1"}`,
		},
		"a full stamp": {
			"<13>2024-01-02T03:04:05.123456789+01:00 host app: x",
			`{"facility":1,"severity":5,"timestamp":"2024-01-02T03:04:05.123456789+01:00","hostname":"host","appname":"app","message":"x","peer":"10.0.0.1"}`,
		},
		"no host":           {"<13>Jan  2 03:04:05 app[3]: x: y", `{"facility":1,"severity":5,"timestamp":"2024-01-02T03:04:05-08:00","appname":"app","procid":"3","message":"x: y","peer":"10.0.0.1"}`},
		"no stamp":          {"<13>app: x", `{"facility":1,"severity":5,"appname":"app","message":"x","peer":"10.0.0.1"}`},
		"no priority":       {"hello there", `{"message":"hello there","peer":"10.0.0.1"}`},
		"a wrong priority":  {"<192>hello", `{"message":"\u003c192\u003ehello","peer":"10.0.0.1"}`},
		"no such day":       {"<13>Feb 31 03:04:05 h a: x", `{"facility":1,"severity":5,"message":"Feb 31 03:04:05 h a: x","peer":"10.0.0.1"}`},
		"bytes of some set": {"<13>app: caf\xe9", `{"facility":1,"severity":5,"appname":"app","message":"café","encoding":"latin-1","peer":"10.0.0.1"}`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := string(source.ReadSyslog([]byte(c.text), "10.0.0.1", pacific, true, received)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestSyslogCarriesRecords(t *testing.T) {
	for text, want := range map[string]string{
		`<134>Jan  2 03:04:05 sensor suricata[12]: {"event_type": "dns"}`:      `{"event_type":"dns"}`,
		`<134>Jan  2 03:04:05 sensor suricata: @cee: {"a":1}`:                  `{"a":1}`,
		`<134>Jan  2 03:04:05 sensor @cee: {"a":1}`:                            `{"a":1}`,
		`<134>1 2024-01-02T03:04:05Z sensor suricata 12 - - {"a":1}`:           `{"a":1}`,
		`<134>1 2024-01-02T03:04:05.123456789Z sensor suricata 12 - - {"a":1}`: `{"a":1}`, // too exact for RFC 5424
		`<134>{"a":1}`:                  `{"a":1}`,
		`{"a":1}`:                       `{"a":1}`,
		`<13>app: http://evil.example/`: `http://evil.example/`,
		"<13>app: two\nlines":           `two lines`,
	} {
		if got := string(source.ReadSyslog([]byte(text), "", pacific, false, received)); got != want {
			t.Errorf("%s carries %s, want %s", text, got, want)
		}
	}
}

// frames reads all messages of a stream, and how it ends.
func frames(r io.Reader) (all []string, err error) {
	for next := source.Frames(r); ; {
		message, err := next()
		if err != nil {
			return all, err
		}
		all = append(all, string(message))
	}
}

func TestSyslogFraming(t *testing.T) {
	long := strings.Repeat("x", 1<<20+1)
	for name, c := range map[string]struct {
		text, want string
		end        error
	}{
		"lines":               {"<1>a\n<1>b\r\n\n<1>c", "<1>a|<1>b|<1>c", io.EOF},
		"counted":             {"4 <1>a5 <1>bc", "<1>a|<1>bc", io.EOF},
		"a counted new line":  {"6 <1>a\nb4 <1>c", "<1>a\nb|<1>c", io.EOF},
		"mixed":               {"4 <1>a\n<1>b\n4 <1>c\n", "<1>a|<1>b|<1>c", io.EOF},
		"nothing":             {"", "", io.EOF},
		"a length, cut":       {"4 <1>a17", "<1>a", io.ErrUnexpectedEOF},
		"a message, cut":      {"4 <1>a17 <1>b", "<1>a", io.ErrUnexpectedEOF},
		"no length":           {"4 <1>a1x <1>b", "<1>a", nil},
		"an endless length":   {strings.Repeat("9", 40), "", nil},
		"a line too long":     {"<1>a\n<1>" + long + "\n<1>b\n", "<1>a|<1>b", io.EOF},
		"a message too long":  {fmt.Sprintf("4 <1>a%d %s4 <1>b", len(long), long), "<1>a|<1>b", io.EOF},
		"a promise too large": {"99999999 <1>a", "", io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			for how, r := range map[string]io.Reader{"at once": strings.NewReader(c.text), "byte by byte": iotest.OneByteReader(strings.NewReader(c.text))} {
				got, err := frames(r)
				if text := strings.Join(got, "|"); text != c.want {
					t.Errorf("%s: got %.100q, want %.100q", how, text, c.want)
				}
				if c.end != nil && !errors.Is(err, c.end) || c.end == nil && (err == nil || errors.Is(err, io.EOF)) {
					t.Errorf("%s: it ends with %v, want %v", how, err, c.end)
				}
			}
		})
	}
}

// listen starts a syslog source and tells where it listens.
func listen(t *testing.T, network string, tune ...func(*source.Config)) (*rig, *source.Service, source.Source, func(), string) {
	t.Helper()
	r := newRig(t)
	s := r.service(tune...)
	src := r.add(s, source.Source{Kind: source.Syslog, Settings: source.Settings{Listen: network + ":0"}}, "")
	stop := r.start(s.Run)
	var address string
	eventually(t, "it listens", func() bool {
		_, address, _ = strings.Cut(r.status(s, src).Address, ":")
		return address != ""
	})
	return r, s, src, stop, address
}

func TestSyslogOverUDP(t *testing.T) {
	r, s, src, stop, address := listen(t, "udp")
	conn := must(net.Dial("udp", address))(t)
	defer conn.Close()
	for _, text := range []string{"<13>app: {\"n\":1}\n", "<13>1 - - - - - - {\"n\":2}", "", "{\"n\": 3}"} {
		_ = must(conn.Write([]byte(text)))(t)
	}
	r.await(`{"n":1}`, `{"n":2}`, `{"n":3}`)
	stop()
	r.took(s, src, 3)
}

// TestSyslogOverTCP has senders that count, that end lines, that break off, and that talk nonsense; none harms another.
func TestSyslogOverTCP(t *testing.T) {
	r, s, src, stop, address := listen(t, "tcp")
	send := func(text string) {
		conn := must(net.Dial("tcp", address))(t)
		_ = must(conn.Write([]byte(text)))(t)
		check(t, conn.Close())
	}
	stays := must(net.Dial("tcp", address))(t)
	defer stays.Close()
	_ = must(stays.Write([]byte("<13>app: {\"n\":1}\n<13>app: {\"n\":")))(t)
	send("16 <13>app: {\"n\":2}16 <13>app: {\"n\":3}17 <13>ap")
	send("123abc")
	send("<13>app: {\"n\":4}")
	_ = must(stays.Write([]byte("5}\n")))(t)
	r.await(`{"n":1}`, `{"n":2}`, `{"n":3}`, `{"n":4}`, `{"n":5}`)
	stop()
	r.took(s, src, 5)
}

// TestSyslogOverTLS has a sender that shakes hands as RFC 5425 wants it, and one that does not.
func TestSyslogOverTLS(t *testing.T) {
	ca := httptest.NewTLSServer(nil) // lends its certificate
	defer ca.Close()
	r, s, src, stop, address := listen(t, "tls", func(c *source.Config) { c.TLS = ca.TLS })
	plain := must(net.Dial("tcp", address))(t)
	_ = must(plain.Write([]byte("<13>app: {\"n\":0}\n")))(t)
	check(t, plain.Close())
	roots := x509.NewCertPool()
	roots.AddCert(ca.Certificate())
	conn := must(tls.Dial("tcp", address, &tls.Config{RootCAs: roots, ServerName: "example.com"}))(t)
	_ = must(conn.Write([]byte("16 <13>app: {\"n\":1}16 <13>app: {\"n\":2}")))(t)
	check(t, conn.Close())
	r.await(`{"n":1}`, `{"n":2}`)
	stop()
	r.took(s, src, 2)
}

func TestSyslogOverTLSNeedsACertificate(t *testing.T) {
	r := newRig(t)
	s := r.service()
	src := r.add(s, source.Source{Kind: source.Syslog, Settings: source.Settings{Listen: "tls:0"}}, "")
	r.start(s.Run)
	eventually(t, "it is told", func() bool { return strings.Contains(r.status(s, src).Error, "no certificate") })
}

// TestSyslogIsHandedOnAtTheEnd stops the source while records wait for others.
func TestSyslogIsHandedOnAtTheEnd(t *testing.T) {
	r := newRig(t)
	s := r.service(func(c *source.Config) { c.BatchDelay = time.Hour })
	src := r.add(s, source.Source{Kind: source.Syslog, Settings: source.Settings{Listen: "tcp:0"}}, "")
	stop := r.start(s.Run)
	var address string
	eventually(t, "it listens", func() bool {
		_, address, _ = strings.Cut(r.status(s, src).Address, ":")
		return address != ""
	})
	conn := must(net.Dial("tcp", address))(t).(*net.TCPConn)
	defer conn.Close()
	_ = must(conn.Write([]byte("<13>app: one\n")))(t)
	check(t, conn.CloseWrite())
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatalf("the listener ends with %v", err)
	}
	stop()
	r.await("one")
	r.took(s, src, 1)
}

func FuzzSyslog(f *testing.F) {
	for _, seed := range []string{
		"<34>1 2003-10-11T22:14:15.003Z host su - ID47 [a b=\"c\"] x", "<34>Oct 11 22:14:15 h su[1]: x\n<13>y", "17 <13>app: {\"n\":2}4 <1>a",
		"@cee: {\"a\":1}", "<191>", "<", "99999999999999999999 x", "1 ", "<13>app: caf\xe9\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		size := 0
		next := source.Frames(strings.NewReader(string(stream)))
		for {
			message, err := next()
			if err != nil {
				break
			}
			if size += len(message); len(message) == 0 || size > len(stream) {
				t.Fatalf("%d bytes of messages from %d bytes", size, len(stream))
			}
			whole := source.ReadSyslog(message, "10.0.0.1", pacific, true, received)
			if !jsonObject(whole) || strings.Contains(string(whole), "\n") {
				t.Fatalf("%q became %s", message, whole)
			}
			if strings.Contains(string(source.ReadSyslog(message, "", pacific, false, received)), "\n") {
				t.Fatalf("what %q carries is more than a line", message)
			}
		}
	})
}
