package identity

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/cybexp/cybexp/audit"
)

const (
	minKey   = 32              // bytes
	maxKeys  = 8               // that are accepted; a rotation drops the oldest beyond
	keysLook = 3 * time.Second // between looks at the file
)

// Keys are the keys that sign tokens: the first signs, all are accepted. They follow their file, so that a rotation needs no restart.
type Keys struct {
	path string

	mu     sync.Mutex
	keys   [][]byte
	looked time.Time
	seen   os.FileInfo
}

// NewKeys makes keys that are in no file. Each needs 32 bytes or more.
func NewKeys(keys ...[]byte) (*Keys, error) {
	if len(keys) == 0 {
		return nil, errors.New("no signing key")
	}
	for _, k := range keys {
		if len(k) < minKey {
			return nil, fmt.Errorf("signing key has %d bytes, at least %d are needed", len(k), minKey)
		}
	}
	return &Keys{keys: keys}, nil
}

// LoadOrCreateKeys reads the keys that sign tokens: lines of hexadecimal digits, the newest first. If there is no such file it makes
// one with one key, which only its owner can read. Processes that start together get the same key.
func LoadOrCreateKeys(path string) (*Keys, error) {
	err := writeKeys(path, [][]byte{newKey()}, os.Link)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make signing key: %w", err)
	}
	k := &Keys{path: path}
	if err := k.reload(); err != nil {
		return nil, err
	}
	return k, nil
}

// RotateKeys puts a new key before the others, or, with forget, in their place, so that every token issued until now is worthless.
// It tells how many keys are accepted. A server that runs takes the new key into use within seconds.
func RotateKeys(path string, forget bool) (int, error) {
	k, err := LoadOrCreateKeys(path)
	if err != nil {
		return 0, err
	}
	keys := append([][]byte{newKey()}, k.keys...)
	if forget {
		keys = keys[:1]
	}
	keys = keys[:min(len(keys), maxKeys)]
	if err := writeKeys(path, keys, os.Rename); err != nil {
		return 0, fmt.Errorf("rotate signing key: %w", err)
	}
	return len(keys), nil
}

// NoteKeys tells the audit trail when the keys that sign tokens are others than those that it was told of last, whoever changed their file and
// whether or not a server ran then. It is to be called at the start and now and then, and says whether they changed since it was called before.
func (s *Service) NoteKeys(ctx context.Context) (changed bool, err error) {
	now := s.Keys.names()
	s.keysTold.Lock()
	defer s.keysTold.Unlock()
	if slices.Equal(now, s.keysTold.names) { // of servers with files of their own none looks at what another has
		return false, nil
	}
	_, err = update(ctx, s, signingKeys, func(known *[]string) (deeds []audit.Entry, _ error) {
		if len(*known) > 0 && !slices.Equal(now, *known) {
			deeds = append(deeds, rotation(*known, now))
		}
		*known = now
		return deeds, nil
	})
	if err != nil {
		return false, fmt.Errorf("note signing keys: %w", err)
	}
	changed, s.keysTold.names = s.keysTold.names != nil, now
	return changed, nil
}

// rotation is a change of the keys as the audit trail has it.
func rotation(before, after []string) audit.Entry {
	detail := map[string]string{"accepted": fmt.Sprint(len(after))}
	for word, list := range map[string][]string{"new": lacking(after, before), "forgotten": lacking(before, after)} {
		if len(list) > 0 {
			detail[word] = strings.Join(list, " ")
		}
	}
	return audit.Entry{Action: audit.TokenKeys, Object: after[0], Detail: detail}
}

// lacking is what of a list another lacks.
func lacking(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(name string) bool { return slices.Contains(other, name) })
}

// names tell keys apart and nothing about them, newest first.
func (k *Keys) names() []string {
	var list []string
	for _, key := range k.current() {
		sum := sha256.Sum256(key)
		list = append(list, hex.EncodeToString(sum[:8]))
	}
	return list
}

// current are the keys, newest first. A file that cannot be read now leaves them as they are.
func (k *Keys) current() [][]byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := time.Now(); k.path != "" && now.Sub(k.looked) > keysLook {
		k.looked = now
		if info, err := os.Stat(k.path); err == nil && !sameFile(info, k.seen) {
			_ = k.reload()
		}
	}
	return k.keys
}

func sameFile(a, b os.FileInfo) bool { return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) }

// accepted are the keys as jwt wants them.
func (k *Keys) accepted() jwt.VerificationKeySet {
	var set jwt.VerificationKeySet
	for _, key := range k.current() {
		set.Keys = append(set.Keys, key)
	}
	return set
}

func (k *Keys) reload() error {
	info, err := os.Stat(k.path)
	if err != nil {
		return fmt.Errorf("read signing keys: %w", err)
	}
	text, err := os.ReadFile(k.path)
	if err != nil {
		return fmt.Errorf("read signing keys: %w", err)
	}
	keys, err := parseKeys(text)
	if err != nil {
		return fmt.Errorf("read signing keys: %s: %w", k.path, err)
	}
	k.keys, k.seen = keys, info
	return nil
}

func parseKeys(text []byte) ([][]byte, error) {
	var keys [][]byte
	for line := range bytes.Lines(text) {
		key, err := hex.DecodeString(string(bytes.TrimSpace(line)))
		if err != nil || len(key) < minKey {
			return nil, fmt.Errorf("line %d is not a line of %d or more hexadecimal digits", len(keys)+1, 2*minKey)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("no key")
	}
	return keys, nil
}

func newKey() []byte {
	key := make([]byte, minKey)
	_, _ = rand.Read(key) // never fails
	return key
}

// writeKeys puts the finished file into place, by a link or a rename, so that nobody sees half of it.
func writeKeys(path string, keys [][]byte, place func(from, to string) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	var text strings.Builder
	for _, key := range keys {
		text.WriteString(hex.EncodeToString(key) + "\n")
	}
	_, err = f.WriteString(text.String())
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return place(f.Name(), path)
}
