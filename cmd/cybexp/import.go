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
	typetag, org, timezone string
	tlp                    tahoe.Marking
	bulk                   bool
}

func (a *app) importCommand() *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:   "import FILE...",
		Short: "Fill an empty platform from files, many times faster than uploads can",
		Long: "Map files of raw records, write the database's own files from the result, and leave a data folder for `cybexp up`.\n" +
			"The platform must not run, and its graph must be empty; the organisation is made when there is none of the name.\n" +
			"`-` is standard input, and a name that ends in .gz a zipped file. An import that is broken off leaves no graph.",
		Example: "  cybexp import --bulk --typetag cowrie --org acme --data data 2025-*.json.gz",
		GroupID: "platform",
		Args:    minArgs("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return interrupted(cmd.Context(), a.importFiles(cmd.Context(), o, args))
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.bulk, "bulk", false, "write the files of an empty graph (required: `cybexp send` adds to a running one)")
	f.StringVar(&o.typetag, "typetag", "", "what the records are, such as cowrie (required)")
	f.StringVar(&o.org, "org", "", "organisation that owns the data, by name or hash (required)")
	f.StringVar(&o.timezone, "timezone", "UTC", "IANA `ZONE` of times that name none")
	tlpFlag(f, &o.tlp)
	o.bind(cmd, roleImport)
	setDefault(cmd, "log-level", "error")
	for _, name := range []string{"typetag", "org"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // the flag is defined some lines up
		}
	}
	return cmd
}

// importFiles checks what it was told, finds the organisation, fills a graph, and puts it in its place.
func (a *app) importFiles(ctx context.Context, o importOptions, files []string) (err error) {
	if !o.bulk {
		return usageError{errors.New("import needs --bulk; `cybexp send` uploads to a platform that runs")}
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
	if err := p.openBus(ctx); err != nil {
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
