package reportd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/dgo/v230"
	"github.com/dgraph-io/dgo/v230/protos/api"
	"github.com/gorilla/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/cybexp/cybexp/internal/benchgraph"
	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// BenchmarkStream streams all events of a graph of a million vertices to a client of the websocket, newest first. Beside it Dgraph hands out
// the same events to a client of its own, page by page in its own order, which nobody unpacks.
func BenchmarkStream(b *testing.B) {
	g := benchgraph.Open(b, benchgraph.HoneypotGraph(160_000))
	for _, name := range benchgraph.HoneypotOrgs {
		users["analyst"] = append(users["analyst"], tdql.Org{Hash: tahoe.OrgHash(name), Name: name})
	}
	defer delete(users, "analyst")
	r := start(b, openBus(b), g, func(c *reportd.Config) { c.QueryRows = 0 })
	_, alpha := g.Server.PIDs()
	rows := 0
	var took, database, own time.Duration
	var first []time.Duration
	for b.Loop() {
		c := r.dialWith(b, &websocket.Dialer{}, http.Header{"X-User": {"analyst"}})
		began, alphaBegan, ownBegan := time.Now(), must(benchgraph.CPU(alpha)), must(benchgraph.CPU(0))
		c.send(query("q", "events"))
		early := time.Duration(0)
		for {
			_, data, err := c.conn.ReadMessage() // nobody unpacks it, as nobody does what Dgraph hands out
			if err != nil {
				b.Fatal(err)
			}
			if early == 0 && bytes.Contains(data[:min(len(data), 64)], []byte(`"type":"rows"`)) {
				early = time.Since(began)
			}
			if bytes.Contains(data[:min(len(data), 64)], []byte(`"type":"end"`)) {
				var end struct{ Rows int }
				if err := json.Unmarshal(data, &end); err != nil {
					b.Fatal(err)
				}
				rows += end.Rows
				break
			}
		}
		took, first = took+time.Since(began), append(first, early)
		database += must(benchgraph.CPU(alpha)) - alphaBegan
		own += must(benchgraph.CPU(0)) - ownBegan
	}
	b.ReportMetric(float64(rows)/took.Seconds(), "rows/s")
	b.ReportMetric(handedOut(b, g), "dgraph-rows/s")
	b.ReportMetric(median(first), "ms-to-first")
	b.ReportMetric(database.Seconds()*1e6/float64(rows), "alpha-cpu-µs/row")
	b.ReportMetric(own.Seconds()*1e6/float64(rows), "own-cpu-µs/row")
	b.ReportMetric(0, "ns/op")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// handedOut is how many events a second Dgraph hands out in pages.
func handedOut(b *testing.B, g *benchgraph.Graph) float64 {
	conn, err := grpc.NewClient("passthrough:///"+strings.TrimPrefix(g.Server.Target(), "dgraph://"),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(256<<20)))
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	client := dgo.NewDgraphClient(api.NewDgraphClient(conn))
	began, after, rows := time.Now(), "0x0", 0
	for {
		res, err := client.NewReadOnlyTxn().Query(context.Background(),
			fmt.Sprintf(`{ r(func: type(Event), first: 4000, after: %s) { uid brief category } }`, after))
		if err != nil {
			b.Fatal(err)
		}
		var page struct{ R []struct{ UID string } }
		if err := json.Unmarshal(res.Json, &page); err != nil {
			b.Fatal(err)
		}
		if len(page.R) == 0 {
			return float64(rows) / time.Since(began).Seconds()
		}
		rows, after = rows+len(page.R), page.R[len(page.R)-1].UID
	}
}
