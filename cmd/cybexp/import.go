package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cybexp/cybexp"
	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/graph/dgraphd"
	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/ingest/filter"
	"github.com/cybexp/cybexp/tahoe"
)

// An import is made in a folder beside that of the graph, and takes its place when it is whole. What is in the folder of one that did not
// get there is of no use to anybody.
const (
	graphDir  = "dgraph"
	importDir = "dgraph.import"
)

type importOptions struct {
	settings
	remote

	typetag, org, timezone string
	tlp                    tahoe.Marking
	bulk, again            bool
}

func (a *app) importCommand() *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:   "import FILE...",
		Short: "Take an export into a platform that runs, or fill an empty one from files, with less than half the work of uploads",
		Long: "Without --bulk, FILE is what `cybexp export` wrote: its raws and events, with all that they hold, come into the graph as they were there, each to the\n" +
			"organisation of the same name, which must be there and which you must administer; with --org all come to that one, and their events get\n" +
			"its hash. A document that cannot be used is told with its line, and the others count. To send a file again does no harm: what the\n" +
			"server has it does not read again, so an import that broke off goes on there. STIX bundles of an export go with --org and `--typetag stix`.\n\n" +
			"With --bulk, files of raw records are mapped, the database's own files are written from the result, and a data folder is left for `cybexp up`.\n" +
			"The platform must not run, and its graph must be empty; the organisation is made when there is none of the name. One that is\n" +
			"broken off leaves no graph.\n\n" +
			"`-` is standard input, and a name that ends in .gz a zipped file.",
		Example: "  cybexp import graph.ndjson\n" +
			"  cybexp import --typetag stix --org acme april.stix.json\n" +
			"  cybexp import --bulk --typetag cowrie --org acme --data data 2025-*.json.gz",
		GroupID: "platform",
		Args:    minArgs("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.remote.data = o.settings.data
			if !o.bulk {
				return a.importRunning(cmd.Context(), &o, args)
			}
			return interrupted(cmd.Context(), a.importFiles(cmd.Context(), o, args))
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.bulk, "bulk", false, "write the files of an empty graph, from raw records")
	f.BoolVar(&o.again, "again", false, "send also what the server knows from an earlier import, after it was removed there")
	f.StringVar(&o.server, "server", "http://"+defaultListen, "base `URL` of the platform, if it runs")
	f.StringVar(&o.token, "token", "", "access token (default: the admin token in the data folder, for a server on this machine)")
	f.StringVar(&o.typetag, "typetag", "", "what the records are, such as cowrie (required with --bulk; without, TAHOE documents)")
	f.StringVar(&o.org, "org", "", "organisation that owns the data, by name or hash (required with --bulk; without, that of each document)")
	f.StringVar(&o.timezone, "timezone", "UTC", "IANA `ZONE` of times that name none")
	tlpFlag(f, &o.tlp)
	o.settings.bind(cmd, roleImport)
	setDefault(cmd, "log-level", "error")
	return cmd
}

// importRunning takes files into a platform that runs.
func (a *app) importRunning(ctx context.Context, o *importOptions, files []string) error {
	if o.typetag == "" || o.typetag == documentsTag {
		return a.importDocuments(ctx, o, files)
	}
	if o.typetag != stixTag || o.org == "" {
		return usageError{errors.New("into a platform that runs an export is taken in, of TAHOE documents or with --typetag stix --org ORG; `cybexp send` uploads other records")}
	}
	if err := o.resolve(); err != nil {
		return err
	}
	send := &sendOptions{remote: o.remote, typetag: o.typetag, org: o.org, timezone: o.timezone, tlp: o.tlp, follow: true}
	var errs []error
	for _, path := range files {
		if err := a.sendFile(ctx, send, path); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", path, err))
		}
	}
	return errors.Join(errs...)
}

// stixTag is the format of STIX bundles.
const stixTag = "stix"

// importFiles checks what it was told, finds the organisation, fills a graph, and puts it in its place.
func (a *app) importFiles(ctx context.Context, o importOptions, files []string) (err error) {
	if o.typetag == "" || o.org == "" {
		return usageError{errors.New("--bulk needs --typetag and --org: what the records are, and whose")}
	}
	if !slices.Contains(filter.Typetags(), o.typetag) {
		return usageError{fmt.Errorf("no filter knows the typetag %q; there are: %s", o.typetag, strings.Join(filter.Typetags(), ", "))}
	}
	inputs, err := openInputs(a, files)
	if err != nil {
		return err
	}
	defer inputs.close()
	log, err := o.logger(a)
	if err != nil {
		return err
	}
	p := &platform{settings: o.settings, log: log}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.openOwnBus(ctx); err != nil {
		return err
	}
	if err := p.bringUpToDate(ctx); err != nil {
		return err
	}
	if err := p.graphIsEmpty(ctx); err != nil {
		return err
	}
	up := ingest.Upload{ID: "import", Typetag: o.typetag, Timezone: o.timezone, Marking: o.tlp}
	if up.Org, err = a.importOrg(ctx, p, o.org); err != nil {
		return err
	}
	if err := up.Check(); err != nil {
		return usageError{err}
	}
	begun := time.Now()
	r := &importRun{app: a, up: up, received: begun, inputs: inputs, bulk: graph.NewBulk(), note: newNote(a)}
	defer r.note.clear()
	if err := p.fill(ctx, r); err != nil {
		return err
	}
	r.note.clear()
	return a.tellImport(r, time.Since(begun))
}

// importOrg finds the organisation, or makes it as `cybexp org create` would, on behalf of the superuser.
func (a *app) importOrg(ctx context.Context, p *platform, text string) (tahoe.Hash, error) {
	if err := p.openIdentity(ctx); err != nil {
		return tahoe.Hash{}, err
	}
	if err := p.bootstrap(ctx); err != nil {
		return tahoe.Hash{}, err
	}
	found, err := p.users.FindOrg(ctx, text)
	if !errors.Is(err, identity.ErrNotFound) {
		return found.Hash, err
	}
	if _, err := tahoe.ParseHash(text); err == nil {
		return tahoe.Hash{}, usageError{fmt.Errorf("no organisation has the hash %s: give a name to make one", text)}
	}
	made, err := p.users.CreateOrg(ctx, tahoe.UserHash(adminEmail, true), identity.Org{Name: text})
	if err != nil {
		return tahoe.Hash{}, fmt.Errorf("make organisation: %w", err)
	}
	fmt.Fprintf(a.stderr, "organisation %s made: %s\n", made.Name, made.Hash)
	return made.Hash, nil
}

// graphIsEmpty fails when the platform's graph holds something. One that was started and never filled does not.
func (p *platform) graphIsEmpty(ctx context.Context) error {
	dir := filepath.Join(p.data, graphDir)
	if _, err := os.Stat(filepath.Join(dir, "p")); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return p.withDgraph(ctx, dir, func(store *graph.Store) error {
		s, err := store.Stats(ctx)
		if err != nil {
			return err
		}
		if n := s.Attributes + s.Objects + s.Events + s.Sessions + s.Raws; n > 0 {
			return fmt.Errorf("%w, with %d vertices: import fills an empty one, `cybexp send` adds to it", dgraphd.ErrNotEmpty, n)
		}
		return nil
	})
}

// withDgraph runs f on the graph in a folder, with its schema, and returns when its Dgraph is gone.
func (p *platform) withDgraph(ctx context.Context, dir string, f func(*graph.Store) error) error {
	return p.withBareDgraph(ctx, dir, func(store *graph.Store) error {
		if err := store.ApplySchema(ctx, cybexp.Schema); err != nil {
			return err
		}
		return f(store)
	})
}

// withBareDgraph is withDgraph for a graph that is left as it is.
func (p *platform) withBareDgraph(ctx context.Context, dir string, f func(*graph.Store) error) (err error) {
	cfg, err := p.dgraphConfig(dir)
	if err != nil {
		return err
	}
	server, err := dgraphd.Start(ctx, cfg)
	if err != nil {
		return fmt.Errorf("start dgraph: %w", err)
	}
	defer server.Stop()
	store, err := graph.Open(ctx, graph.Config{Target: server.Target(), HTTP: server.HTTP(), Logger: p.log, Program: version})
	if err != nil {
		return fmt.Errorf("open graph: %w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return f(store)
}

// fill makes the graph and puts it in its place.
func (p *platform) fill(ctx context.Context, r *importRun) error {
	dir, place := filepath.Join(p.data, importDir), filepath.Join(p.data, graphDir)
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove what an earlier import left: %w", err)
	}
	cfg, err := p.dgraphConfig(dir)
	if err != nil {
		return err
	}
	if err := dgraphd.Load(ctx, cfg, func(w io.Writer) error { return r.spell(ctx, w) }, graph.Predicates); err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	if err := p.withDgraph(ctx, dir, func(s *graph.Store) error { return r.openLedgers(ctx, s) }); err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	if err := os.RemoveAll(place); err != nil { // graphIsEmpty has looked
		return fmt.Errorf("remove the empty graph: %w", err)
	}
	if err := os.Rename(dir, place); err != nil {
		return fmt.Errorf("put the graph in its place: %w", err)
	}
	return nil
}
