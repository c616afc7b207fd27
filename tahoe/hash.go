package tahoe

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Hash is the identity of an instance: SHA-256 over its kind, sub_type and canonical data.
type Hash [sha256.Size]byte

// ParseHash reads 64 hexadecimal digits.
func ParseHash(text string) (Hash, error) {
	var h Hash
	if len(text) != hex.EncodedLen(len(h)) {
		return Hash{}, fmt.Errorf("%w: %d characters instead of %d", ErrHash, len(text), hex.EncodedLen(len(h)))
	}
	if _, err := hex.Decode(h[:], []byte(text)); err != nil {
		return Hash{}, fmt.Errorf("%w: %q has a character that is no hexadecimal digit", ErrHash, text)
	}
	return h, nil
}

// String is the hash as 64 lower-case hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// IsZero tells whether h is the zero Hash, which belongs to no instance.
func (h Hash) IsZero() bool { return h == Hash{} }

// Compare orders hashes as their texts are ordered: -1, 0 or 1.
func (h Hash) Compare(other Hash) int { return bytes.Compare(h[:], other[:]) }

// MarshalText gives the 64 digits.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads the 64 digits.
func (h *Hash) UnmarshalText(text []byte) error {
	parsed, err := ParseHash(string(text))
	if err != nil {
		return err
	}
	*h = parsed
	return nil
}

// sum hashes the parts put one behind the other, which is what every identity is made of.
func sum(parts ...string) Hash {
	var room [256]byte
	image := room[:0]
	for _, p := range parts {
		image = append(image, p...)
	}
	return sha256.Sum256(image)
}
