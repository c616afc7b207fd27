package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/cybexp/cybexp"
	"github.com/cybexp/cybexp/backup"
	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/layout"
)

// A restore is made in a folder within the data folder: the backup is unpacked into one part of it, and what becomes of it is built in the other.
// When that is whole, restoreWhole says so, and what is there moves to its place.
const (
	restoreDir      = "restore"
	restoreUnpacked = "unpacked"
	restoreBuilt    = "built"
	restoreWhole    = "whole"
)

// platformParts are what a data folder holds of a platform.
var platformParts = []string{graphDir, backupBus, backupKeys, adminTokenFile}

func (a *app) restoreCommand() *cobra.Command {
	var o stores
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make a platform of a backup",
		Long: "The data folder must hold no platform yet. The backup is unpacked and checked, byte by byte, before anything else happens; what the platform\n" +
			"is made of comes to its place when it is whole. When it is broken off, run it again. `-` is standard input.\n\n" +
			"With --dgraph and --nats it is made in servers that run; they must be empty, and no role of the platform may run.",
		Example: "  cybexp restore cybexp.tar --data /var/lib/cybexp\n" +
			"  age -d -i key.txt cybexp.tar.age | cybexp restore -\n" +
			"  cybexp restore cybexp.tar --dgraph dgraph://alpha:9080 --nats nats://nats:4222 --data /data --exchange /exchange",
		GroupID: "platform",
		Args:    exactArgs("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return interrupted(cmd.Context(), a.restore(cmd.Context(), &o, args[0]))
		},
	}
	o.bind(cmd, roleRestore)
	return cmd
}

func (a *app) restore(ctx context.Context, o *stores, file string) (err error) {
	if err := o.checkServers(); err != nil {
		return err
	}
	split, err := o.split()
	if err != nil {
		return err
	}
	log, err := o.logger(a)
	if err != nil {
		return err
	}
	if err := checkOwner(o.settings.data); err != nil {
		return err
	}
	p := &platform{settings: o.settings, log: log}
	defer func() { err = errors.Join(err, p.close()) }()
	dir := filepath.Join(p.data, restoreDir)
	if _, err := os.Stat(filepath.Join(dir, restoreWhole)); err == nil {
		fmt.Fprintln(a.stderr, "a restore was broken off when it was nearly done: it goes on, whatever FILE is")
		return a.finishRestore(p)
	}
	if err := p.holdsNothing(); err != nil {
		return err
	}
	if _, err := p.emptyFolder(restoreDir); err != nil {
		return err
	}
	begun := time.Now()
	m, err := a.unpack(file, filepath.Join(dir, restoreUnpacked))
	if err == nil {
		err = a.build(ctx, p, split, m)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	if err := a.finishRestore(p); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "restored in %s what was backed up on %s\n", time.Since(begun).Round(time.Second/10), m.Made.Format(time.RFC3339))
	return nil
}

// holdsNothing fails when the data folder has a platform, or a part of one.
func (p *platform) holdsNothing() error {
	for _, part := range platformParts {
		path := filepath.Join(p.data, part)
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("%s is there: restore into an empty data folder, with --data", path)
		}
	}
	return nil
}

// unpack puts the backup's files into a folder and checks them.
func (a *app) unpack(file, dir string) (m backup.Manifest, err error) {
	in, err := a.openArg([]string{file})
	if err != nil {
		return m, err
	}
	defer in.Close()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return m, err
	}
	count := &countedWriter{w: io.Discard}
	defer a.tellBytes("unpack and check", count)()
	if m, err = backup.Unpack(io.TeeReader(in, count), dir); err != nil {
		return m, err
	}
	if ours := graph.SchemaVersion(cybexp.Schema); m.Schema > ours {
		return m, fmt.Errorf("%w, %s: restore it with that one (its graph has schema %d, this version knows %d)", backup.ErrNewer, m.Program, m.Schema, ours)
	}
	if m.Layout > layoutVersion {
		return m, fmt.Errorf("%w, %s: restore it with that one (its layout has version %d, this version knows %d)", backup.ErrNewer, m.Program, m.Layout, layoutVersion)
	}
	return m, nil
}

// build makes the parts of the platform.
func (a *app) build(ctx context.Context, p *platform, split bool, m backup.Manifest) error {
	dir := filepath.Join(p.data, restoreDir)
	from, to := filepath.Join(dir, restoreUnpacked), filepath.Join(dir, restoreBuilt)
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	say := func(text string) { fmt.Fprintf(a.stderr, "%s\n", text) }
	say(fmt.Sprintf("the backup is whole: %d files, %s, by cybexp %s", len(m.Files), byteText(m.Size()), m.Program))
	var err error
	config := bus.Config{Dir: filepath.Join(to, backupBus), Logger: p.log}
	if split {
		if config, err = p.busConfig(); err != nil {
			return err
		}
	}
	b, err := bus.Open(ctx, config)
	if err != nil {
		return fmt.Errorf("open bus: %w", err)
	}
	defer func() { _ = b.Close() }() // it never fails
	if err := holdsNoStreams(ctx, b); err != nil {
		return err
	}
	say("restoring the graph")
	if err := p.restoreGraph(ctx, split, filepath.Join(from, backupGraph), filepath.Join(to, graphDir)); err != nil {
		return err
	}
	say("restoring the lake, identities and uploads")
	if err := restoreStreams(ctx, b, filepath.Join(from, backupBus)); err != nil {
		return err
	}
	for _, part := range []string{backupKeys, adminTokenFile} {
		if err := os.Rename(filepath.Join(from, part), filepath.Join(to, part)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return fileMark(filepath.Join(to, layoutFile)).Save(ctx, layout.Mark{Version: max(m.Layout, 1), Program: m.Program})
}

func holdsNoStreams(ctx context.Context, b *bus.Bus) error {
	streams, err := b.Stored(ctx)
	if err != nil {
		return err
	}
	if len(streams) > 0 {
		return fmt.Errorf("the NATS server has the stream %s: restore into an empty one", streams[0].Name)
	}
	return nil
}

// restoreGraph has Dgraph make the graph: one of its own, in a folder, or that of a cluster.
func (p *platform) restoreGraph(ctx context.Context, split bool, from, to string) error {
	from, err := filepath.Abs(from)
	if err != nil {
		return err
	}
	if !split {
		return p.restoreOwnGraph(ctx, from, to)
	}
	shared, err := os.MkdirTemp(p.exchange, "cybexp-restore-")
	if err != nil {
		return fmt.Errorf("make a folder to exchange: %w", err)
	}
	defer os.RemoveAll(shared)
	if err := errors.Join(os.Chmod(shared, 0o755), os.CopyFS(filepath.Join(shared, backupGraph), os.DirFS(from))); err != nil { //nolint:gosec // Dgraph may be another user
		return fmt.Errorf("hand the graph's part to dgraph: %w", err)
	}
	store, err := p.connectGraph(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }() // what it was asked is done
	stats, err := store.Stats(ctx)
	if err != nil {
		return err
	}
	if n := stats.Attributes + stats.Objects + stats.Events + stats.Sessions + stats.Raws; n > 0 {
		return fmt.Errorf("the Dgraph at %s has %d vertices: restore into an empty one", p.dgraph, n)
	}
	return store.Restore(ctx, filepath.Join(shared, backupGraph))
}

// restoreOwnGraph also starts Dgraph once more: what it restored is only safe when it does not want to do it again.
func (p *platform) restoreOwnGraph(ctx context.Context, from, to string) error {
	if err := p.withBareDgraph(ctx, to, func(s *graph.Store) error { return s.Restore(ctx, from) }); err != nil {
		return err
	}
	if err := os.RemoveAll(from); err != nil {
		return err
	}
	return p.withBareDgraph(ctx, to, func(s *graph.Store) error {
		sdl, err := s.Schema(ctx)
		if err == nil && sdl == "" {
			err = errors.New("dgraph did not keep what it restored: run `cybexp restore` again")
		}
		return err
	})
}

func restoreStreams(ctx context.Context, b *bus.Bus, from string) error {
	streams, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, s := range streams {
		if err := b.Restore(ctx, s.Name(), filepath.Join(from, s.Name())); err != nil {
			return err
		}
	}
	return nil
}

// finishRestore moves what was built to its place. It may be repeated.
func (a *app) finishRestore(p *platform) error {
	dir := filepath.Join(p.data, restoreDir)
	if err := os.WriteFile(filepath.Join(dir, restoreWhole), nil, 0o600); err != nil {
		return err
	}
	built := filepath.Join(dir, restoreBuilt)
	parts, err := os.ReadDir(built)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, part := range parts {
		if !slices.Contains(append(platformParts, layoutFile), part.Name()) {
			return fmt.Errorf("%s does not belong into a restore", filepath.Join(built, part.Name()))
		}
		if err := os.Rename(filepath.Join(built, part.Name()), filepath.Join(p.data, part.Name())); err != nil {
			return err
		}
	}
	for _, name := range []string{restoreUnpacked, restoreBuilt, restoreWhole} { // in this order: while the last is there, it can go on
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return os.Remove(dir)
}

// brokenRestore fails when a restore did not come to its end.
func (p *platform) brokenRestore() error {
	dir := filepath.Join(p.data, restoreDir)
	if left, err := os.ReadDir(dir); err != nil || len(left) == 0 {
		return nil // there was none
	}
	return fmt.Errorf("a restore into %s was broken off: run `cybexp restore` again, or remove %s", p.data, dir)
}
