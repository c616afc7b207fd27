package private

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tink-crypto/tink-go/v2/daead/subtle"
)

// Parse reads secrets: one of 128 hexadecimal digits a line, the newest first. Empty lines and those that begin with # are left out.
func Parse(text []byte) (Secrets, error) {
	var secrets Secrets
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, err := hex.DecodeString(line)
		if err != nil || len(key) != keyBytes {
			return nil, fmt.Errorf("line %d is not a secret of %d hexadecimal digits", n, 2*keyBytes) // and is not shown
		}
		siv, err := subtle.NewAESSIV(key)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		secrets = append(secrets, siv)
	}
	if len(secrets) == 0 {
		return nil, errors.New("there is no secret in it")
	}
	return secrets, nil
}

// Read reads a file of secrets, which nobody but its owner may be able to read.
func Read(path string) (Secrets, error) {
	if err := ownersOnly(path); err != nil {
		return nil, fmt.Errorf("read secret: %w", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read secret: %w", err)
	}
	secrets, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("read secret: %s: %w", path, err)
	}
	return secrets, nil
}

// Add puts a new secret before those of a file, or makes the file, mode 0600, and tells how many there are then.
func Add(path string) (int, error) {
	var old []byte
	switch _, err := Read(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return 0, err
	default:
		if old, err = os.ReadFile(path); err != nil {
			return 0, fmt.Errorf("read secret: %w", err)
		}
	}
	key := make([]byte, keyBytes)
	_, _ = rand.Read(key) // never fails
	text := append([]byte(hex.EncodeToString(key)+"\n"), old...)
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // 0600
	if err != nil {
		return 0, fmt.Errorf("write secret: %w", err)
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return 0, errors.Join(fmt.Errorf("write secret: %w", err), os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return 0, fmt.Errorf("write secret: %w", err)
	}
	secrets, err := Parse(bytes.TrimSpace(text))
	return len(secrets), err
}
