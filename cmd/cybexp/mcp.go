package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/cybexp/cybexp"
	"github.com/cybexp/cybexp/certs"
	"github.com/cybexp/cybexp/mcp"
	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/tahoe"
)

func (a *app) mcpCommand() *cobra.Command {
	var r remote
	var listen string
	var files certs.Server
	cmd := &cobra.Command{
		Use:   "mcp",
		Short: "Let assistants ask: read-only tools over the Model Context Protocol",
		Long: "Serve the Model Context Protocol, on standard input and output for the program that started this one, or with --listen over\n" +
			"HTTP, where every client brings a token of its own. All tools read; a token with the right `read` is enough.",
		Example: "  cybexp mcp --server https://cybexp.example.org --token-file ~/.cybexp-token\n  cybexp mcp --listen 127.0.0.1:8091",
		GroupID: "client",
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if listen != "" {
				return a.serveMCP(cmd.Context(), &r, listen, files)
			}
			if err := r.resolve(); err != nil {
				return err
			}
			return interrupted(cmd.Context(), mcp.ServeStdio(cmd.Context(), mcpServer(&r)))
		},
	}
	r.bind(cmd)
	cmd.Flags().StringVar(&listen, "listen", "", "serve over HTTP on this `ADDR` instead, at /mcp, each client with its own token")
	bindTLS(cmd, &files)
	return cmd
}

func mcpServer(r *remote) *mcp.Server {
	return mcp.NewServer(mcpPlatform{r}, mcp.Config{Version: version, Reference: cybexp.Reference})
}

// serveMCP serves over HTTP until ctx ends.
func (a *app) serveMCP(ctx context.Context, r *remote, addr string, files certs.Server) error {
	if _, err := r.resolveServer(); err != nil {
		return err
	}
	l, err := listenOn(ctx, addr, files, slog.New(slog.NewTextHandler(a.stderr, nil)))
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/mcp", mcp.Handler(func(token string) *mcp.Server {
		return mcpServer(&remote{trust: r.trust, server: r.server, token: token})
	}))
	server := &http.Server{
		Handler:           http.NewCrossOriginProtection().Handler(mux),
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stopped := context.AfterFunc(ctx, func() { _ = server.Close() }) // requests in hand end with ctx
	defer stopped()
	a.ready(l)
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve mcp: %w", err)
	}
	return nil
}

// mcpPlatform is a server as package mcp asks it: a connection a query.
type mcpPlatform struct{ *remote }

func (p mcpPlatform) Query(ctx context.Context, tdql string, params map[string]tahoe.Value) iter.Seq2[reportd.Frame, error] {
	return func(yield func(reportd.Frame, error) bool) {
		q := question{remote: *p.remote}
		c, err := q.dial(ctx)
		if err != nil {
			yield(reportd.Frame{}, err)
			return
		}
		defer c.Close() // the server cancels what was not read to its end
		for f, err := range c.Query(ctx, tdql, params) {
			if !yield(f, err) {
				return
			}
		}
	}
}

func (p mcpPlatform) Call(ctx context.Context, method, path string, in, out any) error {
	return p.callAs(ctx, method, path, in, out)
}
