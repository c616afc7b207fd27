package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/cybexp/cybexp/ingest"
)

func (a *app) ingestReprocessCommand() *cobra.Command {
	var r remote
	var typetag, org, since, until string
	var follow bool
	cmd := &cobra.Command{
		Use:   "reprocess",
		Short: "Run a filter again over the raws that are in the graph",
		Long: "The platform runs the filter of a format again over the raws that it has, in the background; what is new is added to the graph.\n" +
			"After a crash it goes on where it was. --since and --until are about when the raws came.\n" +
			"Without --org it is about all organisations, which is for superusers.",
		Example: "  cybexp ingest reprocess --typetag zeek --org demo --since 2026-01-01 --follow",
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := r.resolve(); err != nil {
				return err
			}
			body := map[string]string{"typetag": typetag, "org": org}
			for name, text := range map[string]string{"since": since, "until": until} {
				if text == "" {
					continue
				}
				at, err := parseDay(text)
				if err != nil {
					return usageError{fmt.Errorf("--%s %q is neither 2006-01-02 nor 2006-01-02T15:04:05Z", name, text)}
				}
				body[name] = at.Format(time.RFC3339)
			}
			return a.reprocess(cmd.Context(), &r, body, follow)
		},
	}
	r.bind(cmd)
	f := cmd.Flags()
	f.StringVar(&typetag, "typetag", "", "what the raws are, such as cowrie (required)")
	f.StringVar(&org, "org", "", "organisation, by name or hash (default: all)")
	f.StringVar(&since, "since", "", "`TIME` from which on the raws came")
	f.StringVar(&until, "until", "", "`TIME` before which the raws came")
	f.BoolVar(&follow, "follow", false, "wait for the end, and say what could not be used")
	if err := cmd.MarkFlagRequired("typetag"); err != nil {
		panic(err) // the flag is defined above
	}
	return cmd
}

func parseDay(text string) (time.Time, error) {
	if at, err := time.Parse(time.DateOnly, text); err == nil {
		return at, nil
	}
	return time.Parse(time.RFC3339, text)
}

func (a *app) reprocess(ctx context.Context, r *remote, body map[string]string, follow bool) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	var j ingest.Job
	header := http.Header{"Content-Type": {"application/json"}}
	if err := r.do(ctx, http.MethodPost, "/api/v1/reprocess", header, bytes.NewReader(text), &j); err != nil {
		return err
	}
	if !follow {
		return a.printAnswer(json.RawMessage(compactJSON(j)))
	}
	note := newNote(a)
	defer note.clear()
	err = poll(ctx, 150*time.Millisecond, func() (bool, error) {
		id := j.ID
		j = ingest.Job{}
		if err := r.do(ctx, http.MethodGet, "/api/v1/reprocess/"+url.PathEscape(id), nil, nil, &j); err != nil {
			return false, err
		}
		note.show(fmt.Sprintf("%s: %d of %d raws", j.State, j.Seen, j.Total))
		return !j.Ended.IsZero(), nil
	})
	if err != nil {
		return err
	}
	note.clear()
	fmt.Fprintf(a.stderr, "%s: %s\n", j.State, jobSummary(j))
	showReasons(a.stderr, j.Reasons)
	return a.forPrograms(j)
}

// jobSummary says in a line what became of the raws.
func jobSummary(j ingest.Job) string {
	text := fmt.Sprintf("%s looked at, %d mapped to %s", counted(j.Seen, "raw"), j.Mapped, counted(j.Events, "event"))
	if j.Added > 0 {
		text += fmt.Sprintf(", %d of their vertices new", j.Added)
	}
	for _, rest := range []struct {
		n    int
		what string
	}{
		{j.Kept, "with nothing to map"},
		{j.Invalid, fmt.Sprintf("not of the format %q", j.Typetag)},
		{j.Undated, "left as they are, for they have the time of arrival"},
		{j.Lost, "of which only an excerpt is kept"},
		{j.Refused, "refused by the graph"},
		{j.Parts, plural(uint64(j.Parts), "part") + " of records not used"},
	} {
		if rest.n > 0 {
			text += fmt.Sprintf(", %d %s", rest.n, rest.what)
		}
	}
	return text
}
