package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/tahoe"
)

// auditOptions are the flags of the audit command.
type auditOptions struct {
	remote
	org, action, since, until, output string

	limit uint
}

func (a *app) auditCommand() *cobra.Command {
	var o auditOptions
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Tell who did what: of organisations that you administer, or as a superuser of all",
		Long: "Print the audit trail, oldest first. Times are lengths back from now, such as 12h, dates, or times such as 2026-01-31T23:59:59Z. A\n" +
			"table has the beginnings of hashes; the other forms have all of a record.\n" +
			"As a superuser, -o ndjson prints records as they are kept, which `cybexp audit verify` can check.",
		Example: "  cybexp audit --since 1h\n  cybexp audit --since 30d --limit 20\n  cybexp audit --org unr --action org.members --since 2026-01-01 -o csv",
		GroupID: "client",
		Args:    exactArgs(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.audit(cmd.Context(), &o) },
	}
	o.bind(cmd)
	f := cmd.Flags()
	f.StringVar(&o.org, "org", "", "only what concerns this `ORG`")
	f.StringVar(&o.action, "action", "", "only this action; one that ends in a dot, such as user., is all that begin so")
	f.StringVar(&o.since, "since", "24h", "`TIME` from which on; 0 is from the beginning")
	f.StringVar(&o.until, "until", "", "`TIME` before which")
	f.UintVar(&o.limit, "limit", 0, "only the last `N` of them; 0 is all")
	f.StringVarP(&o.output, "output", "o", "table", "table, ndjson, json or csv")
	cmd.AddCommand(a.auditVerifyCommand())
	return cmd
}

// auditPage is how many records are asked for at a time.
const auditPage = "1000"

func (a *app) audit(ctx context.Context, o *auditOptions) error {
	out, err := auditWriter(o.output, a.stdout)
	if err != nil {
		return err
	}
	if o.limit > 0 {
		out = &lastRows{rowWriter: out, limit: int(min(o.limit, math.MaxInt32))} //nolint:gosec // it fits then
	}
	query := url.Values{"limit": {auditPage}}
	now := time.Now()
	for name, text := range map[string]string{"since": o.since, "until": o.until} {
		at, err := moment(name, text, now)
		if err != nil {
			return err
		}
		if !at.IsZero() {
			query.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	for name, text := range map[string]string{"org": o.org, "action": o.action} {
		if text != "" {
			query.Set(name, text)
		}
	}
	if err := o.resolve(); err != nil {
		return err
	}
	if err := out.header(auditColumns(o.output)); err != nil {
		return err
	}
	for {
		rows, next, err := o.auditPage(ctx, query)
		if err == nil {
			err = out.rows(rows)
		}
		if err != nil {
			return err
		}
		if next == "" {
			return out.end()
		}
		query.Set("cursor", next)
	}
}

// auditWriter is newRowWriter, but for what records cannot be.
func auditWriter(format string, w io.Writer) (rowWriter, error) {
	if format == "stix" {
		return nil, usageError{fmt.Errorf("-o stix is not for the audit trail: one of table, ndjson, json and csv")}
	}
	if format == "table" {
		return &plainRecords{&tableWriter{out: bufio.NewWriter(w), whole: "detail"}}, nil
	}
	return newRowWriter(format, w)
}

// auditColumns are what a table has room for, or all.
func auditColumns(format string) []string {
	if format == "table" {
		return []string{"time", "email", "action", "outcome", "address", "object", "detail"}
	}
	return audit.Fields
}

// lastRows writes the last few of all rows, when they have ended.
type lastRows struct {
	rowWriter
	limit int
	kept  []json.RawMessage
}

func (w *lastRows) rows(rows []json.RawMessage) error {
	w.kept = append(w.kept, rows...)
	w.kept = slices.Clone(w.kept[max(0, len(w.kept)-w.limit):]) // so that none of those before is held
	return nil
}

func (w *lastRows) end() error {
	return errors.Join(w.rowWriter.rows(w.kept), w.rowWriter.end())
}

// plainRecords writes records as people read them in a table: times to the second, beginnings of hashes, details without the signs of JSON.
type plainRecords struct{ rowWriter }

func (w *plainRecords) rows(rows []json.RawMessage) error {
	plain := make([]json.RawMessage, len(rows))
	for i, text := range rows {
		var r audit.Record
		if err := json.Unmarshal(text, &r); err != nil {
			return fmt.Errorf("read record: %w", err)
		}
		var err error
		plain[i], err = json.Marshal(map[string]string{
			"time": r.Time.UTC().Format(time.RFC3339), "email": r.Email, "action": string(r.Action), "outcome": string(r.Outcome),
			"detail": plainDetail(r.Detail), "address": r.Address, "object": shortHash(r.Object),
		})
		if err != nil {
			return err
		}
	}
	return w.rowWriter.rows(plain)
}

// plainDetail is a detail in a line. A user's hash is left out beside their address.
func plainDetail(detail map[string]string) string {
	words := make([]string, 0, len(detail))
	for _, name := range slices.Sorted(maps.Keys(detail)) {
		if name != "user" || detail["email"] == "" {
			words = append(words, shortHash(name)+": "+shortHash(detail[name]))
		}
	}
	return strings.Join(words, ", ")
}

// shortHash is a text, or of a hash the beginning.
func shortHash(text string) string {
	if _, err := tahoe.ParseHash(text); err == nil {
		return text[:12] + "…"
	}
	return text
}

// auditPage gets a page of records, and the cursor of the next one.
func (r *remote) auditPage(ctx context.Context, query url.Values) (rows []json.RawMessage, next string, err error) {
	header := http.Header{"Accept": {"application/x-ndjson"}}
	answered, err := r.open(ctx, http.MethodGet, "/api/v1/audit?"+query.Encode(), header, nil)
	if err != nil {
		return nil, "", err
	}
	defer answered.Body.Close()
	lines, err := linesOf(answered.Body)
	for _, l := range lines {
		rows = append(rows, l)
	}
	return rows, answered.Header.Get("Next-Cursor"), err
}

// linesOf reads lines of whatever length, without their ends.
func linesOf(in io.Reader) ([][]byte, error) {
	text, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	lines := slices.Collect(bytes.Lines(text))
	for i := range lines {
		lines[i] = bytes.TrimSuffix(lines[i], []byte("\n"))
	}
	return lines, nil
}

// moment reads a time: a length back from now, a date, or an instant. Nothing and 0 are no time.
func moment(flag, text string, now time.Time) (time.Time, error) {
	if text == "" || text == "0" {
		return time.Time{}, nil
	}
	if back, err := time.ParseDuration(text); err == nil && back >= 0 {
		return now.Add(-back), nil
	}
	at, err := parseDay(text)
	if err != nil {
		return at, usageError{fmt.Errorf("--%s %q is neither a length such as 12h, nor 2026-01-31, nor 2026-01-31T23:59:59Z", flag, text)}
	}
	return at, nil
}

func (a *app) auditVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify [FILE|-]",
		Short: "Check that records, as a superuser got them with -o ndjson, are those that were written",
		Long: "Each record names the one before it by its hash, so that one that was changed or taken out shows. What was cut off the end, or all\n" +
			"written anew, shows when the number and the hash that this prints are compared with those of an older copy.",
		Example: "  cybexp audit --since 0 -o ndjson > audit.ndjson && cybexp audit verify audit.ndjson",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			in, err := a.openArg(args)
			if err != nil {
				return err
			}
			defer in.Close()
			lines, err := linesOf(bufio.NewReader(in))
			if err != nil {
				return err
			}
			last, hash, err := audit.Verify(lines)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "%d records are whole; the last is number %d, its hash %s\n", len(lines), last, cmp.Or(hash, "none"))
			return err
		},
	}
}
