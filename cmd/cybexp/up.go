package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/graph/dgraphd"
	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/tahoe"
)

// adminTokenFile, in the data folder, holds the superuser's token.
const adminTokenFile = "admin.token"

// tokenKeyFile, in the data folder, holds the keys that sign tokens.
const tokenKeyFile = "keys/token.key"

// adminEmail names the superuser that a first start makes.
const adminEmail = "admin@localhost"

// adminTokenLife is how long the superuser's token holds; a start with less than adminTokenRest left writes a new one.
const (
	adminTokenLife = 365 * 24 * time.Hour
	adminTokenRest = 30 * 24 * time.Hour
)

func (a *app) upCommand() *cobra.Command {
	var s settings
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run the whole platform: database, bus, ingest, reports and page",
		Long: "Run everything in one process tree, with a Dgraph and a NATS of its own unless --dgraph and --nats name others.\n" +
			"When all of it answers, one line on standard output tells where: ready http://ADDR.\n" +
			"The superuser's token is in DIR/admin.token.",
		Example: "  cybexp up --demo\n  cybexp up --data /var/lib/cybexp --listen 127.0.0.1:0 --dgraph-offset auto",
		GroupID: "platform",
		Args:    exactArgs(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.up(cmd.Context(), s) },
	}
	s.bind(cmd, roleUp)
	return cmd
}

func (a *app) up(ctx context.Context, s settings) (err error) {
	log, err := s.logger(a)
	if err != nil {
		return err
	}
	if err := s.checkServers(); err != nil {
		return err
	}
	if _, _, err := s.retention(); err != nil {
		return err // before anything is started
	}
	spareMemory()
	l, err := listenOn(ctx, s.listen, s.tls, log)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // closed already when it was served

	p := &platform{settings: s, log: log}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.observe(ctx, "up"); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running context.Context
	p.group, running = errgroup.WithContext(ctx)
	if err := a.start(running, p, l); err != nil {
		cancel()
		// The first error is the cause; what the others say on their way out is not news.
		if ended := p.group.Wait(); ended != nil && !errors.Is(ended, context.Canceled) && errors.Is(err, context.Canceled) {
			err = ended
		}
		return interrupted(ctx, err)
	}
	log.Info("ready", "url", l.url())
	a.ready(l)
	notifyManager(log)
	err = p.group.Wait()
	log.Info("stopped")
	return interrupted(ctx, err)
}

// start brings everything up, in order, and returns when all of it answers.
func (a *app) start(ctx context.Context, p *platform, l port) error {
	if err := os.MkdirAll(p.data, 0o700); err != nil {
		return fmt.Errorf("make data folder: %w", err)
	}
	if err := p.brokenRestore(); err != nil {
		return err
	}
	if _, err := p.folderLayout().Check(ctx); err != nil {
		return err // an older Dgraph must not open what a newer one wrote
	}
	if p.dgraph == "" {
		if err := p.startDgraph(ctx); err != nil {
			return err
		}
	}
	if err := p.open(ctx); err != nil {
		return err
	}
	if err := errors.Join(p.openAudit(ctx), p.openIngest(ctx), p.openReports(ctx, p.reportWorkers)); err != nil {
		return err
	}
	if err := errors.Join(p.noteKeys(ctx), p.bootstrap(ctx)); err != nil {
		return err
	}
	server, err := p.webServer(ctx)
	if err != nil {
		return err
	}
	p.group.Go(func() error { return p.ingest.Run(ctx) })
	p.group.Go(func() error { return p.runs.Run(ctx) })
	if err := p.runRetention(ctx); err != nil {
		return err
	}
	p.group.Go(func() error { return server.Serve(ctx, l) })
	if p.demo {
		return p.loadDemo(ctx)
	}
	return nil
}

func (p *platform) startDgraph(ctx context.Context) error {
	cfg, err := p.dgraphConfig(filepath.Join(p.data, graphDir))
	if err != nil {
		return err
	}
	server, err := dgraphd.Start(ctx, cfg)
	if err != nil {
		return fmt.Errorf("start dgraph: %w", err)
	}
	p.later(func() error { server.Stop(); return nil })
	p.dgraph, p.dgraphHTTP, p.ownDgraph = server.Target(), server.HTTP(), true
	p.group.Go(func() error {
		gone := make(chan error, 1)
		go func() { gone <- server.Wait() }() // ends with Stop, which close calls
		select {
		case <-ctx.Done():
			return nil
		case err := <-gone:
			return err
		}
	})
	return nil
}

// dgraphConfig is how the embedded Dgraph of a folder runs.
func (p *platform) dgraphConfig(dir string) (cfg dgraphd.Config, err error) {
	cfg = dgraphd.DefaultConfig()
	cfg.Dir, cfg.Logger, cfg.MemoryMiB = dir, p.log, p.dgraphMemory
	if cfg.Offset, err = parseOffset(p.dgraphOffset); err != nil {
		return cfg, err
	}
	cfg.Bin, err = findDgraph(p.dgraphBin)
	return cfg, err
}

func parseOffset(text string) (int, error) {
	if text == "auto" {
		return dgraphd.AutoOffset, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, usageError{fmt.Errorf("--dgraph-offset %q is neither a number from 0 nor auto", text)}
	}
	return n, nil
}

// findDgraph finds the server program: the one given, the one beside this program, where a package has it, or one in PATH.
func findDgraph(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	self, err := os.Executable()
	if err == nil {
		for _, dir := range []string{".", "../lib/cybexp"} {
			path := filepath.Join(filepath.Dir(self), dir, "dgraph")
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				return path, nil
			}
		}
	}
	path, err := exec.LookPath("dgraph")
	if err != nil {
		return "", errors.New("no dgraph program beside cybexp or in PATH: `make build` builds bin/dgraph, --dgraph-bin names one, --dgraph uses a running server")
	}
	return path, nil
}

// keysLook is the time between looks whether the keys that sign tokens are others.
const keysLook = 3 * time.Second

// noteKeys tells the audit trail of new signing keys, now and in the background until ctx ends. When the old ones are forgotten, and with them the
// superuser's token, that gets another.
func (p *platform) noteKeys(ctx context.Context) error {
	_, err := p.users.NoteKeys(audit.With(ctx, audit.Actor{Email: audit.System}))
	p.group.Go(func() error { return p.followKeys(ctx) })
	return err
}

func (p *platform) followKeys(ctx context.Context) error {
	system := audit.With(ctx, audit.Actor{Email: audit.System})
	t := time.NewTicker(keysLook)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		changed, err := p.users.NoteKeys(system)
		if changed {
			p.log.Info("other keys sign tokens")
			err = p.bootstrap(ctx)
		}
		if err != nil && ctx.Err() == nil {
			p.log.Warn("new signing keys not taken note of", "err", err)
		}
	}
}

// bootstrap makes the superuser on a first start and keeps a valid token of theirs in the data folder.
func (p *platform) bootstrap(ctx context.Context) error {
	ctx = audit.With(ctx, audit.Actor{Email: audit.System})
	admin := tahoe.UserHash(adminEmail, true)
	_, err := p.users.CreateUser(ctx, identity.User{Email: adminEmail, Name: "Administrator", Super: true})
	if err != nil && !errors.Is(err, identity.ErrExists) {
		return fmt.Errorf("make superuser: %w", err)
	}
	if u, err := p.users.User(ctx, admin); err != nil || u.Disabled {
		return err // who looks after the platform now needs no token of this one
	}
	path := filepath.Join(p.data, adminTokenFile)
	if text, err := os.ReadFile(path); err == nil {
		who, err := p.users.Authenticate(ctx, strings.TrimSpace(string(text)))
		if err == nil && time.Until(who.Token.Expires) > adminTokenRest {
			return nil
		}
	}
	token, _, err := p.users.IssueToken(ctx, admin, identity.Token{Label: adminTokenFile, Right: identity.Full}, adminTokenLife)
	if err != nil {
		return fmt.Errorf("issue admin token: %w", err)
	}
	return writeSecret(path, token+"\n")
}

// writeSecret replaces a file whole, mode 0600.
func writeSecret(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // 0600
	if err != nil {
		return fmt.Errorf("write secret: %w", err)
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(fmt.Errorf("write secret: %w", err), os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}
