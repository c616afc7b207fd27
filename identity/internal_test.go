package identity

import (
	"strings"
	"testing"
	"time"
)

// FuzzParseDigest: what is read is written the same, and costs no more than a gibibyte and sixteen passes.
func FuzzParseDigest(f *testing.F) {
	for _, seed := range []string{
		nobody.String(), "", "$argon2id$v=19$m=47104,t=1,p=1$AAAA$AAAA", "$argon2i$v=19$m=8,t=1,p=1$" + strings.Repeat("A", 22) + "$" + strings.Repeat("A", 43),
		"$argon2id$v=19$m=4294967295,t=1,p=1$" + strings.Repeat("A", 22) + "$" + strings.Repeat("A", 43), "$$$$$",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := parseDigest(text)
		if err != nil {
			return
		}
		if d.String() != text || d.memory > 1<<20 || d.passes > 16 || d.passes == 0 || d.lanes == 0 {
			t.Errorf("%q is taken as %+v", text, d)
		}
	})
}

// FuzzParseKeys: what is taken are keys that are long enough.
func FuzzParseKeys(f *testing.F) {
	for _, seed := range []string{"", "\n", strings.Repeat("ab", 32), strings.Repeat("ab", 32) + "\r\n" + strings.Repeat("CD", 40) + "\n", "abcd\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := parseKeys(text)
		if (err == nil) == (len(keys) == 0) {
			t.Fatalf("got %d keys, %v", len(keys), err)
		}
		for _, k := range keys {
			if len(k) < minKey {
				t.Errorf("a key of %d bytes is taken", len(k))
			}
		}
	})
}

// FuzzCheckPassword: whatever is set can be checked, within the limits.
func FuzzCheckPassword(f *testing.F) {
	for _, seed := range []string{"", "password", "four words in a row", "a\u0301a\u0301a\u0301a\u0301a\u0301a\u0301", "\xff", strings.Repeat("9", 300)} {
		f.Add("alice@example.org", seed)
	}
	f.Fuzz(func(t *testing.T, email, password string) {
		err := CheckPassword(User{Email: email}, password)
		if err == nil && (len([]rune(password)) < minPassword || len(password) > maxPassword) {
			t.Errorf("%q is taken", password)
		}
	})
}

// TestBrakeIsBounded fills it.
func TestBrakeIsBounded(t *testing.T) {
	b := newBrake()
	for i := range brakeHolds + 1000 {
		b.count(time.Unix(int64(i), 0), brakeKey{account: strings.Repeat("x", i%7) + string(rune(i))}, strangerSlope)
	}
	if len(b.tries) > brakeHolds {
		t.Errorf("%d keys are held", len(b.tries))
	}
}
