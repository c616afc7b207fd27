package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/cybexp/cybexp/backup"
	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/web"
)

// Where things are in a backup, and where it is put together within the data folder.
const (
	backupGraph = "graph"
	backupBus   = "bus"
	backupKeys  = "keys"
	backupDir   = "backup"
)

// stores says where a command finds the graph and the bus: of a data folder, or of servers.
type stores struct {
	settings
	remote
}

func (o *stores) bind(cmd *cobra.Command, r role) {
	o.settings.bind(cmd, r)
	setDefault(cmd, "log-level", "error")
}

// split tells whether the stores are servers that run elsewhere.
func (o *stores) split() (bool, error) {
	switch {
	case o.dgraph == "" && o.nats == "":
		return false, nil
	case o.dgraph == "" || o.nats == "":
		return false, usageError{errors.New("--dgraph and --nats go together: a split deployment has both")}
	case o.exchange == "":
		return false, usageError{errors.New("--exchange is needed with --dgraph: Dgraph itself reads and writes the graph's part there")}
	}
	return true, nil
}

func (a *app) backupCommand() *cobra.Command {
	var o stores
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write all that a platform keeps into one file, while it runs",
		Long: "The file holds the graph, what lies in the lake, users, organisations and tokens, uploads, sources, dead letters, and the keys: whoever has it\n" +
			"has everything. It is readable for its owner only; encrypt it before it leaves the machine. `-` is standard output, for a pipe to a\n" +
			"program that does. `cybexp restore` makes a platform of it that answers as this one did.\n\n" +
			"A platform that runs is asked over HTTP with a superuser's token; one that does not is read from its data folder.",
		Example: "  cybexp backup cybexp.tar\n" +
			"  cybexp backup - | age -r age1… > cybexp.tar.age\n" +
			"  cybexp backup cybexp.tar --dgraph dgraph://alpha:9080 --nats nats://nats:4222 --data /data --exchange /exchange",
		GroupID: "platform",
		Args:    exactArgs("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.remote.data = o.settings.data
			return interrupted(cmd.Context(), a.backup(cmd.Context(), &o, cmd.Flags().Changed("server"), args[0]))
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.server, "server", "http://"+defaultListen, "base `URL` of the platform, if it runs")
	o.bindToken(cmd, "superuser's token")
	o.bindTrust(cmd)
	o.bind(cmd, roleBackup)
	return cmd
}

// backup writes the backup to a file that appears when it is whole.
func (a *app) backup(ctx context.Context, o *stores, ask bool, file string) error {
	split, err := o.split()
	if err != nil {
		return err
	}
	write := o.askBackup
	if split || !ask && o.stopped() {
		write = func(ctx context.Context, w io.Writer) error { return a.ownBackup(ctx, o, w) }
	}
	begun, count := time.Now(), &countedWriter{}
	stop := a.tellBytes("backup", count)
	defer stop()
	if file == "-" {
		count.w = a.stdout
		err = write(ctx, count)
	} else {
		err = wholeFile(file, func(f io.Writer) error {
			count.w = f
			return write(ctx, count)
		})
	}
	stop()
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "backup of %s in %s; it holds the keys: keep it as safe as the platform\n",
		byteText(count.n.Load()), time.Since(begun).Round(time.Second/10))
	return nil
}

// stopped tells whether there is a data folder that no platform uses.
func (o *stores) stopped() bool {
	dir := filepath.Join(o.settings.data, backupBus)
	return isDir(dir) && !bus.InUse(dir)
}

// askBackup has a platform that runs write its backup.
func (o *stores) askBackup(ctx context.Context, w io.Writer) error {
	if err := o.resolve(); err != nil {
		return err
	}
	return o.send(ctx, http.MethodGet, "/api/v1/backup", nil, nil, func(answer io.Reader) error {
		if _, err := io.Copy(w, answer); err != nil {
			return fmt.Errorf("the backup broke off, and the server's log says why: %w", err)
		}
		return nil
	})
}

// ownBackup reads the stores itself.
func (a *app) ownBackup(ctx context.Context, o *stores, w io.Writer) (err error) {
	if err := o.checkServers(); err != nil {
		return err
	}
	log, err := o.logger(a)
	if err != nil {
		return err
	}
	p := &platform{settings: o.settings, log: log}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.openOwnBus(ctx); err != nil {
		return err
	}
	write := func(store *graph.Store) error {
		p.store = store
		return p.writeBackup(ctx, w)
	}
	if p.dgraph == "" {
		return p.withBareDgraph(ctx, filepath.Join(p.data, graphDir), write)
	}
	store, err := p.connectGraph(ctx)
	if err != nil {
		return err
	}
	return errors.Join(write(store), store.Close())
}

// writeBackup writes all that the platform keeps. The order is what makes the parts fit: docs/adr/0031.
func (p *platform) writeBackup(ctx context.Context, w io.Writer) (err error) {
	if !p.backingUp.TryLock() {
		return web.ErrBusy
	}
	defer p.backingUp.Unlock()
	dir, err := p.emptyFolder(backupDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	sdl, err := p.store.Schema(ctx)
	if err != nil {
		return err
	}
	out := backup.NewWriter(w, backup.Manifest{Program: version, Schema: graph.SchemaVersion(sdl), Layout: layoutVersion, Made: time.Now().UTC()})
	streams, err := p.bus.Stored(ctx)
	if err != nil {
		return err
	}
	for _, group := range backupOrder(streams) {
		for _, s := range group.streams {
			if err := p.addStream(ctx, out, dir, s.Name); err != nil {
				return err
			}
		}
		if group.graph {
			if err := p.addGraph(ctx, out, dir); err != nil {
				return err
			}
		}
	}
	if err := p.addSecrets(out); err != nil {
		return err
	}
	return out.Close()
}

// backs tells whether this process can write a backup that is of use: it reaches what Dgraph writes, and has the keys that open the lake.
func (p *platform) backs(keys *ingest.Keys) bool {
	return (p.ownDgraph || p.exchange != "") && keys.CanOpen()
}

// backupGroup is a part of a backup; its streams in any order, then the graph, if it is its turn.
type backupGroup struct {
	streams []bus.Stored
	graph   bool
}

// backupOrder puts what is read again, or worked on again, before what came of it.
func backupOrder(streams []bus.Stored) []backupGroup {
	var positions, queues, rest, identities backupGroup
	for _, s := range streams {
		g := &rest
		switch {
		case s.Bucket() == "sources":
			g = &positions
		case s.WorkQueue:
			g = &queues
		case s.Bucket() == identityBucket:
			g = &identities
		}
		g.streams = append(g.streams, s)
	}
	rest.graph = true
	return []backupGroup{positions, queues, rest, identities}
}

func (p *platform) addStream(ctx context.Context, out *backup.Writer, dir, name string) error {
	part := filepath.Join(dir, name)
	if err := p.bus.Snapshot(ctx, name, part); err != nil {
		return err
	}
	if err := out.AddFolder(backupBus+"/"+name, part); err != nil {
		return err
	}
	return os.RemoveAll(part)
}

func (p *platform) addGraph(ctx context.Context, out *backup.Writer, dir string) (err error) {
	part := filepath.Join(dir, backupGraph)
	if p.exchange != "" {
		if part, err = os.MkdirTemp(p.exchange, "cybexp-backup-"); err != nil {
			return fmt.Errorf("make a folder to exchange: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(part)) }()
	}
	if part, err = filepath.Abs(part); err != nil {
		return err
	}
	if err := p.store.Backup(ctx, part); err != nil {
		return err
	}
	return out.AddFolder(backupGraph, part)
}

func (p *platform) addSecrets(out *backup.Writer) error {
	if err := out.AddFolder(backupKeys, filepath.Join(p.data, "keys")); err != nil {
		return err
	}
	token := filepath.Join(p.data, adminTokenFile)
	if _, err := os.Stat(token); errors.Is(err, os.ErrNotExist) {
		return nil // the next start makes one
	}
	return out.AddFile(adminTokenFile, token)
}

// emptyFolder makes a folder within the data folder, in place of what an earlier command may have left.
func (p *platform) emptyFolder(name string) (dir string, err error) {
	dir = filepath.Join(p.data, name)
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("remove what an earlier command left: %w", err)
	}
	return dir, os.MkdirAll(dir, 0o700)
}

// wholeFile writes a file, for its owner only, that appears under its name when it is whole. It replaces none.
func wholeFile(name string, write func(io.Writer) error) error {
	if _, err := os.Lstat(name); err == nil {
		return fmt.Errorf("%s exists already, and is not replaced", name)
	}
	part := name + ".part"
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = errors.Join(f.Chmod(0o600), write(f), f.Sync(), f.Close())
	if err != nil {
		return errors.Join(err, os.Remove(part))
	}
	return os.Rename(part, name)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// countedWriter counts what is written.
type countedWriter struct {
	w io.Writer
	n atomic.Int64
}

// Write writes on.
func (c *countedWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n.Add(int64(n))
	return n, err
}

// tellBytes shows how far something is, on a terminal, until the returned function is called.
func (a *app) tellBytes(what string, count *countedWriter) (stop func()) {
	n := newNote(a)
	if !n.live {
		return func() {}
	}
	begun, done, gone := time.Now(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				n.clear()
				return
			case <-tick.C:
				n.show(fmt.Sprintf("%s: %s, %s", what, byteText(count.n.Load()), time.Since(begun).Round(time.Second)))
			}
		}
	}()
	return sync.OnceFunc(func() { close(done); <-gone })
}
