package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/tahoe"
)

func (a *app) queryCommand() *cobra.Command {
	var q question
	var saved string
	cmd := &cobra.Command{
		Use:   "query TDQL | query --saved NAME",
		Short: "Ask a question and print the rows as they come",
		Example: `  cybexp query 'count ipv4 218.92.0.198 last 30d by day'
  cybexp query 'ipv4 218.92.0.198 | events | attributes password | top 20' -o ndjson
  cybexp query 'related ipv4 $ip level 2' -p ip=218.92.0.198`,
		GroupID: "client",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if saved == "" && len(args) != 1 {
				return exactArgs("one query")(cmd, args)
			}
			if err := q.resolve(); err != nil {
				return err
			}
			text, err := q.text(cmd.Context(), saved, args)
			if err != nil {
				return err
			}
			text, err = q.seeking.expand(text, q.values)
			if err != nil {
				return err
			}
			return a.query(cmd.Context(), &q, text)
		},
	}
	q.bind(cmd)
	cmd.Flags().StringVar(&saved, "saved", "", "ask the saved query of this `NAME`; -p replaces its parameters")
	return cmd
}

// question is what the commands that ask have in common: whom, with which parameters, and how to show the answer.
type question struct {
	remote

	seeking seeking

	format string
	params []string
	values map[string]tahoe.Value // of params
}

func (q *question) bind(cmd *cobra.Command) {
	q.remote.bind(cmd)
	q.seeking.bind(cmd)
	cmd.Flags().StringVarP(&q.format, "output", "o", "table", "output `FORMAT`: "+strings.Join(outputFormats, ", "))
	cmd.Flags().StringArrayVarP(&q.params, "param", "p", nil, "bind a parameter, `NAME=VALUE`; a number, true, false, null or \"quoted\" value is read as JSON")
}

// resolve checks the flags.
func (q *question) resolve() (err error) {
	if !slices.Contains(outputFormats, q.format) {
		return usageError{fmt.Errorf("-o %q is not an output format: one of %s", q.format, strings.Join(outputFormats, ", "))}
	}
	if q.values, err = parseParams(q.params); err != nil {
		return err
	}
	return q.remote.resolve()
}

// parseParams reads -p name=value. A value that is a JSON scalar is that; anything else is a string as it stands.
func parseParams(args []string) (map[string]tahoe.Value, error) {
	values := map[string]tahoe.Value{}
	for _, arg := range args {
		name, text, ok := strings.Cut(arg, "=")
		if !ok || name == "" {
			return nil, usageError{fmt.Errorf("-p %q is not NAME=VALUE", arg)}
		}
		v, err := tahoe.ParseValue([]byte(text))
		if err != nil || !v.IsScalar() {
			v = tahoe.String(text)
		}
		values[strings.TrimPrefix(name, "$")] = v
	}
	return values, nil
}

func (a *app) query(ctx context.Context, q *question, text string) error {
	out, err := q.seeking.writer(q.format, a.stdout)
	if err != nil {
		return err
	}
	c, err := q.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	note := newNote(a)
	defer note.clear()
	for f, err := range c.Query(ctx, text, q.values) {
		if err != nil {
			return queryEnded(err)
		}
		if err := a.showFrame(f, text, out, note); err != nil {
			return err
		}
	}
	return nil
}

// dial connects to the server.
func (q *question) dial(ctx context.Context) (*reportd.Client, error) {
	c, err := reportd.DialTLS(ctx, q.server, q.token, q.tlsConfig())
	var refused *reportd.RefusedError
	switch {
	case errors.As(err, &refused):
		return nil, fmt.Errorf("the server at %s refused: %w", q.server, err)
	case err != nil:
		return nil, q.reachError(err)
	}
	return c, nil
}

func queryEnded(err error) error {
	if errors.Is(err, context.Canceled) {
		return errors.New("cancelled")
	}
	return err
}

func (a *app) showFrame(f reportd.Frame, text string, out rowWriter, note *note) error {
	switch f.Type {
	case reportd.TypeStatus:
	case reportd.TypeProgress:
		p, err := f.Progress()
		if err != nil {
			return err
		}
		note.show(fmt.Sprintf("%d rows, %d scanned, %s", p.Rows, p.Scanned, time.Duration(p.ElapsedMS)*time.Millisecond))
	case reportd.TypeHeader:
		h, err := f.Header()
		if err != nil {
			return err
		}
		return out.header(h.Fields)
	case reportd.TypeRows:
		rows, err := f.Rows()
		if err != nil {
			return err
		}
		note.clear()
		return out.rows(rows)
	case reportd.TypeEnd:
		note.clear()
		return a.showEnd(f, text, out)
	case reportd.TypeError:
		note.clear()
		return a.showFailure(f, text)
	}
	return nil
}

func (a *app) showEnd(f reportd.Frame, text string, out rowWriter) error {
	e, err := f.End()
	if err != nil {
		return err
	}
	if err := out.end(); err != nil {
		return err
	}
	for _, w := range e.Warnings {
		fmt.Fprintf(a.stderr, "warning: %s\n", w.In(text))
	}
	if e.Status != reportd.StatusReady {
		return fmt.Errorf("the report ended %s after %d rows", e.Status, e.Rows)
	}
	if a.onTerminal() {
		fmt.Fprintf(a.stderr, "%d %s in %s\n", e.Rows, plural(e.Rows, "row"), time.Duration(e.ElapsedMS)*time.Millisecond)
	}
	return nil
}

// showFailure turns a fault of the query into an exit status of 2, and any other failure into 1.
func (a *app) showFailure(f reportd.Frame, text string) error {
	e, err := f.Failure()
	if err != nil {
		return err
	}
	if len(e.Errors) == 0 {
		return errors.New(e.Message)
	}
	for _, fault := range e.Errors {
		fmt.Fprintln(a.stderr, fault.In(text))
	}
	return silentError{usageError{errors.New(e.Message)}}
}

func plural(n uint64, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// counted is a number of things: 1 record, 2 records.
func counted(n int, word string) string { return strconv.Itoa(n) + " " + plural(uint64(n), word) }

// byteText is a number of bytes in the unit that people use for so many.
func byteText(n int64) string {
	switch {
	case n < 1<<10:
		return counted(int(n), "byte")
	case n < 1<<20:
		return fmt.Sprintf("%d KiB", n>>10)
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30))
}

// onTerminal says whether messages go to a person.
func (a *app) onTerminal() bool { return isTerminal(a.stderr) }

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// note is a line of progress that overwrites itself; only on a terminal.
type note struct {
	a     *app
	live  bool
	shown bool
}

func newNote(a *app) *note { return &note{a: a, live: a.onTerminal()} }

func (n *note) show(text string) {
	if n.live {
		fmt.Fprintf(n.a.stderr, "\r\x1b[K%s", text)
		n.shown = true
	}
}

func (n *note) clear() {
	if n.shown {
		fmt.Fprint(n.a.stderr, "\r\x1b[K")
		n.shown = false
	}
}

// compactJSON is a one-line form of any value we make ourselves.
func compactJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
