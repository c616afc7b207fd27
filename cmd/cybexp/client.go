package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// defaultListen is where the platform listens, and so where a client looks for it, unless told otherwise.
const defaultListen = "127.0.0.1:8090"

// defaultData is the data folder of a platform started in the working directory.
const defaultData = "data"

// remote is how a client command reaches a server.
type remote struct {
	server string
	token  string
	data   string
}

func (r *remote) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&r.server, "server", "http://"+defaultListen, "base `URL` of the server")
	f.StringVar(&r.token, "token", "", "access token (default: the admin token in the data folder, for a server on this machine)")
	f.StringVar(&r.data, "data", defaultData, "data `DIR` whose admin.token to use when no token is given")
}

// resolve checks the server's address and finds the token: the one given, or, for a server on this machine only, the one
// that `cybexp up` left in the data folder. A token is never sent to another machine that did not ask for it.
func (r *remote) resolve() error {
	u, err := url.Parse(r.server)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return usageError{fmt.Errorf("--server %q is not an http:// or https:// URL", r.server)}
	}
	r.server = strings.TrimRight(r.server, "/")
	if r.token != "" {
		return nil
	}
	if !isLoopback(u.Hostname()) {
		return usageError{errors.New("no token: give --token or set CYBEXP_TOKEN")}
	}
	path := filepath.Join(r.data, adminTokenFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return usageError{fmt.Errorf("no token: give --token, set CYBEXP_TOKEN, or name the platform's data folder with --data (there is no %s)", path)}
	}
	if err != nil {
		return fmt.Errorf("read token: %w", err)
	}
	r.token = strings.TrimSpace(string(text))
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// problem is an RFC 9457 answer, as much of it as a person is shown.
type problem struct {
	Title     string `json:"title"`
	Detail    string `json:"detail"`
	Message   string `json:"message"`
	RequestID string `json:"request_id"`
}

// do sends a request and decodes a JSON answer into out; an error answer becomes an error with the server's own words.
func (r *remote) do(ctx context.Context, method, path string, header http.Header, body io.Reader, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, r.server+path, body)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	req.Header.Set("User-Agent", "cybexp/"+version)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return r.reachError(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return answerError(resp)
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<20)).Decode(out); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	return nil
}

// reachError says in a person's words that nobody answered.
func (r *remote) reachError(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return fmt.Errorf("no server answers at %s (%w): is `cybexp up` running? --server or CYBEXP_SERVER names another", r.server, op.Err)
	}
	return err
}

func answerError(resp *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	var p problem
	if json.Unmarshal(text, &p) != nil {
		return fmt.Errorf("the server answered %s", resp.Status)
	}
	said := p.Detail
	if said == "" {
		said = p.Message
	}
	if said == "" {
		said = p.Title
	}
	if resp.StatusCode >= 500 && p.RequestID != "" {
		said += " (request " + p.RequestID + ")"
	}
	return fmt.Errorf("%s: %s", resp.Status, said)
}

// poll calls check every interval until it reports true, an error, or the context ends.
func poll(ctx context.Context, interval time.Duration, check func() (bool, error)) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		done, err := check()
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
