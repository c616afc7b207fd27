package bus

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/nats-io/nats.go"
)

// security makes the options of how we show who we are and look who the server is. Files are read anew for each connection.
func (c Config) security() ([]nats.Option, error) {
	var opts []nats.Option
	if c.TLS != nil {
		opts = append(opts, nats.Secure(c.TLS()), func(o *nats.Options) error {
			o.RootCAsCB = func() (*x509.CertPool, error) { return c.TLS().RootCAs, nil }
			if len(c.TLS().Certificates) > 0 {
				o.TLSCertCB = func() (tls.Certificate, error) { return c.TLS().Certificates[0], nil }
			}
			return nil
		})
	}
	if c.Creds == "" {
		return opts, nil
	}
	user, _, ok, err := readUser(c.Creds)
	switch {
	case err != nil:
		return nil, err
	case user == "" && ok:
		return nil, fmt.Errorf("%s has no user before its colon", c.Creds)
	case ok:
		return append(opts, nats.UserInfoHandler(func() (string, string) {
			user, password, _, err := readUser(c.Creds)
			if err != nil {
				return "", "" // nobody: the server says no, and is asked again
			}
			return user, password
		})), nil
	}
	return append(opts, nats.UserCredentials(c.Creds)), nil
}

// Certificate connects to the server of c.URL for a moment, and returns what it shows of itself now. Connections that are open may have seen another.
func (c Config) Certificate() (*x509.Certificate, error) {
	opts, err := c.security()
	if err != nil {
		return nil, err
	}
	nc, err := nats.Connect(c.URL, append(opts, nats.Name("cybexp"), nats.Timeout(connectTime))...)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	state, err := nc.TLSConnectionState()
	if err != nil {
		return nil, err
	}
	return state.PeerCertificates[0], nil
}

// readUser reads a file of one line, user:password. It is none if the file is of NATS's own kind.
func readUser(path string) (user, password string, ok bool, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", "", false, err
	}
	if bytes.Contains(text, []byte("-----BEGIN NATS USER JWT-----")) {
		return "", "", false, nil
	}
	name, secret, ok := bytes.Cut(bytes.TrimSpace(text), []byte(":"))
	if !ok || bytes.ContainsAny(name, "\n") || bytes.Contains(secret, []byte("\n")) {
		return "", "", false, fmt.Errorf("%s is neither a file of NATS credentials nor one line user:password", path)
	}
	return string(name), string(secret), true, nil
}
