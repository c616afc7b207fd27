package envelope

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
)

// MinBits is the smallest key that GenerateKey makes.
const MinBits = 2048

// ErrKey is a file that holds no usable RSA key.
var ErrKey = errors.New("no usable RSA key")

// GenerateKey makes a private key of that many bits, at least MinBits.
func GenerateKey(bits int) (*rsa.PrivateKey, error) {
	if bits < MinBits {
		return nil, fmt.Errorf("%w: %d bits are fewer than %d", ErrKey, bits, MinBits)
	}
	return rsa.GenerateKey(rand.Reader, bits)
}

// WritePrivate writes the key to a new file that only its owner may read. It does not overwrite.
func WritePrivate(path string, key *rsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("private key: %w", err)
	}
	return write(path, 0o600, &pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// WritePublic writes the key to a new file that everybody may read. It does not overwrite.
func WritePublic(path string, key *rsa.PublicKey) error {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return fmt.Errorf("public key: %w", err)
	}
	return write(path, 0o644, &pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// write leaves nothing behind unless the block is on disk.
func write(path string, mode os.FileMode, block *pem.Block) (err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	defer func() {
		if err = errors.Join(err, file.Close()); err != nil {
			err = errors.Join(fmt.Errorf("write key: %w", err), os.Remove(path))
		}
	}()
	if err := pem.Encode(file, block); err != nil {
		return err
	}
	return file.Sync()
}

// ReadPrivate reads a PEM file with a private key, PKCS #1 or PKCS #8.
func ReadPrivate(path string) (*rsa.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read private key: %w", err)
	}
	key, err := ParsePrivate(text)
	if err != nil {
		return nil, fmt.Errorf("read private key %s: %w", path, err)
	}
	return key, nil
}

// ReadPublic reads a PEM file with a public key, PKIX or PKCS #1, or with a private key, whose public half it gives.
func ReadPublic(path string) (*rsa.PublicKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	key, err := ParsePublic(text)
	if err != nil {
		return nil, fmt.Errorf("read public key %s: %w", path, err)
	}
	return key, nil
}

// ParsePrivate reads a private key in PEM, PKCS #1 or PKCS #8.
func ParsePrivate(text []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%w: not PEM", ErrKey)
	}
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("%w: %s instead of PRIVATE KEY", ErrKey, block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%w: a %T", ErrKey, key)
	}
	return private, nil
}

// ParsePublic reads a public key in PEM, PKIX or PKCS #1, or the public half of a private one.
func ParsePublic(text []byte) (*rsa.PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%w: not PEM", ErrKey)
	}
	var key any
	var err error
	switch block.Type {
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	default:
		private, err := ParsePrivate(text)
		if err != nil {
			return nil, err
		}
		return &private.PublicKey, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	public, ok := key.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%w: a %T", ErrKey, key)
	}
	return public, nil
}
