package main

import (
	"cmp"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/cybexp/cybexp/ingest/source"
)

// printSources shows sources to a person.
func (a *app) printSources(list []source.Status) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tKIND\tTYPETAG\tSTATE\tRECORDS\tLAG\tERROR")
	for _, s := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", printable(s.Name), s.Kind, s.Typetag, s.State, s.Records, lagText(s.Lag),
			printable(cmp.Or(s.Error, s.Note)))
	}
	return w.Flush()
}

// lagText is a lag as status tells it, in seconds.
func lagText(lag float64) string {
	if lag < 0 {
		return "-"
	}
	return time.Duration(lag * float64(time.Second)).Round(time.Second).String()
}

// showSource shows a person one source: what is not there is left out.
func showSource(out io.Writer, s source.Status, now time.Time) error {
	when := func(at time.Time) string {
		if at.IsZero() {
			return ""
		}
		text := at.UTC().Format(time.DateTime) + "Z"
		if ago := now.Sub(at).Round(time.Second); ago >= 0 {
			return text + ", " + ago.String() + " ago"
		}
		return text + ", in " + at.Sub(now).Round(time.Second).String()
	}
	many := func(n int64) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprint(n)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, line := range [][2]string{
		{"name", s.Name},
		{"id", s.ID},
		{"kind", string(s.Kind)},
		{"mode", s.Mode},
		{"from", cmp.Or(s.URL, s.Path, s.Listen)},
		{"typetag", s.Typetag},
		{"org", s.Org.String()},
		{"tlp", string(s.Marking)},
		{"state", s.State},
		{"error", s.Error},
		{"failures", many(int64(s.Failures))},
		{"note", s.Note},
		{"last success", cmp.Or(when(s.Success), "never")},
		{"last try", when(s.Tried)},
		{"next try", when(s.Next)},
		{"lag", lagText(s.Lag)},
		{"taken", fmt.Sprintf("%s, %s", counted(int(s.Records), "record"), byteText(s.Bytes))},
		{"too long", many(s.Rejected)},
		{"dropped", many(s.Dropped)},
		{"run by", s.Where},
		{"listens on", s.Address},
	} {
		if line[1] != "" {
			fmt.Fprintf(w, "%s\t%s\n", line[0], printable(line[1]))
		}
	}
	return w.Flush()
}
