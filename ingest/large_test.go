package ingest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/tahoe"
)

// largeLogin is a login of so many bytes.
func largeLogin(size int) string {
	line := strings.TrimSuffix(login(1), "}") + `,"padding":"`
	return line + strings.Repeat("x", size-len(line)-2) + `"}`
}

func TestRecordsUpToTheLimitPassTheBus(t *testing.T) {
	g, limit := &memory{}, ingest.DefaultConfig().MaxRecord
	k, err := keys()
	if err != nil {
		t.Fatal(err)
	}
	s, err := ingest.New(t.Context(), ingest.Config{Bus: openBus(t, t.TempDir()), Graph: g, Keys: k, Logger: logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	receipt := accept(t, s, "cowrie", strings.Join([]string{login(2), largeLogin(limit), largeLogin(limit + 1), login(3), largeLogin(2 << 20)}, "\n"))
	if receipt.Records != 4 || receipt.Rejected != 1 {
		t.Errorf("got %+v, want 4 records and 1 rejected", receipt)
	}
	run(t, s)
	st := finish(t, s, receipt.ID)
	if st.Mapped != 4 || st.Events != 4 || st.Rejected != 1 {
		t.Errorf("got %+v", st)
	}
	told := map[int]string{}
	for _, p := range st.Problems {
		told[p.Line] = p.Message
	}
	if len(told) != 1 || !strings.Contains(told[3], "longer than 16384 KiB") {
		t.Errorf("got %v, want the third line only", told)
	}
}

func TestLargeRecordIsKeptAsItsHash(t *testing.T) {
	text := largeLogin(3 << 20)
	sum := sha256.Sum256([]byte(text))
	u := ingest.Upload{Typetag: "cowrie", Org: org, Timezone: "UTC"}
	for o, err := range ingest.Try(u, time.Unix(0, 0), strings.NewReader(text)) {
		if err != nil {
			t.Fatal(err)
		}
		data := o.Record.Raw.Data()
		hash, _ := data.Get("sha256")
		size, _ := data.Get("bytes")
		begins, _ := data.Get("begins")
		if hash.Text() != hex.EncodeToString(sum[:]) || size.Text() != "3145728" || !strings.HasPrefix(text, begins.Text()) {
			t.Errorf("got %.300s", data)
		}
		if o.Record.State != tahoe.Mapped || len(o.Record.Events) != 1 {
			t.Errorf("got %s with %d events, want the whole record mapped", o.Record.State, len(o.Record.Events))
		}
	}
}

func TestMaxRecordIsChecked(t *testing.T) {
	k, err := keys()
	if err != nil {
		t.Fatal(err)
	}
	b := openBus(t, t.TempDir())
	for size, ok := range map[int]bool{1: false, 64 << 10: true, tahoe.MaxText: true, tahoe.MaxText + 1: false} {
		if _, err := ingest.New(t.Context(), ingest.Config{Bus: b, Keys: k, MaxRecord: size}); (err == nil) != ok {
			t.Errorf("%d bytes: got %v", size, err)
		}
	}
}
