package web_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cybexp/cybexp"
	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/ingest/source"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/notebook"
	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/retention"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/taxii"
	"github.com/cybexp/cybexp/tdql"
	"github.com/cybexp/cybexp/web"
)

func TestMain(m *testing.M) { testdgraph.Main(m) }

// rig is a whole platform on a port of its own. Its organisation's name is the test's, so that tests that share the Dgraph do not see
// each other's data.
type rig struct {
	t      *testing.T
	url    string
	log    *lockedBuffer
	users  *identity.Service
	server *web.Server
	bus    *bus.Bus
	keys   *ingest.Keys
	audit  *audit.Trail
	stop   func() // ends the server as a signal would, and waits

	orgName  string
	org      identity.Org
	admin    person // administers org
	reader   person // reads org
	stranger person // has nothing to do with org
	super    person
}

// person is a user and their token.
type person struct {
	identity.User
	token string
}

// newRig starts a platform. tune may change the server's configuration.
func newRig(t *testing.T, tune ...func(*web.Config)) *rig {
	t.Helper()
	return startRig(t, reportd.DefaultConfig().Workers, tune...)
}

// startRig starts a platform with so many workers. Without any, queries wait for ever.
func startRig(t *testing.T, workers int, tune ...func(*web.Config)) *rig {
	t.Helper()
	r := &rig{t: t, log: &lockedBuffer{}, orgName: strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-"))}
	logger := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	b := must(bus.Open(t.Context(), bus.Config{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)}))(t)
	t.Cleanup(func() { check(t, b.Close()) })
	graphConfig := graph.DefaultConfig()
	graphConfig.Target = testdgraph.Target(t)
	store := must(graph.Open(t.Context(), graphConfig))(t)
	t.Cleanup(func() { check(t, store.Close()) })
	check(t, store.ApplySchema(t.Context(), cybexp.Schema))
	kv := must(b.KV(t.Context(), bus.KVConfig{Bucket: "identity"}))(t)
	r.audit = must(audit.New(audit.Config{Log: must(b.Journal(t.Context(), "audit", 0))(t), Logger: logger}))(t)
	r.users = must(identity.New(identity.Config{
		Store: kvStore{kv, identity.ErrNotFound, identity.ErrConflict}, Keys: must(identity.NewKeys(bytes.Repeat([]byte("k"), 32)))(t), Audit: r.audit,
	}))(t)
	r.bus, r.keys = b, must(ingest.LoadOrCreateKeys(t.TempDir()))(t)
	herald := must(reportd.NewHerald(t.Context(), b))(t)
	written := func(ctx context.Context, records []tahoe.Record) { check(t, herald.Announce(ctx, records)) }
	lake := must(ingest.New(t.Context(), ingest.Config{Bus: b, Graph: store, Archive: store, Keys: r.keys, Written: written, Logger: logger}))(t)
	reports := newReports(t, workers, b, store, r.users, logger)

	cfg := web.DefaultConfig()
	cfg.Identity, cfg.Ingest, cfg.Reports, cfg.Logger, cfg.Version = r.users, lake, reports, logger, "test"
	cfg.Audit = r.audit
	cfg.Sources = must(lake.Sources(t.Context(), source.Config{Logger: logger, PrivateNets: true, Look: 50 * time.Millisecond}))(t)
	cfg.Curator, cfg.Remover, cfg.Exporter = curator{store, herald}, curator{store, herald}, curator{store, herald}
	cfg.Removals = must(retention.OpenJobs(t.Context(), b, logger))(t)
	remove := func(ctx context.Context) error { return cfg.Removals.Run(ctx, removes(store, lake)) }
	notes := must(b.KV(t.Context(), bus.KVConfig{Bucket: "notebook"}))(t)
	cfg.Notebook = must(notebook.New(notebook.Config{Store: kvStore{notes, notebook.ErrNotFound, notebook.ErrConflict}}))(t)
	shelves := must(b.KV(t.Context(), bus.KVConfig{Bucket: "taxii"}))(t)
	cfg.Taxii = must(taxii.New(taxii.Config{Store: kvStore{shelves, taxii.ErrNotFound, taxii.ErrConflict}, Logger: logger, MinAge: time.Nanosecond}))(t)
	t.Cleanup(func() { check(t, cfg.Taxii.Close()) })
	cfg.TempDir = t.TempDir()
	cfg.Checks = map[string]func(context.Context) error{"graph": store.Ready}
	for _, f := range tune {
		f(&cfg)
	}
	r.server = must(web.New(cfg))(t)
	hear := func(ctx context.Context) error { return reports.Hear(ctx, kv, identity.Concerns) }
	r.serve(r.server, lake.Run, reports.Run, cfg.Sources.Run, hear, remove)
	r.people()
	return r
}

// curator is what the command wires.
type curator struct {
	store  *graph.Store
	herald *reportd.Herald
}

func (c curator) Records(ctx context.Context, q tahoe.RecordQuery) (tahoe.RecordPage, error) {
	page, err := c.store.Records(ctx, q)
	if errors.Is(err, graph.ErrNotFound) {
		err = web.ErrNoRecord
	}
	return page, err
}

func (c curator) Mark(ctx context.Context, orgs []string, event tahoe.Hash, m tahoe.Marking) error {
	return c.changed(ctx, event, c.store.Mark(ctx, orgs, event, m))
}

func (c curator) Classify(ctx context.Context, orgs []string, event tahoe.Hash, category tahoe.Category) error {
	return c.changed(ctx, event, c.store.Classify(ctx, orgs, event, category))
}

func (c curator) SetContext(ctx context.Context, orgs []string, event, node tahoe.Hash, category tahoe.Category) error {
	return c.changed(ctx, event, c.store.SetContext(ctx, orgs, event, node, category))
}

func (c curator) changed(ctx context.Context, event tahoe.Hash, err error) error {
	if errors.Is(err, graph.ErrNotFound) {
		return web.ErrNoEvent
	} else if err != nil {
		return err
	}
	e, err := c.store.Event(ctx, event)
	if err != nil {
		return err
	}
	return c.herald.Announce(ctx, []tahoe.Record{{Events: []*tahoe.Event{e}}})
}

func (c curator) RemoveEvents(ctx context.Context, orgs []string, events []tahoe.Hash) (web.Removed, error) {
	removed, err := c.store.RemoveEvents(ctx, graph.Removal{Orgs: orgs, Events: events, Raws: true})
	return web.Removed(removed), err
}

// removes is the work of removals, as the command wires it.
func removes(store *graph.Store, lake *ingest.Service) retention.Work {
	return func(ctx context.Context, job retention.Job, told func(int)) error {
		if job.What == retention.Organisation {
			_, err := store.RemoveOrg(ctx, job.Org, func(n graph.Removed) { told(n.Events) })
			return err
		}
		events := 0
		return lake.TakeBack(ctx, job.Object, func(ctx context.Context, raws []tahoe.Hash) error {
			n, err := store.RemoveUploads(ctx, job.Org, raws)
			events += n.Events
			told(events)
			return err
		})
	}
}

// serve runs everything until the test ends or stop is called.
func (r *rig) serve(server *web.Server, others ...func(context.Context) error) {
	r.t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))(r.t)
	r.url = "http://" + l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return server.Serve(ctx, l) })
	for _, run := range others {
		group.Go(func() error { return run(ctx) })
	}
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			r.t.Errorf("run: %v", err)
		}
	})
	r.t.Cleanup(r.stop)
}

// people makes the users that tests sign in as.
func (r *rig) people() {
	r.t.Helper()
	ctx := r.t.Context()
	join := func(name string, super bool) person {
		u := must(r.users.CreateUser(ctx, identity.User{Email: name + "@example.org", Name: name, Super: super}))(r.t)
		return person{u, must(r.users.Issue(ctx, u.Hash, time.Hour))(r.t)}
	}
	r.admin, r.reader, r.stranger, r.super = join("ada", false), join("rita", false), join("sven", false), join("root", true)
	r.org = must(r.users.CreateOrg(ctx, r.admin.Hash, identity.Org{Name: r.orgName, Title: "Test"}))(r.t)
	r.org = must(r.users.Grant(ctx, r.org.Hash, r.reader.Hash, identity.Reader))(r.t)
}

func newReports(t *testing.T, workers int, b *bus.Bus, store *graph.Store, users *identity.Service, log *slog.Logger) *reportd.Service {
	t.Helper()
	cfg := reportd.DefaultConfig()
	cfg.Bus, cfg.DB, cfg.Logger, cfg.Workers = b, store, log, workers
	cfg.Rights = func(ctx context.Context, user string) ([]tdql.Org, error) {
		hash, err := tahoe.ParseHash(user)
		if err != nil {
			return nil, err
		}
		return web.Rights(ctx, users, hash)
	}
	return must(reportd.New(t.Context(), cfg))(t)
}

// A call is a request to the rig.
type call struct {
	method, path string
	as           person
	header       http.Header
	body         io.Reader
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
	after  http.Header // what followed the body
}

// do sends a call and reads the whole answer.
func (r *rig) do(c call) answer {
	r.t.Helper()
	req := must(http.NewRequestWithContext(r.t.Context(), c.method, r.url+c.path, c.body))(r.t)
	for name, values := range c.header {
		req.Header[name] = values
	}
	if c.as.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.as.token)
	}
	if c.body != nil && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp := must(http.DefaultClient.Do(req))(r.t)
	defer resp.Body.Close()
	body := must(io.ReadAll(resp.Body))(r.t)
	return answer{resp.StatusCode, resp.Header, body, resp.Trailer}
}

func (r *rig) get(as person, path string) answer {
	r.t.Helper()
	return r.do(call{method: http.MethodGet, path: path, as: as})
}

func (r *rig) post(as person, path, body string) answer {
	r.t.Helper()
	return r.do(call{method: http.MethodPost, path: path, as: as, body: strings.NewReader(body)})
}

// member reads one member of a JSON object.
func (a answer) member(t *testing.T, name string) any {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal(a.body, &object); err != nil {
		t.Fatalf("answer is no JSON object: %v\n%s", err, a.body)
	}
	return object[name]
}

func (a answer) text(t *testing.T, name string) string {
	t.Helper()
	text, _ := a.member(t, name).(string)
	return text
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		check(t, err)
		return v
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); !done(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not in time", what)
		}
	}
}

// lockedBuffer is a log that a test may read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// kvStore is a bucket of the bus, with errors of who keeps things there.
type kvStore struct {
	kv                 *bus.KV
	notFound, conflict error
}

func (s kvStore) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	e, err := s.kv.Get(ctx, key)
	if errors.Is(err, bus.ErrNotFound) {
		return nil, 0, s.notFound
	}
	return e.Value, e.Revision, err
}

func (s kvStore) Set(ctx context.Context, key string, value []byte, revision uint64) error {
	write := func() (uint64, error) { return s.kv.Update(ctx, key, value, revision) }
	if revision == 0 {
		write = func() (uint64, error) { return s.kv.Create(ctx, key, value) }
	}
	_, err := write()
	switch {
	case errors.Is(err, bus.ErrExists) || errors.Is(err, bus.ErrConflict):
		return s.conflict
	case err == nil && value == nil:
		return s.kv.Delete(ctx, key)
	}
	return err
}

func (s kvStore) List(ctx context.Context, prefix string) ([][]byte, error) {
	entries, err := s.kv.List(ctx, prefix+">")
	values := make([][]byte, len(entries))
	for i, e := range entries {
		values[i] = e.Value
	}
	return values, err
}

// bury makes a dead letter of a record, as ingest would, and gives its ID.
func (r *rig) bury(typetag, record string) string {
	r.t.Helper()
	dead := must(r.bus.Stream(r.t.Context(), bus.StreamConfig{Name: "lake-dead", Subjects: []string{"lake-dead.>"}}))(r.t)
	plain := binary.AppendUvarint([]byte{1}, uint64(len(record)))
	header := map[string]string{
		"Upload": "buried", "Try": "1", "Chunk": "0", "Record": "1", "Line": "1", "Records": "1", "Typetag": typetag, "Org": r.org.Hash.String(),
		"Timezone": "UTC", bus.HeaderReason: "test",
	}
	subject := "lake-dead.lake." + typetag + "." + r.org.Hash.String() + ".buried.1.0-1.1"
	sealed := must(r.keys.Seal(append(plain, record...)))(r.t)
	return strconv.FormatUint(must(dead.Publish(r.t.Context(), subject, header, sealed))(r.t), 10)
}
