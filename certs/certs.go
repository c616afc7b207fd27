// Package certs makes TLS configurations of PEM files that may be renewed at any time: each new connection has what is on disk when
// it begins, and those that are open go on. Files that do not fit each other, as in the middle of a renewal, change nothing.
//
//	server, err := certs.Server{Cert: "tls.crt", Key: "tls.key", ClientCA: "ca.crt"}.Load(log)
//	listener = tls.NewListener(listener, server)
package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

var errPair = errors.New("a certificate and its key go together")

// Server names the PEM files of a port. None at all is a port without TLS.
type Server struct {
	Cert, Key string // certificate, with what stands between it and its CA, and private key
	ClientCA  string // CAs; who connects must have a certificate of one of them
}

// Load reads the files and returns how the port speaks TLS; nil if no file is named.
func (s Server) Load(log *slog.Logger) (*tls.Config, error) {
	switch {
	case s.Cert == "" && s.Key == "" && s.ClientCA == "":
		return nil, nil //nolint:nilnil // none is no error
	case s.Cert == "" && s.Key == "":
		return nil, errors.New("certificates of clients are asked for on a port that has none itself")
	case s.Cert == "" || s.Key == "":
		return nil, errPair
	}
	f := &files{paths: named(s.Cert, s.Key, s.ClientCA), log: log, read: s.read}
	if err := f.load(); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return f.config(), nil },
	}, nil
}

func (s Server) read() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	var err error
	if c.Certificates, err = readPair(s.Cert, s.Key); err != nil {
		return nil, err
	}
	if s.ClientCA != "" {
		c.ClientAuth = tls.RequireAndVerifyClientCert
		c.ClientCAs, err = readCAs(s.ClientCA)
	}
	return c, err
}

// Client names the PEM files with which a server is spoken to. Each may be empty.
type Client struct {
	CA        string // CAs of the server; without it, those of the system
	Cert, Key string // what a server is shown that asks who connects
}

// Load reads the files. What it returns tells, for each connection anew, how to speak TLS, and never fails; it is nil if no file is named.
func (c Client) Load(log *slog.Logger) (func() *tls.Config, error) {
	if c == (Client{}) {
		return nil, nil
	}
	if (c.Cert == "") != (c.Key == "") {
		return nil, errPair
	}
	f := &files{paths: named(c.CA, c.Cert, c.Key), log: log, read: c.read}
	if err := f.load(); err != nil {
		return nil, err
	}
	return func() *tls.Config { return f.config().Clone() }, nil
}

func (c Client) read() (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	var err error
	if c.CA != "" {
		if t.RootCAs, err = readCAs(c.CA); err != nil {
			return nil, err
		}
	}
	if c.Cert != "" {
		t.Certificates, err = readPair(c.Cert, c.Key)
	}
	return t, err
}

func named(paths ...string) (list []string) {
	for _, p := range paths {
		if p != "" {
			list = append(list, p)
		}
	}
	return list
}

func readPair(cert, key string) ([]tls.Certificate, error) {
	shown, err := readPEM(cert)
	if err != nil {
		return nil, err
	}
	secret, err := readPEM(key)
	if err != nil {
		return nil, err
	}
	c, err := tls.X509KeyPair(shown, secret)
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", cert, key, err)
	}
	return []tls.Certificate{c}, nil
}

// readPEM reads a file, and refuses one that is cut: what is left of it may be valid, and have fewer CAs.
func readPEM(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	begun, whole := bytes.Count(text, []byte("-----BEGIN ")), 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		whole++
	}
	if whole < begun {
		return nil, fmt.Errorf("%s is cut: %d of its %d parts are whole", path, whole, begun)
	}
	return text, nil
}

// Life is from when to when the certificate of a PEM file is valid: the first in it, which is its holder's own.
func Life(path string) (begin, end time.Time, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return begin, end, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return begin, end, fmt.Errorf("%s does not begin with a certificate in PEM", path)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return begin, end, fmt.Errorf("%s: %w", path, err)
	}
	return c.NotBefore, c.NotAfter, nil
}

func readCAs(path string) (*x509.CertPool, error) {
	text, err := readPEM(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no certificate in PEM", path)
	}
	return pool, nil
}

// files is a configuration and the files that it was made of.
type files struct {
	paths []string
	read  func() (*tls.Config, error)
	log   *slog.Logger

	mu      sync.Mutex
	current *tls.Config
	stamps  []stamp // of what was read last, or found wrong
}

// stamp tells one state of a file from another.
type stamp struct {
	info    os.FileInfo // tells whether it is the same file, since a renewal may rename another into its place
	changed time.Time
	size    int64
}

func (s stamp) same(o stamp) bool {
	return s.size == o.size && s.changed.Equal(o.changed) && os.SameFile(s.info, o.info)
}

func (f *files) load() error {
	stamps, err := f.look()
	if err != nil {
		return err
	}
	f.stamps = stamps
	f.current, err = f.read()
	return err
}

// config returns what the files say, or said when they were last right.
func (f *files) config() *tls.Config {
	f.mu.Lock()
	defer f.mu.Unlock()
	stamps, err := f.look()
	if err == nil && sameStamps(stamps, f.stamps) || err != nil && f.stamps == nil {
		return f.current // nothing new, or told already
	}
	f.stamps = stamps // those of what is about to be read: a change meanwhile shows next time
	var next *tls.Config
	if err == nil {
		next, err = f.read()
	}
	if err != nil {
		f.log.Warn("certificates on disk are not used, those before are", "err", err)
		return f.current
	}
	f.current = next
	f.tell()
	return next
}

func (f *files) tell() {
	args := []any{"files", f.paths}
	if len(f.current.Certificates) > 0 {
		args = append(args, "expires", f.current.Certificates[0].Leaf.NotAfter)
	}
	f.log.Info("certificates renewed", args...)
}

func (f *files) look() ([]stamp, error) {
	stamps := make([]stamp, len(f.paths))
	for i, path := range f.paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		stamps[i] = stamp{info, info.ModTime(), info.Size()}
	}
	return stamps, nil
}

func sameStamps(a, b []stamp) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !a[i].same(b[i]) {
			return false
		}
	}
	return true
}
