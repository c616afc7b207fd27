package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"testing"
)

// writePair puts a certificate of its own into a folder, and its key.
func writePair(t *testing.T, l sourceLimits, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{l.cert: {Type: "CERTIFICATE", Bytes: cert}, l.key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCertificateOfSources(t *testing.T) {
	if c, err := (sourceLimits{}).tls(); c != nil || err != nil {
		t.Errorf("none: got %v, %v", c, err)
	}
	dir := t.TempDir()
	l := sourceLimits{cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
	var usage usageError
	if _, err := l.tls(); !errors.As(err, &usage) {
		t.Errorf("missing: got %v", err)
	}
	writePair(t, l, 1)
	c, err := l.tls()
	if err != nil {
		t.Fatal(err)
	}
	writePair(t, l, 2)
	served, err := c.GetCertificate(nil)
	if err != nil || served.Leaf.SerialNumber.Int64() != 2 {
		t.Errorf("renewed: got %v, %v", served.Leaf, err)
	}
}
