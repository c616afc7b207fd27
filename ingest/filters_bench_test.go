package ingest_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/ingest/filter"
)

// samples are folders of real files of each format, beside the repository.
var samples = map[string]string{
	"cowrie": "cowrie/lab", "email": "emails", "openphish_feed": "url_feeds/openphish_daily", "phishtank_feed": "url_feeds/phishtank_daily_csv",
	"csv": "csv_indicators", "indicators": "ioc_lists", "suricata": "network_logs/suricata", "zeek": "network_logs/zeek_slips",
	"sighting": "sightings", "misp_event": "misp_events", "stix": "stix",
}

// BenchmarkFilter is what each filter alone costs a record, on its samples: as many files as have 4 MiB.
func BenchmarkFilter(b *testing.B) {
	for _, typetag := range filter.Typetags() {
		b.Run(typetag, func(b *testing.B) {
			inputs := filterInputs(b, typetag)
			if len(inputs) == 0 {
				b.Skip("no samples beside the repository")
			}
			f, _ := filter.For(typetag)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for b.Loop() {
				for _, in := range inputs {
					_, _ = f.Apply(in) // a sample may hold records of other formats
				}
			}
			runtime.ReadMemStats(&after)
			n := float64(b.N * len(inputs))
			b.ReportMetric(n/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/n, "B/record")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// filterInputs reads samples as a filter gets them.
func filterInputs(b *testing.B, typetag string) (inputs []filter.Input) {
	b.Helper()
	size := int64(0)
	err := filepath.WalkDir(filepath.Join("../../shared/data", samples[typetag]), func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() || info.Size() > 2<<20 || size > 4<<20 {
			return err
		}
		size += info.Size()
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		for o, err := range ingest.Try(ingest.Upload{Typetag: typetag, Org: org, Timezone: "UTC"}, time.Unix(0, 0), file) {
			if err != nil {
				return err
			}
			if o.Record.Raw != nil && len(o.Record.Events) > 0 {
				inputs = append(inputs, filter.Input{Data: o.Record.Raw.Data(), OrgID: org.String(), Timezone: "UTC", Received: time.Unix(0, 0)})
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return inputs
}
