package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/tahoe"
)

type sendOptions struct {
	remote
	typetag, org, timezone, name, id string
	tlp                              tahoe.Marking
	follow                           bool
	hiding                           hiding
}

func (a *app) sendCommand() *cobra.Command {
	var o sendOptions
	cmd := &cobra.Command{
		Use:   "send FILE...",
		Short: "Upload raw data",
		Long: "Upload files of raw records: one JSON record each, or one record a line. `-` is standard input.\n" +
			"A file is accepted when it is on the server's disk; --follow waits until it is in the graph, and tells what could not be used.\n" +
			"When the server is full, send waits. What breaks off can be sent again, with the --id that is then told, or without.",
		Example: "  cybexp send cowrie.json --typetag cowrie --org demo --follow",
		GroupID: "client",
		Args:    minArgs("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.id != "" && len(args) > 1 {
				return usageError{errors.New("--id names one upload: give one FILE")}
			}
			if err := o.resolve(); err != nil {
				return err
			}
			if o.typetag == "" {
				if err := a.offerTypetag(cmd.Context(), &o, args[0]); err != nil {
					return err
				}
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
	o.hiding.bind(cmd)
	f := cmd.Flags()
	f.StringVar(&o.typetag, "typetag", "", "what the records are, such as cowrie (default: what the first file looks like, if you say yes)")
	f.StringVar(&o.org, "org", "", "organisation that owns the data, by name or hash (required)")
	f.StringVar(&o.timezone, "timezone", "UTC", "IANA `ZONE` of times that name none")
	tlpFlag(f, &o.tlp)
	f.StringVar(&o.name, "name", "", "name of the source (default: the file's name)")
	f.StringVar(&o.id, "id", "", "`ID` of the upload: the same again completes one that broke off (default: a new one)")
	f.BoolVar(&o.follow, "follow", false, "wait until everything is in the graph, and say what could not be used")
	if err := cmd.MarkFlagRequired("org"); err != nil {
		panic(err) // the flag is defined above
	}
	return cmd
}

// offerTypetag asks the server what a file may be, and whoever sends it whether it is. Elsewhere than on a terminal it says what to pass.
func (a *app) offerTypetag(ctx context.Context, o *sendOptions, path string) error {
	missing := usageError{errors.New("give --typetag: what the records are, such as cowrie")}
	if path == "-" {
		return missing
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var found struct{ Candidates []ingest.Guess }
	query := url.Values{"name": {filepath.Base(path)}}
	header := http.Header{"Content-Type": {"application/octet-stream"}}
	if err := o.do(ctx, http.MethodPost, "/api/v1/raw/detect?"+query.Encode(), header, io.LimitReader(f, ingest.MaxHead), &found); err != nil {
		return err
	}
	if len(found.Candidates) == 0 {
		return missing
	}
	best := found.Candidates[0]
	if !a.onTerminal() {
		return usageError{fmt.Errorf("give --typetag; %s looks like --typetag %s: %s", path, best.Typetag, best.Why)}
	}
	if err := a.confirm(false, fmt.Sprintf("%s looks like %s (%s). Send it as that?", path, best.Typetag, best.Why)); err != nil {
		return usageError{errors.New("nothing was sent: give --typetag")}
	}
	o.typetag = best.Typetag
	return nil
}

// tlpFlag is how far uploads may be shared.
func tlpFlag(f *pflag.FlagSet, m *tahoe.Marking) {
	f.TextVar(m, "tlp", tahoe.Unmarked, "Traffic Light Protocol `LABEL` of all of it: clear, green, amber, amber+strict (members only) or red (administrators only)")
}

func (a *app) sendFile(ctx context.Context, o *sendOptions, path string) error {
	in, err := a.openArg([]string{path})
	if err != nil {
		return err
	}
	defer in.Close()
	hides, err := o.hiding.on()
	if err != nil {
		return err
	}
	if hides {
		hidden, err := a.hide(o, path, in)
		if err != nil {
			return err
		}
		defer hidden.Close()
		in = hidden
	}
	note := newNote(a)
	defer note.clear()
	body := &countingReader{r: in, note: note, path: path, size: sizeOf(in)}
	id := cmp.Or(o.id, strings.ToLower(rand.Text()))
	receipt, err := a.upload(ctx, o, id, body)
	if err != nil {
		note.clear()
		if body.sent > 0 {
			fmt.Fprintf(a.stderr, "%s: what the server took is safe; send the same file with --id %s to complete it\n", path, id)
		}
		return err
	}
	note.clear()
	fmt.Fprintf(a.stderr, "%s: accepted %s as upload %s\n", path, counted(receipt.Records, "record"), receipt.ID)
	if receipt.Warning != "" {
		fmt.Fprintf(a.stderr, "%s: %s\n", path, printable(receipt.Warning))
	}
	if !o.follow {
		return nil
	}
	return a.follow(ctx, &o.remote, path, receipt.ID, note)
}

// sentTypetag is what the server is told that it gets.
func (o *sendOptions) sentTypetag() string {
	if len(o.hiding.subTypes) > 0 {
		return documentsTag
	}
	return o.typetag
}

// accepted is what the server says of an upload that it has.
type accepted struct {
	ingest.Receipt
	Warning string `json:"warning"`
}

// upload sends a file. While the server asks to wait it waits, and then begins again where that can be done.
func (a *app) upload(ctx context.Context, o *sendOptions, id string, body *countingReader) (receipt accepted, err error) {
	name := cmp.Or(o.name, filepath.Base(body.path))
	q := url.Values{"typetag": {o.sentTypetag()}, "org": {o.org}, "timezone": {o.timezone}, "name": {name}}
	if o.tlp != tahoe.Unmarked {
		q.Set("tlp", string(o.tlp))
	}
	// With Expect nothing is sent to a server that refuses: standard input cannot be sent twice.
	header := http.Header{"Content-Type": {"application/x-ndjson"}, "Idempotency-Key": {id}, "Expect": {"100-continue"}}
	for told := false; ; {
		sent := body.once()
		err := o.do(ctx, http.MethodPost, "/api/v1/raw?"+q.Encode(), header, sent, &receipt)
		var no *refusal
		if !errors.As(err, &no) {
			return receipt, err
		}
		wait, later := no.later()
		if !later {
			return receipt, err
		}
		<-sent.closed // the client may read on after the answer
		if !body.rewind() {
			return receipt, err
		}
		if !told {
			body.note.clear()
			fmt.Fprintf(a.stderr, "%s: %s Waiting.\n", body.path, no.text)
			told = true
		}
		if err := sleep(ctx, wait); err != nil {
			return receipt, err
		}
	}
}

// follow waits for an upload to be in the graph and accounts for every record: in words, and for programs in one line of JSON.
func (a *app) follow(ctx context.Context, r *remote, path, id string, note *note) error {
	var s ingest.Status
	err := poll(ctx, 150*time.Millisecond, func() (bool, error) {
		s = ingest.Status{}
		if err := r.do(ctx, http.MethodGet, "/api/v1/uploads/"+url.PathEscape(id), nil, nil, &s); err != nil {
			return false, err
		}
		note.show(fmt.Sprintf("%s: %d of %s in the graph", path, s.Processed(), counted(s.Received, "record")))
		return s.Done, nil
	})
	if err != nil {
		return err
	}
	note.clear()
	fmt.Fprintf(a.stderr, "%s: %s\n", path, summary(s))
	showReasons(a.stderr, s.Reasons)
	if s.Dead > 0 {
		fmt.Fprintln(a.stderr, "  `cybexp ingest dead list` has what was given up")
	}
	return a.forPrograms(s)
}

// forPrograms prints a value as one line of JSON, unless a person has been told already what it says.
func (a *app) forPrograms(v any) error {
	if isTerminal(a.stdout) {
		return nil
	}
	_, err := fmt.Fprintln(a.stdout, compactJSON(v))
	return err
}

// summary says in a line what became of an upload's records.
func summary(s ingest.Status) string {
	text := fmt.Sprintf("%d of %s mapped to %s", s.Mapped, counted(s.Received, "record"), counted(s.Events, "event"))
	for _, rest := range []struct {
		n    int
		what string
	}{
		{s.Kept, "kept, with nothing to map"},
		{s.NotSupported, fmt.Sprintf("kept until there is a filter for %q", s.Typetag)},
		{s.Invalid, fmt.Sprintf("kept, but not of the format %q", s.Typetag)},
		{s.Rejected, "too long and left out"},
		{s.Dead, "given up and kept aside"},
		{s.Parts, plural(uint64(s.Parts), "part") + " of records not used"},
	} {
		if rest.n > 0 {
			text += fmt.Sprintf(", %d %s", rest.n, rest.what)
		}
	}
	if s.State == ingest.Interrupted {
		text += "; it broke off: " + printable(s.Failed)
	}
	return text
}

// shownReasons is how many reasons a person is shown.
const shownReasons = 12

// showReasons says why records, or parts of them, could not be used, and where.
func showReasons(out io.Writer, reasons []ingest.Reason) {
	shown := reasons[:min(len(reasons), shownReasons)]
	width := 0
	for _, r := range shown {
		width = max(width, len(strconv.Itoa(r.Count)))
	}
	for _, r := range shown {
		what := "part"
		if r.Record {
			what = "record"
		}
		text := r.Message
		if r.Count == 1 {
			text = r.Example
		}
		if r.Field != "" {
			text = r.Field + ": " + text
		}
		fmt.Fprintf(out, "  %*d %s: %s%s\n", width, r.Count, plural(uint64(r.Count), what), printable(text), places(r))
	}
	if more := len(reasons) - shownReasons; more > 0 {
		fmt.Fprintf(out, "  and %s\n", counted(more, "more reason"))
	}
}

// places says in which lines it was: all of them, or the first.
func places(r ingest.Reason) string {
	if len(r.Lines) == 0 {
		return ""
	}
	lines := slices.Compact(slices.Clone(r.Lines))
	texts := make([]string, len(lines))
	for i, line := range lines {
		texts[i] = strconv.Itoa(line)
	}
	text := " (" + plural(uint64(len(lines)), "line") + " " + strings.Join(texts, ", ")
	if more := r.Count - len(r.Lines); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text + ")"
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
		text := fmt.Sprintf("%s: sent %s", c.path, byteText(c.sent))
		if c.size > 0 {
			text += fmt.Sprintf(" of %s (%d %%)", byteText(c.size), c.sent*100/c.size)
		}
		c.note.show(text)
	}
	return n, err
}

// once is the reader as the body of one request.
func (c *countingReader) once() *requestBody {
	return &requestBody{countingReader: c, closed: make(chan struct{})}
}

// requestBody tells when a request is through with it.
type requestBody struct {
	*countingReader

	once   sync.Once
	closed chan struct{}
}

// Close is called by the HTTP client, whatever became of the request.
func (b *requestBody) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}

// rewind goes back to where nothing was sent, if it can.
func (c *countingReader) rewind() bool {
	if c.sent == 0 {
		return true
	}
	f, ok := c.r.(*os.File)
	if !ok {
		return false
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return false
	}
	c.sent = 0
	return true
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
