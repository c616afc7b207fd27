package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/cybexp/cybexp/ingest"
)

type sendOptions struct {
	remote
	typetag, org, timezone, name string
	follow                       bool
}

func (a *app) sendCommand() *cobra.Command {
	var o sendOptions
	cmd := &cobra.Command{
		Use:     "send FILE...",
		Short:   "Upload raw data",
		Long:    "Upload files of raw records: one JSON record each, or one record a line. `-` is standard input.\nA file is accepted when it is on the server's disk; --follow waits until it is in the graph.",
		Example: "  cybexp send cowrie.json --typetag cowrie --org demo --follow",
		GroupID: "client",
		Args:    minArgs("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.resolve(); err != nil {
				return err
			}
			var errs []error
			for _, path := range args {
				if err := a.sendFile(cmd.Context(), &o, path); err != nil {
					errs = append(errs, fmt.Errorf("%s: %w", path, err))
				}
			}
			return errors.Join(errs...)
		},
	}
	o.bind(cmd)
	f := cmd.Flags()
	f.StringVar(&o.typetag, "typetag", "", "what the records are, such as cowrie (required)")
	f.StringVar(&o.org, "org", "", "organisation that owns the data, by name or hash (required)")
	f.StringVar(&o.timezone, "timezone", "UTC", "IANA `ZONE` of times that name none")
	f.StringVar(&o.name, "name", "", "name of the source (default: the file's name)")
	f.BoolVar(&o.follow, "follow", false, "wait until everything is in the graph, and say what could not be used")
	for _, name := range []string{"typetag", "org"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // the flag is defined four lines up
		}
	}
	return cmd
}

func (a *app) sendFile(ctx context.Context, o *sendOptions, path string) error {
	in, err := a.openArg([]string{path})
	if err != nil {
		return err
	}
	defer in.Close()
	name := o.name
	if name == "" {
		name = filepath.Base(path)
	}
	note := newNote(a)
	defer note.clear()
	body := &countingReader{r: in, note: note, path: path, size: sizeOf(in)}
	q := url.Values{"typetag": {o.typetag}, "org": {o.org}, "timezone": {o.timezone}, "name": {name}}
	var receipt ingest.Receipt
	header := http.Header{"Content-Type": {"application/x-ndjson"}}
	if err := o.do(ctx, http.MethodPost, "/api/v1/raw?"+q.Encode(), header, body, &receipt); err != nil {
		return err
	}
	note.clear()
	fmt.Fprintf(a.stderr, "%s: accepted %d %s as upload %s\n", path, receipt.Records, plural(uint64(receipt.Records), "record"), receipt.ID)
	if !o.follow {
		return nil
	}
	return a.follow(ctx, &o.remote, path, receipt.ID, note)
}

// follow waits for an upload to be in the graph and prints one line of JSON that accounts for every record.
func (a *app) follow(ctx context.Context, r *remote, path, id string, note *note) error {
	var s ingest.Status
	err := poll(ctx, 150*time.Millisecond, func() (bool, error) {
		s = ingest.Status{}
		if err := r.do(ctx, http.MethodGet, "/api/v1/uploads/"+url.PathEscape(id), nil, nil, &s); err != nil {
			return false, err
		}
		note.show(fmt.Sprintf("%s: %d of %d records", path, s.Mapped+s.Kept+s.NotSupported+s.Invalid+s.Dead, s.Received))
		return s.Done, nil
	})
	if err != nil {
		return err
	}
	note.clear()
	for _, p := range s.Problems {
		fmt.Fprintf(a.stderr, "%s:%s\n", path, p)
	}
	fmt.Fprintf(a.stderr, "%s: %s\n", path, summary(s))
	if more := s.ProblemTotal - len(s.Problems); more > 0 {
		fmt.Fprintf(a.stderr, "%s: and %d more\n", path, more)
	}
	_, err = fmt.Fprintln(a.stdout, compactJSON(s))
	return err
}

// summary says in a line what became of an upload's records.
func summary(s ingest.Status) string {
	text := fmt.Sprintf("%d of %d records mapped to %d events", s.Mapped, s.Received, s.Events)
	for _, rest := range []struct {
		n    int
		what string
	}{
		{s.Kept, "kept, with nothing to map"},
		{s.NotSupported, fmt.Sprintf("kept until there is a filter for %q", s.Typetag)},
		{s.Invalid, fmt.Sprintf("kept, but not of the format %q", s.Typetag)},
		{s.Rejected, "too long and left out"},
		{s.Dead, "given up and kept aside"},
	} {
		if rest.n > 0 {
			text += fmt.Sprintf(", %d %s", rest.n, rest.what)
		}
	}
	return text
}

// countingReader shows how much of a file has gone out.
type countingReader struct {
	r     io.Reader
	note  *note
	path  string
	size  int64
	sent  int64
	shown time.Time
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.sent += int64(n)
	if now := time.Now(); now.Sub(c.shown) > 100*time.Millisecond {
		c.shown = now
		text := fmt.Sprintf("%s: sent %d KiB", c.path, c.sent>>10)
		if c.size > 0 {
			text += fmt.Sprintf(" (%d %%)", c.sent*100/c.size)
		}
		c.note.show(text)
	}
	return n, err
}

func sizeOf(r io.Reader) int64 {
	f, ok := r.(*os.File)
	if !ok {
		return 0
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	return info.Size()
}
