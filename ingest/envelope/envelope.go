// Package envelope seals uploads for the lake, so that only the archive can read them, and opens them. An envelope is
//
//	RSA-OAEP(key) ‖ 16-byte nonce ‖ 16-byte tag ‖ AES-256-EAX ciphertext
//
// with a fresh 32-byte key each, OAEP over SHA-1 with MGF1-SHA-1 and an empty label, and no associated data: the format of the
// original Cybex-P, whose blobs it opens. The package knows nothing of where envelopes and keys are kept.
//
//	sealed, err := envelope.Seal(&key.PublicKey, plain)
//	plain, err := envelope.Open(key, sealed)
package envelope

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // OAEP over SHA-1 is the wire format, and sound: OAEP needs no collision resistance
	"errors"
	"fmt"

	"github.com/ProtonMail/go-crypto/eax"
)

const (
	keySize   = 32
	nonceSize = 16
	tagSize   = 16
)

// ErrSealed is an envelope that this key does not open: cut short, changed, or sealed for another key. It does not tell which.
var ErrSealed = errors.New("envelope is damaged or not for this key")

// Overhead is how many bytes longer an envelope is than its content.
func Overhead(pub *rsa.PublicKey) int { return pub.Size() + nonceSize + tagSize }

// Seal seals plain, which may be empty, for the owner of the private key.
func Seal(pub *rsa.PublicKey, plain []byte) ([]byte, error) {
	var secret [keySize + nonceSize]byte
	_, _ = rand.Read(secret[:]) // never fails: crypto/rand ends the program rather than return an error
	key, nonce := secret[:keySize], secret[keySize:]
	locked, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, pub, key, nil) //nolint:gosec // see the import
	if err != nil {
		return nil, fmt.Errorf("seal key: %w", err)
	}
	mode, err := newEAX(key)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	head := len(locked) + nonceSize + tagSize
	sealed := make([]byte, head, head+len(plain)+tagSize)
	copy(sealed, locked)
	copy(sealed[len(locked):], nonce)
	sealed = mode.Seal(sealed, nonce, plain, nil) // ciphertext, then tag
	end := len(sealed) - tagSize
	copy(sealed[head-tagSize:], sealed[end:])
	return sealed[:end], nil
}

// Open gives what was sealed, or ErrSealed. It leaves sealed as it is.
func Open(priv *rsa.PrivateKey, sealed []byte) ([]byte, error) {
	size := priv.Size()
	if len(sealed) < Overhead(&priv.PublicKey) {
		return nil, fmt.Errorf("%w: %d bytes are fewer than an empty one has", ErrSealed, len(sealed))
	}
	key, err := rsa.DecryptOAEP(sha1.New(), nil, priv, sealed[:size], nil) //nolint:gosec // see the import
	if err != nil || len(key) != keySize {
		return nil, ErrSealed
	}
	mode, err := newEAX(key)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	nonce, rest := sealed[size:size+nonceSize], sealed[size+nonceSize:]
	turned := make([]byte, 0, len(rest))
	turned = append(turned, rest[tagSize:]...)
	turned = append(turned, rest[:tagSize]...)
	plain, err := mode.Open(nil, nonce, turned, nil)
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

func newEAX(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return eax.NewEAXWithNonceAndTagSize(block, nonceSize, tagSize)
}
