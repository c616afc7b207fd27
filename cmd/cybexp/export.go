package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/tahoe"
)

// Formats of an export.
const (
	formatTAHOE = "ndjson"
	formatSTIX  = "stix"
)

type exportOptions struct {
	question
	file   string
	resume bool
}

func (a *app) exportCommand() *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:   "export [TDQL]",
		Short: "Write what you may see of the graph as TAHOE documents or STIX 2.1, to be taken in elsewhere",
		Long: "Without a query, all raws that you may see are written, each with the events and sessions that came of it, then all other events; with one, what it finds:\n" +
			"`events | limit 1000` writes some of them.\n" +
			"TAHOE documents stand one a line. `cybexp import` makes the same graph of them. All is of one snapshot, and streams: a graph of any size needs\n" +
			"no memory.\n\n" +
			"A file has its name when it is whole, until then .part behind it. What broke off goes on with --resume, behind the last whole line. What was written\n" +
			"to the graph meanwhile may be missing in the part that was there.",
		Example: "  cybexp export -o graph.ndjson\n" +
			"  cybexp export 'events login last 30d' -o logins.ndjson\n" +
			"  cybexp export 'events last 30d' --format stix -o april.stix.json\n" +
			"  cybexp export -o - | zstd > graph.ndjson.zst",
		GroupID: "client",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return a.export(cmd.Context(), &o, args)
		},
	}
	o.remote.bind(cmd)
	f := cmd.Flags()
	f.StringVarP(&o.file, "out", "o", "-", "`FILE` to write; - is standard output")
	f.StringVar(&o.format, "format", formatTAHOE, "ndjson: TAHOE documents, one a line; stix: a STIX 2.1 bundle")
	f.BoolVar(&o.resume, "resume", false, "go on with a file that broke off")
	f.StringArrayVarP(&o.params, "param", "p", nil, "bind a parameter of the query, `NAME=VALUE`")
	return cmd
}

// check reads the flags.
func (o *exportOptions) check() (err error) {
	switch {
	case o.format != formatTAHOE && o.format != formatSTIX:
		return usageError{fmt.Errorf("--format %q is neither ndjson nor stix", o.format)}
	case o.resume && o.format == formatSTIX:
		return usageError{errors.New("--resume is for TAHOE documents: a STIX bundle is one document, whose parts refer to each other; export it again")}
	case o.resume && o.file == "-":
		return usageError{errors.New("--resume needs the file that broke off: give it with -o")}
	}
	if o.values, err = parseParams(o.params); err != nil {
		return err
	}
	return o.remote.resolve()
}

func (a *app) export(ctx context.Context, o *exportOptions, args []string) error {
	query := ""
	if len(args) > 0 {
		query = args[0]
	}
	if o.format == formatSTIX {
		if query == "" {
			query = "events"
		}
		if o.file == "-" {
			return a.query(ctx, &o.question, query)
		}
		return wholeFile(o.file, func(w io.Writer) error {
			b := *a
			b.stdout = w
			return b.query(ctx, &o.question, query)
		})
	}
	file, err := a.openExport(o)
	if err != nil {
		return err
	}
	x := &exporter{app: a, o: o, file: file, note: newNote(a), begun: time.Now()}
	defer x.note.clear()
	if query == "" {
		err = x.all(ctx)
	} else {
		err = x.some(ctx, query)
	}
	x.note.clear()
	return x.end(err)
}

// exporter writes one export.
type exporter struct {
	app   *app
	o     *exportOptions
	file  *exportFile
	note  *note
	begun time.Time
	shown time.Time
	lines int
	seen  map[string]bool // of a query: hashes that the file has
}

// end says what was done, or how to go on.
func (x *exporter) end(err error) error {
	if err = errors.Join(err, x.file.close(err == nil)); err != nil {
		if x.lines > 0 && x.o.file != "-" {
			fmt.Fprintf(x.app.stderr, "what there is is in %s.part; the same command with --resume goes on\n", x.o.file)
		}
		return queryEnded(err)
	}
	fmt.Fprintf(x.app.stderr, "%s in %s\n", counted(x.lines, "document"), time.Since(x.begun).Round(time.Second/10))
	return nil
}

// exportTries is how often an export that breaks off without another line is tried again.
const exportTries = 4

// all writes all that there is behind the last line of the file. When the connection breaks it goes on there.
func (x *exporter) all(ctx context.Context) error {
	for tries := 0; ; tries++ {
		before := x.lines
		err := x.rest(ctx)
		var no *refusal
		switch {
		case err == nil || ctx.Err() != nil:
			return err
		case errors.As(err, &no) && no.status == http.StatusGone:
			if err := x.file.back(); err != nil { // the last record was removed since
				return err
			}
			tries = 0
			continue
		case errors.As(err, &no):
			if _, later := no.later(); !later {
				return err
			}
		}
		if x.lines > before {
			tries = 0
		}
		if tries >= exportTries || !x.file.resumable() {
			return fmt.Errorf("the export broke off: %w", err)
		}
		if err := errors.Join(sleep(ctx, time.Second<<tries), x.file.mend()); err != nil {
			return err
		}
	}
}

// rest writes what is behind the last line.
func (x *exporter) rest(ctx context.Context) error {
	path := "/api/v1/export"
	if x.file.last != "" {
		path += "?" + url.Values{"after": {x.file.last}}.Encode()
	}
	return x.o.send(ctx, http.MethodGet, path, nil, nil, func(answer io.Reader) error { return x.copy(answer) })
}

// copy writes whole lines.
func (x *exporter) copy(answer io.Reader) error {
	lines := newLines(answer)
	for {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := x.write(line); err != nil {
			return err
		}
	}
}

func (x *exporter) write(line []byte) error {
	if err := x.file.write(line); err != nil {
		return err
	}
	x.lines++
	if now := time.Now(); now.Sub(x.shown) > 100*time.Millisecond {
		x.shown = now
		x.note.show(fmt.Sprintf("%s, %s, %s", counted(x.lines, "document"), byteText(x.file.size), now.Sub(x.begun).Round(time.Second)))
	}
	return nil
}

// exportBatch is how many raws and events of a query are asked for at a time.
const exportBatch = 500

// some writes what a query finds, without what the file has already.
func (x *exporter) some(ctx context.Context, query string) (err error) {
	if x.seen, err = x.file.hashes(); err != nil {
		return err
	}
	c, err := x.o.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	rows := &exportRows{exporter: x}
	for f, err := range c.Query(ctx, query, x.o.values) {
		if err != nil {
			return err
		}
		if f.Type == reportd.TypeProgress {
			continue // lines are told
		}
		if err := x.app.showFrame(f, query, rows.in(ctx), x.note); err != nil {
			return err
		}
	}
	return nil
}

// exportRows makes documents of the rows of a report.
type exportRows struct {
	*exporter
	ctx   context.Context //nolint:containedctx // of the one query
	batch []string
}

func (r *exportRows) in(ctx context.Context) *exportRows {
	r.ctx = ctx
	return r
}

func (r *exportRows) header(fields []string) error {
	for _, name := range []string{"hash", "itype", "sub_type", "data"} {
		if !slices.Contains(fields, name) {
			return usageError{errors.New("an export has instances: ask for attributes, objects, events, sessions or raws, with all their fields")}
		}
	}
	return nil
}

func (r *exportRows) rows(rows []json.RawMessage) error {
	for _, text := range rows {
		var row exportRow
		if err := json.Unmarshal(text, &row); err != nil {
			return fmt.Errorf("read row: %w", err)
		}
		if r.seen[row.Hash.String()] {
			continue
		}
		if row.Kind == tahoe.KindRaw || row.Kind == tahoe.KindEvent {
			if r.batch = append(r.batch, row.Hash.String()); len(r.batch) == exportBatch {
				if err := r.fetch(); err != nil {
					return err
				}
			}
			continue
		}
		line, err := row.document()
		if err == nil {
			err = r.write(line)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// exportRow is a row of a report that is an instance.
type exportRow struct {
	Hash    tahoe.Hash  `json:"hash"`
	Kind    tahoe.Kind  `json:"itype"`
	SubType string      `json:"sub_type"`
	Data    tahoe.Value `json:"data"`

	// Of sessions.
	Start  *time.Time `json:"start_time"`
	End    *time.Time `json:"end_time"`
	Lasted *float64   `json:"duration"`
}

// document is the TAHOE document of an attribute, object or session.
func (r exportRow) document() ([]byte, error) {
	i, err := r.instance()
	if err == nil && i.Hash() != r.Hash {
		err = fmt.Errorf("%s %v has the data of %v", r.Kind, r.Hash, i.Hash())
	}
	if err != nil {
		return nil, err
	}
	return tahoe.MarshalInstance(i)
}

func (r exportRow) instance() (tahoe.Instance, error) {
	if r.Kind == tahoe.KindAttribute {
		return tahoe.NewAttribute(r.SubType, r.Data)
	}
	children, err := tahoe.NodesOf(r.Data)
	if err != nil {
		return nil, err
	}
	if r.Kind == tahoe.KindObject {
		return tahoe.NewObject(r.SubType, children...)
	}
	s, err := tahoe.NewSession(r.SubType, children...)
	if err != nil {
		return nil, err
	}
	s.StartTime, s.EndTime, s.Duration = unixOf(r.Start), unixOf(r.End), r.Lasted
	return s, nil
}

func unixOf(t *time.Time) *float64 {
	if t == nil {
		return nil
	}
	seconds := float64(t.UnixMicro()) / 1e6
	return &seconds
}

// fetch writes the documents of raws and events.
func (r *exportRows) fetch() error {
	body := compactJSON(map[string][]string{"hashes": r.batch})
	r.batch = r.batch[:0]
	header := http.Header{"Content-Type": {"application/json"}}
	return r.o.send(r.ctx, http.MethodPost, "/api/v1/export", header, bytes.NewReader([]byte(body)), r.copy)
}

func (r *exportRows) end() error {
	if len(r.batch) == 0 {
		return nil
	}
	return r.fetch()
}
