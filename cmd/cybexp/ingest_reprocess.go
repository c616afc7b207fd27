package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/cybexp/cybexp/ingest"
)

func (a *app) ingestReprocessCommand() *cobra.Command {
	var r remote
	var typetag, org, since, until, job string
	var follow bool
	cmd := &cobra.Command{
		Use:   "reprocess",
		Short: "Run a filter again over the raws that are in the graph",
		Long: "The platform runs the filter of a format again over the raws that it has, in the background; what is new is added to the graph.\n" +
			"After a crash it goes on where it was; --job shows how far that is. --since and --until are about when the raws came.\n" +
			"Without --org it is about all organisations, which is for superusers.",
		Example: "  cybexp ingest reprocess --typetag zeek --org demo --since 2026-01-01 --follow\n" +
			"  cybexp ingest reprocess --job un5lyo6zzcmltsxcylhbqp5trg",
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if (typetag == "") == (job == "") {
				return usageError{errors.New("give either --typetag, for a new job, or --job, for one that has begun")}
			}
			if err := r.resolve(); err != nil {
				return err
			}
			if job != "" {
				return a.followJob(cmd.Context(), &r, job)
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
	f.StringVar(&typetag, "typetag", "", "what the raws are, such as cowrie")
	f.StringVar(&org, "org", "", "organisation, by name or hash (default: all)")
	f.StringVar(&since, "since", "", "`TIME` from which on the raws came")
	f.StringVar(&until, "until", "", "`TIME` before which the raws came")
	f.BoolVar(&follow, "follow", false, "wait for the end, and say what could not be used")
	f.StringVar(&job, "job", "", "`ID` of a job to follow that has begun before")
	return cmd
}

func parseDay(text string) (time.Time, error) {
	if at, err := time.Parse(time.DateOnly, text); err == nil {
		return at, nil
	}
	return time.Parse(time.RFC3339, text)
}

// reprocess begins a job.
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
	if follow {
		return a.followJob(ctx, r, j.ID)
	}
	fmt.Fprintf(a.stderr, "job %s has begun; %s shows how far it is\n", j.ID, followCommand(j.ID))
	return a.forPrograms(j)
}

func followCommand(id string) string { return "`cybexp ingest reprocess --job " + id + "`" }

// followJob waits for the end of a job and says what became of the raws, in words and for programs. Who interrupts it stops nothing.
func (a *app) followJob(ctx context.Context, r *remote, id string) error {
	var j ingest.Job
	note := newNote(a)
	defer note.clear()
	err := poll(ctx, 150*time.Millisecond, func() (bool, error) {
		j = ingest.Job{}
		if err := r.do(ctx, http.MethodGet, "/api/v1/reprocess/"+url.PathEscape(id), nil, nil, &j); err != nil {
			return false, err
		}
		note.show(jobProgress(j))
		return !j.Ended.IsZero(), nil
	})
	note.clear()
	if err != nil {
		if ctx.Err() != nil {
			fmt.Fprintf(a.stderr, "it goes on without you; %s shows how far it is\n", followCommand(id))
		}
		return queryEnded(err)
	}
	fmt.Fprintf(a.stderr, "%s: %s\n", j.State, jobSummary(j))
	showReasons(a.stderr, j.Reasons)
	return a.forPrograms(j)
}

// jobProgress says in a line how far a job is.
func jobProgress(j ingest.Job) string {
	if j.State == ingest.JobWaiting {
		return "waiting for its turn"
	}
	return fmt.Sprintf("%s: %d of %s", j.State, j.Seen, counted(j.Total, "raw"))
}

// jobSummary says in a line what became of the raws.
func jobSummary(j ingest.Job) string {
	if j.Seen > 0 && j.Mapped+j.Kept+j.NotSupported+j.Invalid+j.Lost+j.Undated+j.Refused == 0 {
		return counted(j.Seen, "raw") + " looked at, none of them is of that organisation and time"
	}
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
