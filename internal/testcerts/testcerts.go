// Package testcerts gives tests an authority of their own that issues certificates. It is for tests only.
package testcerts

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority signs certificates, for this machine, and puts them into a folder as PEM.
type Authority struct {
	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	next int64
}

// New makes an authority, whose own certificate is ca.crt of its folder.
func New(t testing.TB) *Authority {
	t.Helper()
	ca := &Authority{t: t, dir: t.TempDir()}
	ca.key = ca.newKey()
	tmpl := ca.template("ca")
	tmpl.IsCA, tmpl.BasicConstraintsValid, tmpl.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &ca.key.PublicKey, ca.key)
	if err != nil {
		t.Fatal(err)
	}
	if ca.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	ca.write("ca.crt", "CERTIFICATE", der)
	return ca
}

// Path is that of a file of the authority's folder: ca.crt, or NAME.crt and NAME.key of what was issued.
func (ca *Authority) Path(name string) string { return filepath.Join(ca.dir, name) }

// Issue writes NAME.crt and NAME.key, valid for an hour for localhost and 127.0.0.1, in place of what is there.
func (ca *Authority) Issue(name, subject string) {
	ca.t.Helper()
	ca.IssueUntil(name, subject, time.Now().Add(time.Hour))
}

// IssueUntil is Issue with another end; the certificate is valid since an hour ago.
func (ca *Authority) IssueUntil(name, subject string, end time.Time) {
	ca.t.Helper()
	key, tmpl := ca.newKey(), ca.template(subject)
	tmpl.NotAfter = end
	der, err := x509.CreateCertificate(rand.Reader, tmpl, ca.cert, &key.PublicKey, ca.key)
	if err != nil {
		ca.t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		ca.t.Fatal(err)
	}
	ca.write(name+".crt", "CERTIFICATE", der)
	ca.write(name+".key", "PRIVATE KEY", keyDER)
}

func (ca *Authority) newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		ca.t.Fatal(err)
	}
	return key
}

func (ca *Authority) template(subject string) *x509.Certificate {
	ca.next++
	return &x509.Certificate{
		SerialNumber: big.NewInt(ca.next), Subject: pkix.Name{CommonName: subject},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
}

// write puts another file into the place of what is there, as renewals do, so that no two states share a stamp.
func (ca *Authority) write(name, kind string, der []byte) {
	path := ca.Path(name)
	if err := os.WriteFile(path+".new", pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		ca.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		ca.t.Fatal(err)
	}
}
