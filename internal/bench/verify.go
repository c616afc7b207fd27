package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/internal/benchgraph"
	"github.com/cybexp/cybexp/tahoe"
)

// verify holds the platform's graph to what the filters make of a log that was uploaded: the numbers of instances by kind and sub-type, and a
// sample of them by hash, all asked for as people do.
func (p *platform) verify(ctx context.Context, log string) error {
	f, err := os.Open(log)
	if err != nil {
		return err
	}
	defer f.Close()
	var want benchgraph.Contents
	for out, err := range ingest.Try(ingest.Upload{Typetag: "cowrie", Org: tahoe.OrgHash("bench"), Timezone: "UTC"}, time.Now(), f) {
		if err != nil {
			return err
		}
		want.Add(out.Record)
	}
	for _, kind := range []tahoe.Kind{tahoe.KindAttribute, tahoe.KindObject, tahoe.KindEvent, tahoe.KindSession, tahoe.KindRaw} {
		counts := want.SubTypes(kind)
		var lines []string
		for _, subType := range slices.Sorted(maps.Keys(counts)) {
			lines = append(lines, fmt.Sprintf(`{"sub_type":%q,"count":%d}`, subType, counts[subType]))
		}
		got, err := p.run(ctx, "query", string(kind)+"s | count by sub_type", "-o", "ndjson")
		if err != nil {
			return err
		}
		if want := strings.Join(lines, "\n"); strings.TrimSpace(got) != want {
			return fmt.Errorf("the graph holds %ss\n%s\nwant\n%s", kind, got, want)
		}
	}
	var hashes []string
	for _, h := range want.Hashes() {
		hashes = append(hashes, h.String())
	}
	got, err := p.run(ctx, "query", "instance ("+strings.Join(hashes, ", ")+") | count", "-o", "ndjson")
	if err != nil {
		return err
	}
	if want := fmt.Sprintf(`{"count":%d}`, len(hashes)); strings.TrimSpace(got) != want {
		return fmt.Errorf("the graph holds of a sample %s, want %s", got, want)
	}
	return nil
}
