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
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cybexp/cybexp/reportd"
)

// defaultListen is where the platform listens, and so where a client looks for it, unless told otherwise.
const defaultListen = "127.0.0.1:8090"

// remote is how a client command reaches a server.
type remote struct {
	trust

	server    string
	token     string
	tokenFile string
	data      string
}

func (r *remote) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&r.server, "server", "http://"+defaultListen, "base `URL` of the server")
	r.bindToken(cmd, "access token")
	r.bindTrust(cmd)
	bindData(cmd, &r.data, "data `DIR` whose admin.token to use when no token is given")
}

// bindToken adds the two ways to give a token. One on the command line counts over the variable of the other.
func (r *remote) bindToken(cmd *cobra.Command, what string) {
	f := cmd.Flags()
	f.StringVar(&r.tokenFile, "token-file", "", "`FILE` with the "+what+" (default: admin.token in the data folder, for a server on this machine)")
	f.StringVar(&r.token, "token", "", "the "+what+" itself, which others on this machine can see in the list of processes: better a file")
	eitherOf(f, "token", "token-file")
}

// resolve checks the server's address and finds the token: the one given, or, for a server on this machine only, the one
// that `cybexp up` left in the data folder. A token is never sent to another machine that did not ask for it.
func (r *remote) resolve() error {
	host, err := r.resolveServer()
	switch {
	case err != nil:
		return err
	case r.token != "" && r.tokenFile != "":
		return usageError{errors.New("--token and --token-file exclude each other, and so do their variables")}
	case r.token != "":
		return nil
	case r.tokenFile != "":
		return r.readToken(r.tokenFile)
	case !reportd.Loopback(host):
		return usageError{errors.New("no token: name its file with --token-file or CYBEXP_TOKEN_FILE")}
	}
	path := filepath.Join(r.data, adminTokenFile)
	err = r.readToken(path)
	if errors.Is(err, os.ErrNotExist) {
		return usageError{fmt.Errorf("no token: name its file with --token-file or CYBEXP_TOKEN_FILE, or the platform's data folder with --data (there is no %s)", path)}
	}
	return err
}

func (r *remote) readToken(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read token: %w", err)
	}
	if r.token = strings.TrimSpace(string(text)); r.token == "" {
		return fmt.Errorf("read token: %s is empty", file)
	}
	return nil
}

// resolveServer checks the server's address and tells its host.
func (r *remote) resolveServer() (host string, err error) {
	u, err := url.Parse(r.server)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", usageError{fmt.Errorf("--server %q is not an http:// or https:// URL", r.server)}
	}
	r.server = strings.TrimRight(r.server, "/")
	return u.Hostname(), r.loadTrust()
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
	return r.send(ctx, method, path, header, body, func(answer io.Reader) error {
		if out == nil {
			return nil
		}
		if err := json.NewDecoder(io.LimitReader(answer, 64<<20)).Decode(out); err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		return nil
	})
}

// send is do with the answer's body as it is.
func (r *remote) send(ctx context.Context, method, path string, header http.Header, body io.Reader, read func(io.Reader) error) error {
	resp, err := r.open(ctx, method, path, header, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return read(resp.Body)
}

// open is send for who looks at the whole answer, and closes it.
func (r *remote) open(ctx context.Context, method, path string, header http.Header, body io.Reader) (*http.Response, error) {
	if err := r.loadTrust(); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, r.server+path, body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	req.Header.Set("User-Agent", "cybexp/"+version)
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, r.reachError(err)
	}
	if resp.StatusCode >= 300 {
		defer resp.Body.Close()
		return nil, answerError(resp)
	}
	return resp, nil
}

// reachError says in a person's words that nobody answered.
func (r *remote) reachError(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return fmt.Errorf("no server answers at %s (%w): is `cybexp up` running? --server or CYBEXP_SERVER names another", r.server, op.Err)
	}
	return err
}

// refusal is an answer of the server that is none of success.
type refusal struct {
	status     int
	retryAfter time.Duration // 0 if the server did not say
	text       string
}

func (r *refusal) Error() string {
	if r.retryAfter > 0 {
		return fmt.Sprintf("%s Try again in %.0f s.", r.text, r.retryAfter.Seconds())
	}
	return r.text
}

// later says when to come again, if the server only asks to wait.
func (r *refusal) later() (wait time.Duration, ok bool) {
	return max(r.retryAfter, time.Second), r.status == http.StatusTooManyRequests || r.status == http.StatusServiceUnavailable && r.retryAfter > 0
}

func answerError(resp *http.Response) error {
	r := &refusal{status: resp.StatusCode}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
		r.retryAfter = time.Duration(seconds) * time.Second
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	var p problem
	if json.Unmarshal(text, &p) != nil {
		r.text = "the server answered " + resp.Status
		return r
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
	r.text = resp.Status + ": " + said
	return r
}

// poll calls check until it reports true, an error, or the context ends: after the interval, and less and less often.
func poll(ctx context.Context, interval time.Duration, check func() (bool, error)) error {
	for {
		done, err := check()
		if done || err != nil {
			return err
		}
		if err := sleep(ctx, interval); err != nil {
			return err
		}
		interval = min(interval*5/4, 2*time.Second)
	}
}

// sleep waits, at most until the context ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
