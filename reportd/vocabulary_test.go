package reportd

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
	"github.com/cybexp/cybexp/tdql/dql"
)

// counted counts the queries that are asked.
type counted struct {
	Querier
	n int
}

func (c *counted) Query(ctx context.Context, q dql.Query, at uint64) ([]byte, uint64, error) {
	c.n++
	return c.Querier.Query(ctx, q, at)
}

func TestVocabularyTellsWhatTheCallerMayRead(t *testing.T) {
	mine := tdql.Org{Hash: tahoe.OrgHash("vocabulary"), Name: "vocabulary"}
	text := func(subType, s string) tahoe.Node { return must(tahoe.NewAttribute(subType, tahoe.String(s))) }
	ours := must(tahoe.NewEvent("login", mine.Hash.String(), 1, must(tahoe.NewObject("src", text("ipv4", "10.0.0.1"))), text("user", "two words")))
	theirs := must(tahoe.NewEvent("secret_event", tahoe.OrgHash("others").String(), 2, text("ipv4", "10.0.0.2"), text("secret_type", "x")))
	store := testdgraph.Open(t)
	if _, err := store.Write(t.Context(), []tahoe.Record{{Events: []*tahoe.Event{ours, theirs}}}); err != nil {
		t.Fatal(err)
	}
	now := testNow
	db := &counted{Querier: store}
	s := &Service{cfg: Config{DB: db, Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)}}
	v := s.Vocabulary(t.Context(), Caller{ID: "u", Orgs: []tdql.Org{mine}})
	for range 2 {
		for kind, want := range map[tahoe.Kind][]string{
			tahoe.KindAttribute: {"ipv4", "user"}, tahoe.KindObject: {"src"}, tahoe.KindEvent: {"login"}, tahoe.KindSession: nil,
		} {
			if got := v.SubTypes(kind); !slices.Equal(got, want) {
				t.Errorf("%s: got %q", kind, got)
			}
		}
		for _, tt := range []struct {
			subType, prefix string
			want            []string
		}{
			{"ipv4", "", []string{"10.0.0.1"}}, {"ipv4", "10.0", []string{"10.0.0.1"}}, {"ipv4", "11", nil}, {"user", "tw", []string{`"two words"`}},
			{"user", "two w", []string{`"two words"`}}, {"secret_type", "", nil}, {"bad`name", "", nil},
		} {
			if got := v.Values(tt.subType, tt.prefix, 5); !slices.Equal(got, tt.want) {
				t.Errorf("%s %q: got %q, want %q", tt.subType, tt.prefix, got, tt.want)
			}
		}
	}
	asked := db.n
	if v.SubTypes(tahoe.KindEvent); db.n != asked {
		t.Error("asked again within half a minute")
	}
	now = now.Add(time.Minute)
	if v.SubTypes(tahoe.KindEvent); db.n == asked {
		t.Error("not asked again after a minute")
	}
	if got := s.Vocabulary(t.Context(), Caller{ID: "nobody"}).SubTypes(tahoe.KindEvent); got != nil {
		t.Errorf("nobody sees %q", got)
	}
}
