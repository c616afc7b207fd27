package envelope_test

import (
	"bytes"
	"crypto/aes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/ProtonMail/go-crypto/eax"

	"github.com/cybexp/cybexp/ingest/envelope"
)

type vectors struct {
	PrivateKey string `json:"private_key_pem"`
	PublicKey  string `json:"public_key_pem"`
	Envelopes  []struct {
		Plain    hexBytes `json:"plaintext_hex"`
		Envelope hexBytes `json:"envelope_hex"`
	} `json:"vectors"`
	EAX []struct {
		Message   hexBytes `json:"msg"`
		Key       hexBytes `json:"key"`
		Nonce     hexBytes `json:"nonce"`
		Header    hexBytes `json:"header"`
		CipherTag hexBytes `json:"cipher_and_tag"`
	} `json:"eax_published"`
}

type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

func load(tb testing.TB) (vectors, *rsa.PrivateKey) {
	tb.Helper()
	text, err := os.ReadFile("testdata/envelope.json")
	if err != nil {
		tb.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(text, &v); err != nil {
		tb.Fatal(err)
	}
	key, err := envelope.ParsePrivate([]byte(v.PrivateKey))
	if err != nil {
		tb.Fatal(err)
	}
	return v, key
}

func TestOpenVectors(t *testing.T) {
	v, key := load(t)
	if len(v.Envelopes) == 0 {
		t.Fatal("no vectors")
	}
	for i, c := range v.Envelopes {
		before := bytes.Clone(c.Envelope)
		got, err := envelope.Open(key, c.Envelope)
		if err != nil || !bytes.Equal(got, c.Plain) {
			t.Errorf("vector %d: got %q, %v, want %q", i, got, err, c.Plain)
		}
		if !bytes.Equal(before, c.Envelope) {
			t.Errorf("vector %d: opening changed the envelope", i)
		}
	}
}

func TestPublishedEAX(t *testing.T) {
	v, _ := load(t)
	if len(v.EAX) == 0 {
		t.Fatal("no vectors")
	}
	for i, c := range v.EAX {
		block, err := aes.NewCipher(c.Key)
		if err != nil {
			t.Fatal(err)
		}
		mode, err := eax.NewEAX(block)
		if err != nil {
			t.Fatal(err)
		}
		if got := mode.Seal(nil, c.Nonce, c.Message, c.Header); !bytes.Equal(got, c.CipherTag) {
			t.Errorf("vector %d: got %x, want %x", i, got, []byte(c.CipherTag))
		}
	}
}

func TestSealThenOpen(t *testing.T) {
	_, key := load(t)
	for _, size := range []int{0, 1, 15, 16, 17, 1 << 20} {
		plain := make([]byte, size)
		_, _ = rand.Read(plain)
		sealed, err := envelope.Seal(&key.PublicKey, plain)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := len(sealed), size+envelope.Overhead(&key.PublicKey); got != want {
			t.Errorf("got %d bytes, want %d", got, want)
		}
		if got, err := envelope.Open(key, sealed); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes do not come back: %v", size, err)
		}
		again, err := envelope.Seal(&key.PublicKey, plain)
		if err != nil || bytes.Equal(again[:256], sealed[:256]) || bytes.Equal(again[256:272], sealed[256:272]) {
			t.Errorf("key or nonce used twice, %v", err)
		}
	}
}

func TestAnyFlippedBitIsSeen(t *testing.T) {
	v, key := load(t)
	sealed := bytes.Clone(v.Envelopes[len(v.Envelopes)-1].Envelope)
	for i := range sealed {
		if i < 256 && i%8 != 0 {
			continue // one byte in eight of the RSA part will do, each costs a millisecond
		}
		sealed[i] ^= 1 << (i % 8)
		if _, err := envelope.Open(key, sealed); !errors.Is(err, envelope.ErrSealed) {
			t.Errorf("byte %d: got %v, want ErrSealed", i, err)
		}
		sealed[i] ^= 1 << (i % 8)
	}
	if _, err := envelope.Open(key, sealed); err != nil {
		t.Errorf("unchanged: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	v, key := load(t)
	other, err := envelope.GenerateKey(2048)
	if err != nil {
		t.Fatal(err)
	}
	sealed := v.Envelopes[len(v.Envelopes)-1].Envelope
	if _, err := envelope.Open(other, sealed); !errors.Is(err, envelope.ErrSealed) {
		t.Errorf("wrong key: got %v", err)
	}
	for _, size := range []int{0, 1, 255, 256, 272, 287, 288, len(sealed) - 1} {
		if _, err := envelope.Open(key, sealed[:size]); !errors.Is(err, envelope.ErrSealed) {
			t.Errorf("%d bytes: got %v", size, err)
		}
	}
	short, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, &key.PublicKey, make([]byte, 16), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := envelope.Open(key, append(short, make([]byte, 32)...)); !errors.Is(err, envelope.ErrSealed) {
		t.Errorf("key of 16 bytes: got %v", err)
	}
}

func TestKeyFiles(t *testing.T) {
	v, key := load(t)
	dir := t.TempDir()
	private, public := filepath.Join(dir, "private.pem"), filepath.Join(dir, "public.pem")
	if err := errors.Join(envelope.WritePrivate(private, key), envelope.WritePublic(public, &key.PublicKey)); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(private)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want mode 0600", info.Mode(), err)
	}
	if err := envelope.WritePrivate(private, key); !errors.Is(err, os.ErrExist) {
		t.Errorf("got %v, want ErrExist", err)
	}
	if got, err := envelope.ReadPrivate(private); err != nil || !got.Equal(key) {
		t.Errorf("private key does not come back: %v", err)
	}
	pkcs1 := filepath.Join(dir, "pkcs1.pem")
	block := &pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&key.PublicKey)}
	if err := os.WriteFile(pkcs1, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{public, private, pkcs1} {
		if got, err := envelope.ReadPublic(path); err != nil || !got.Equal(&key.PublicKey) {
			t.Errorf("%s: public key does not come back: %v", path, err)
		}
	}
	if got, err := envelope.ParsePublic([]byte(v.PublicKey)); err != nil || !got.Equal(&key.PublicKey) {
		t.Errorf("public key of the vectors: %v", err)
	}
}

func TestBadKeys(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(curve)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&curve.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"another kind of key":        {Type: "PRIVATE KEY", Bytes: private},
		"another kind of public key": {Type: "PUBLIC KEY", Bytes: public},
		"certificate":                {Type: "CERTIFICATE", Bytes: public},
		"broken PKCS #1":             {Type: "RSA PRIVATE KEY", Bytes: []byte("x")},
		"broken public PKCS #1":      {Type: "RSA PUBLIC KEY", Bytes: []byte("x")},
	} {
		if _, err := envelope.ParsePublic(pem.EncodeToMemory(block)); !errors.Is(err, envelope.ErrKey) {
			t.Errorf("%s: got %v, want ErrKey", name, err)
		}
		if _, err := envelope.ParsePrivate(pem.EncodeToMemory(block)); !errors.Is(err, envelope.ErrKey) {
			t.Errorf("%s: got %v, want ErrKey", name, err)
		}
	}
	if _, err := envelope.ParsePublic([]byte("no PEM")); !errors.Is(err, envelope.ErrKey) {
		t.Errorf("got %v, want ErrKey", err)
	}
	if _, err := envelope.GenerateKey(1024); !errors.Is(err, envelope.ErrKey) {
		t.Errorf("got %v, want ErrKey", err)
	}
	if _, err := envelope.ReadPrivate(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
}

func FuzzOpen(f *testing.F) {
	v, key := load(f)
	for _, c := range v.Envelopes {
		f.Add([]byte(c.Envelope))
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if _, err := envelope.Open(key, sealed); err != nil && !errors.Is(err, envelope.ErrSealed) {
			t.Fatal(err)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	_, key := load(b)
	plain := make([]byte, 64<<10)
	b.SetBytes(int64(len(plain)))
	for b.Loop() {
		if _, err := envelope.Seal(&key.PublicKey, plain); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	_, key := load(b)
	sealed, err := envelope.Seal(&key.PublicKey, make([]byte, 64<<10))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(64 << 10)
	for b.Loop() {
		if _, err := envelope.Open(key, sealed); err != nil {
			b.Fatal(err)
		}
	}
}
