package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// cost is what a guess costs: argon2id with so much memory, passes and lanes.
type cost struct {
	memory uint32 // KiB
	passes uint32
	lanes  uint8
}

// current is what new passwords are hashed with: the first choice of the OWASP Password Storage Cheat Sheet.
var current = cost{memory: 46 << 10, passes: 1, lanes: 1}

const (
	saltBytes = 16
	sumBytes  = 32
)

// digest is a hashed password.
type digest struct {
	cost
	salt, sum []byte
}

// nobody is what the password of an address is compared with that has none, so that the answer takes as long.
var nobody = digest{cost: current, salt: make([]byte, saltBytes), sum: make([]byte, sumBytes)}

func hashPassword(password string) digest {
	d := digest{cost: current, salt: make([]byte, saltBytes)}
	_, _ = rand.Read(d.salt) // never fails
	d.sum = d.of(password)
	return d
}

// of hashes the normal form, so that a password is the same whichever keyboard composed it.
func (d digest) of(password string) []byte {
	return argon2.IDKey(norm.NFKC.Bytes([]byte(password)), d.salt, d.passes, d.memory, d.lanes, sumBytes)
}

func (d digest) matches(password string) bool {
	return subtle.ConstantTimeCompare(d.of(password), d.sum) == 1
}

// String is the usual text of an argon2id hash (PHC), which holds all that is needed to check a password.
func (d digest) String() string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, d.memory, d.passes, d.lanes, b64(d.salt), b64(d.sum))
}

// parseDigest reads what String writes, and nothing that would cost more than ever was chosen here.
func parseDigest(text string) (digest, error) {
	bad := errors.New("not a password hash that is understood")
	parts := strings.Split(text, "$")
	if len(parts) != 6 {
		return digest{}, bad
	}
	var d digest
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &d.memory, &d.passes, &d.lanes); err != nil {
		return digest{}, bad
	}
	var err1, err2 error
	d.salt, err1 = base64.RawStdEncoding.Strict().DecodeString(parts[4])
	d.sum, err2 = base64.RawStdEncoding.Strict().DecodeString(parts[5])
	dear := d.memory < 8*uint32(d.lanes) || d.memory > 1<<20 || d.passes < 1 || d.passes > 16 || d.lanes < 1 || d.lanes > 16
	if err1 != nil || err2 != nil || dear || len(d.salt) < 8 || len(d.sum) != sumBytes || d.String() != text {
		return digest{}, bad
	}
	return d, nil
}

// turns bound how many passwords are hashed at a time, since each takes memory. Users at addresses that they are known at have a turn
// of their own, for which nobody else's guesses queue.
type turns struct{ known, others chan struct{} }

func newTurns() turns { return turns{known: make(chan struct{}, 2), others: make(chan struct{}, 2)} }

// run calls hash when it is its turn.
func (t turns) run(ctx context.Context, known bool, hash func()) error {
	queue := t.others
	if known {
		queue = t.known
	}
	select {
	case queue <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-queue }()
	hash()
	return nil
}
