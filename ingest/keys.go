package ingest

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cybexp/cybexp/ingest/envelope"
)

// Keys seal and open the lake. A process that only accepts has no private key.
type Keys struct {
	Public  *rsa.PublicKey
	Private *rsa.PrivateKey
}

const keyBits = 2048

// LoadOrCreateKeys reads dir/priv.pem and dir/pub.pem. If both are missing it makes them, the private one for its owner only; if only
// the private one is missing, the keys can seal and not open. Processes that start together get the same keys.
func LoadOrCreateKeys(dir string) (Keys, error) {
	priv, pub := filepath.Join(dir, "priv.pem"), filepath.Join(dir, "pub.pem")
	if missing(priv) && missing(pub) {
		if err := createPrivate(dir, priv); err != nil {
			return Keys{}, fmt.Errorf("make sealing keys: %w", err)
		}
	}
	if missing(priv) {
		public, err := envelope.ReadPublic(pub)
		return Keys{Public: public}, err
	}
	private, err := envelope.ReadPrivate(priv)
	if err != nil {
		return Keys{}, err
	}
	if missing(pub) {
		if err := place(dir, pub, func(path string) error { return envelope.WritePublic(path, &private.PublicKey) }); err != nil {
			return Keys{}, fmt.Errorf("write public key: %w", err)
		}
	}
	public, err := envelope.ReadPublic(pub)
	if err != nil {
		return Keys{}, err
	}
	if !public.Equal(&private.PublicKey) {
		return Keys{}, fmt.Errorf("%s and %s are not of one pair", priv, pub)
	}
	return Keys{Public: public, Private: private}, nil
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

func createPrivate(dir, path string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	key, err := envelope.GenerateKey(keyBits)
	if err != nil {
		return err
	}
	return place(dir, path, func(path string) error { return envelope.WritePrivate(path, key) })
}

// place writes a file beside its place and links it there, so that nobody sees half of it. One that is there already stays.
func place(dir, path string, write func(path string) error) error {
	beside, err := os.MkdirTemp(dir, ".key-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(beside)
	whole := filepath.Join(beside, "key")
	if err := write(whole); err != nil {
		return err
	}
	if err := os.Link(whole, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
