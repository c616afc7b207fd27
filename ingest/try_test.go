package ingest_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/tahoe"
)

// TestBatchesMapAsTryDoes cuts records into batches, and compares what they become with what Try shows, in order.
func TestBatchesMapAsTryDoes(t *testing.T) {
	text := logins(1000) + "not a login\n" + logins(10)
	u := ingest.Upload{Typetag: "cowrie", Org: tahoe.OrgHash("acme"), Timezone: "UTC"}
	var want []string
	var tried ingest.Status
	for o, err := range ingest.Try(u, time.Unix(0, 0), strings.NewReader(text)) {
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, o.Record.Raw.Hash().String())
		tried.Count(o)
	}
	var got []string
	var counted ingest.Status
	batches := 0
	for b, err := range ingest.Batches(u, time.Unix(0, 0), strings.NewReader(text)) {
		if err != nil {
			t.Fatal(err)
		}
		batches++
		outcomes := b.Map()
		if len(outcomes) != b.Records() {
			t.Errorf("%d records became %d outcomes", b.Records(), len(outcomes))
		}
		for _, o := range outcomes {
			got = append(got, o.Record.Raw.Hash().String())
			counted.Count(o)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || len(got) != 1011 || batches < 4 {
		t.Errorf("%d batches of %d records (-try +batches):\n%.500s", batches, len(got), diff)
	}
	if diff := cmp.Diff(tried, counted); diff != "" || counted.Mapped != 1010 || counted.Invalid != 1 || counted.ProblemTotal != 1 {
		t.Errorf("got %+v (-try +batches):\n%s", counted, diff)
	}
	counted.CountDead(7, errors.New("too odd"))
	if counted.Received != 1012 || counted.Dead != 1 || counted.Problems[1].String() != "7: the graph does not take it: too odd" {
		t.Errorf("got %+v", counted)
	}
}
