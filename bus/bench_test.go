package bus_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cybexp/cybexp/bus"
)

// BenchmarkTrip is what the bus adds to a query: a job published, handled, its status put, a frame written and read.
func BenchmarkTrip(b *testing.B) {
	for name, storage := range map[string]bus.Storage{"file": bus.File, "memory": bus.Memory} {
		b.Run(name, func(b *testing.B) {
			ctx, cancel := context.WithCancel(context.Background())
			bs := open(b, b.TempDir())
			jobs := stream(b, bs, bus.StreamConfig{Name: "jobs", Subjects: []string{"jobs.>"}, WorkQueue: true, Storage: storage})
			frames := stream(b, bs, bus.StreamConfig{Name: "frames", Subjects: []string{"frames.>"}, Storage: bus.Memory})
			status := bucket(b, bs, bus.KVConfig{Bucket: "status", Storage: bus.Memory})
			done := make(chan error, 1)
			go func() {
				done <- jobs.Consume(ctx, bus.ConsumerConfig{Name: "w", Concurrency: 2}, func(ctx context.Context, m bus.Message) error {
					id := string(m.Data)
					if _, err := status.Put(ctx, id, []byte("ready")); err != nil {
						return err
					}
					_, err := frames.Publish(ctx, "frames."+id, nil, []byte("row"))
					return err
				})
			}()
			b.Cleanup(func() { cancel(); <-done })
			id := "a"
			for b.Loop() {
				id = next(id)
				if _, err := jobs.Publish(ctx, "jobs.q", nil, []byte(id)); err != nil {
					b.Fatal(err)
				}
				for m, err := range frames.Read(ctx, "frames."+id, 0) {
					if err != nil || string(m.Data) != "row" {
						b.Fatal(m, err)
					}
					break
				}
			}
		})
	}
}

func next(id string) string {
	if id[len(id)-1] == 'z' {
		return id + "a"
	}
	return id[:len(id)-1] + string(id[len(id)-1]+1)
}

func BenchmarkPublish(b *testing.B) {
	for name, storage := range map[string]bus.Storage{"file": bus.File, "memory": bus.Memory} {
		b.Run(name, func(b *testing.B) {
			s := stream(b, open(b, b.TempDir()), bus.StreamConfig{Name: "s", Subjects: []string{"s.>"}, Storage: storage})
			data := make([]byte, 1024)
			for b.Loop() {
				if _, err := s.Publish(b.Context(), "s.a", nil, data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkNames tells what the server keeps in memory of a message on disk whose subject is like that of a chunk of an upload. Give it many:
// -benchtime 100000x.
func BenchmarkNames(b *testing.B) {
	org := strings.Repeat("0123456789abcdef", 4)
	for name, subject := range map[string]func(i int) string{
		"an upload each": func(int) string { return strings.ToLower(rand.Text()) + "." + strings.ToLower(rand.Text()[:8]) + ".0" },
		"one upload":     func(i int) string { return fmt.Sprintf("cqwkb7gc7qmtzy2kemmytxil5y.abcdefgh.%d", i) },
	} {
		b.Run(name, func(b *testing.B) {
			s := stream(b, open(b, b.TempDir()), bus.StreamConfig{Name: "lake", Subjects: []string{"lake.>"}, WorkQueue: true})
			data, half, before := make([]byte, 400), b.N/2, int64(0)
			for i := range b.N {
				if i == half {
					before = heap() // of the first half only its names are left besides, and buffers that do not grow
				}
				if _, err := s.Publish(b.Context(), "lake.cowrie."+org+"."+subject(i)+".1", nil, data); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(heap()-before)/float64(b.N-half), "heap-B/op")
		})
	}
}

// heap is how many bytes are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // no machine has so much
}

func BenchmarkRead(b *testing.B) {
	s := stream(b, open(b, b.TempDir()), bus.StreamConfig{Name: "s", Subjects: []string{"s.>"}, Storage: bus.Memory})
	publish(b, s, "s.a", "x")
	b.Run("first message", func(b *testing.B) {
		var first time.Duration
		for b.Loop() {
			t := time.Now()
			for _, err := range s.Read(b.Context(), "s.a", 0) {
				if err != nil {
					b.Fatal(err)
				}
				first += time.Since(t)
				break
			}
		}
		b.ReportMetric(float64(first.Nanoseconds())/float64(b.N), "ns-to-first/op")
	})
}

func BenchmarkKV(b *testing.B) {
	for name, storage := range map[string]bus.Storage{"file": bus.File, "memory": bus.Memory} {
		k := bucket(b, open(b, b.TempDir()), bus.KVConfig{Bucket: "k", Storage: storage})
		b.Run(name+" put", func(b *testing.B) {
			for b.Loop() {
				if _, err := k.Put(b.Context(), "a", []byte("x")); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+" get", func(b *testing.B) {
			for b.Loop() {
				if _, err := k.Get(b.Context(), "a"); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+" watch to first", func(b *testing.B) {
			for b.Loop() {
				for _, err := range k.Watch(b.Context(), "a") {
					if err != nil {
						b.Fatal(err)
					}
					break
				}
			}
		})
	}
}
