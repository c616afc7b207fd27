package ingest

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cybexp/cybexp/ingest/envelope"
)

// Keys are the keys of a folder: priv.pem and pub.pem are its first pair, priv-2.pem and pub-2.pem its second. The newest seals, all of
// them open. A process that only accepts has no private keys. Keys may be used concurrently; a pair that comes into the folder while a
// process runs is taken into use.
type Keys struct {
	dir string

	mu      sync.Mutex
	changed time.Time // of the folder, when it was read
	looked  time.Time
	public  *rsa.PublicKey    // the newest
	private []*rsa.PrivateKey // the newest first
}

const (
	keyBits  = 2048
	keysLook = 5 * time.Second // how often the folder is looked at before sealing
)

// LoadOrCreateKeys reads the keys of a folder. If there are none it makes a pair, the private key for its owner only; where only private
// keys are missing, the keys can seal and not open. Processes that start together get the same keys.
func LoadOrCreateKeys(dir string) (*Keys, error) {
	k := &Keys{dir: dir}
	names, err := keyNumbers(dir)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		if err := createPrivate(dir, 1); err != nil {
			return nil, fmt.Errorf("make sealing keys: %w", err)
		}
	}
	return k, k.load()
}

// RotateKeys adds a pair to a folder, which seals from then on, and tells how many pairs there are. The others go on opening.
func RotateKeys(dir string) (pairs int, err error) {
	if _, err := LoadOrCreateKeys(dir); err != nil {
		return 0, err
	}
	numbers, err := keyNumbers(dir)
	if err != nil {
		return 0, err
	}
	if err := createPrivate(dir, numbers[0]+1); err != nil {
		return 0, fmt.Errorf("make sealing keys: %w", err)
	}
	if _, err := LoadOrCreateKeys(dir); err != nil {
		return 0, err
	}
	return len(numbers) + 1, nil
}

// CanOpen tells whether there is a private key.
func (k *Keys) CanOpen() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.private) > 0
}

// Seal seals plain with the newest key.
func (k *Keys) Seal(plain []byte) ([]byte, error) {
	k.mu.Lock()
	if now := time.Now(); now.Sub(k.looked) > keysLook {
		k.looked = now
		_ = k.reload() // a folder that cannot be read now leaves the keys as they are
	}
	public := k.public
	k.mu.Unlock()
	return envelope.Seal(public, plain)
}

// Open opens an envelope with whichever key fits; else its error is envelope.ErrSealed.
func (k *Keys) Open(sealed []byte) ([]byte, error) {
	k.mu.Lock()
	before := k.private
	k.mu.Unlock()
	plain, err := openWith(before, sealed)
	if !errors.Is(err, envelope.ErrSealed) {
		return plain, err
	}
	k.mu.Lock()
	_ = k.reload() // the key may be newer than we are
	after := k.private
	k.mu.Unlock()
	if len(after) == len(before) {
		return nil, err
	}
	return openWith(after, sealed)
}

func openWith(keys []*rsa.PrivateKey, sealed []byte) ([]byte, error) {
	for _, key := range keys {
		plain, err := envelope.Open(key, sealed)
		if !errors.Is(err, envelope.ErrSealed) {
			return plain, err
		}
	}
	return nil, envelope.ErrSealed
}

// load reads the folder. Private keys that lack their public half get it.
func (k *Keys) load() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.reload()
}

// reload is load if the folder has changed. The caller holds mu.
func (k *Keys) reload() error {
	info, err := os.Stat(k.dir)
	if err != nil {
		return fmt.Errorf("read keys: %w", err)
	}
	if info.ModTime().Equal(k.changed) {
		return nil
	}
	numbers, err := keyNumbers(k.dir)
	if err != nil {
		return err
	}
	var public *rsa.PublicKey
	var private []*rsa.PrivateKey
	for _, n := range numbers {
		pub, priv, err := readPair(k.dir, n)
		if err != nil {
			return err
		}
		if public == nil {
			public = pub
		}
		if priv != nil {
			private = append(private, priv)
		}
	}
	if public == nil {
		return fmt.Errorf("read keys: there are none in %s", k.dir)
	}
	k.public, k.private, k.changed = public, private, info.ModTime()
	return nil
}

// readPair reads a pair whose private key may be elsewhere.
func readPair(dir string, number int) (*rsa.PublicKey, *rsa.PrivateKey, error) {
	priv, pub := keyPaths(dir, number)
	if missing(priv) {
		public, err := envelope.ReadPublic(pub)
		return public, nil, err
	}
	private, err := envelope.ReadPrivate(priv)
	if err != nil {
		return nil, nil, err
	}
	if missing(pub) {
		if err := place(dir, pub, func(path string) error { return envelope.WritePublic(path, &private.PublicKey) }); err != nil {
			return nil, nil, fmt.Errorf("write public key: %w", err)
		}
	}
	public, err := envelope.ReadPublic(pub)
	if err != nil {
		return nil, nil, err
	}
	if !public.Equal(&private.PublicKey) {
		return nil, nil, fmt.Errorf("%s and %s are not of one pair", priv, pub)
	}
	return public, private, nil
}

func keyPaths(dir string, number int) (priv, pub string) {
	suffix := ".pem"
	if number > 1 {
		suffix = "-" + strconv.Itoa(number) + ".pem"
	}
	return filepath.Join(dir, "priv"+suffix), filepath.Join(dir, "pub"+suffix)
}

// keyNumbers lists the pairs of a folder that are there, be it in half, the newest first.
func keyNumbers(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	var numbers []int
	for _, e := range entries {
		name, pem := strings.CutSuffix(e.Name(), ".pem")
		kind, number, numbered := strings.Cut(name, "-")
		if !pem || kind != "priv" && kind != "pub" {
			continue
		}
		n := 1
		if numbered {
			if n, err = strconv.Atoi(number); err != nil || n < 2 {
				continue
			}
		}
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	slices.Reverse(numbers)
	return numbers, nil
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

func createPrivate(dir string, number int) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	key, err := envelope.GenerateKey(keyBits)
	if err != nil {
		return err
	}
	path, _ := keyPaths(dir, number)
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
