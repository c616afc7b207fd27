package ingest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/ingest"
)

// FuzzLabel reads what stands on the outside of a chunk. What is taken means the same when it is written and read again.
func FuzzLabel(f *testing.F) {
	f.Add("abc", "1", "0", "300", "", "", "cowrie", "", "lake.cowrie.0.abc.1.0.300")
	f.Add("abc", "2", "7", "1", "12", "3", "zeek", "2026-01-02T03:04:05.000000006Z", "lake.zeek.0.abc.2.7-12.1")
	f.Add("a.b", "*", "-1", "x", "0", "-3", "a.b", "yesterday", "lake.zeek.0.abc.2.7-12.-1")
	f.Add("", "", "99999999999999999999", "+1", "1", "", "", "0001-01-01T00:00:00Z", "......")
	f.Fuzz(func(t *testing.T, upload, try, chunk, records, record, line, typetag, received, subject string) {
		header := map[string]string{
			"Upload": upload, "Try": try, "Chunk": chunk, "Records": records, "Record": record, "Line": line, "Typetag": typetag,
			"Org": org.String(), "Timezone": "UTC", "Received": received,
		}
		if same, ok := ingest.LabelRoundTrip(header); ok && !same {
			t.Errorf("%q is read otherwise the second time", header)
		}
		if same, ok := ingest.SubjectRoundTrip(header); ok && !same {
			t.Errorf("the subject of %q says something else", header)
		}
		key, n, err := ingest.ReadSubject(subject)
		if err == nil && (n < 0 || !strings.HasPrefix(key, "chunk.") || strings.Count(key, ".") != 3) {
			t.Errorf("%q is taken for chunk %q of %d records", subject, key, n)
		}
	})
}

// FuzzChunk packs records and reads them again, from a chunk of this version and of an older one, one after the other in the same room. It reads the
// text itself as a chunk, too, which may be none.
func FuzzChunk(f *testing.F) {
	f.Add(1, `{"a":1}`, 2, "", []byte{0})
	f.Add(7, strings.Repeat("0123456789", 20_000), 1<<30, "x", []byte{0, 0xff, 0xff, 0xff, 0xff, 0x7f})
	packed, _ := ingest.Pack([]ingest.Entry{{Line: 1, Text: "x"}})
	f.Add(3, "\x00", 4, "\n", packed)
	f.Fuzz(func(t *testing.T, line int, text string, line2 int, text2 string, opened []byte) {
		ingest.Unpack(opened)
		for _, want := range [][]ingest.Entry{{{Line: max(line, 1), Text: text}, {Line: max(line2, 1), Text: text2}}, {{Line: max(line2, 1), Text: text2}}} {
			packed, plain := ingest.Pack(want)
			for _, opened := range [][]byte{packed, plain} {
				if got, ok := ingest.Unpack(opened); !ok || !slices.Equal(got, want) {
					t.Errorf("%+q is read as %+v, %v", fmt.Sprint(want), got, ok)
				}
			}
		}
	})
}
