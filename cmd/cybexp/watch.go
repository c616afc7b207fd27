package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cybexp/cybexp/reportd"
)

func (a *app) watchCommand() *cobra.Command {
	var q question
	cmd := &cobra.Command{
		Use:   "watch TDQL",
		Short: "Print what matches now, then each new match as it is written, until Ctrl-C",
		Example: `  cybexp watch 'events login last 10m where ipv4 = 218.92.0.198'
  cybexp watch 'domain evil.com | events category malicious | attributes ipv4' -o ndjson`,
		GroupID: "client",
		Args:    exactArgs("one query"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := q.resolve(); err != nil {
				return err
			}
			text, err := q.seeking.expand(watchText(args[0]), q.values)
			if err != nil {
				return err
			}
			return a.watch(cmd.Context(), &q, text)
		},
	}
	q.bind(cmd)
	return cmd
}

// watchText puts the word watch before a query that lacks it.
func watchText(text string) string {
	if words := strings.Fields(text); len(words) > 0 && strings.EqualFold(words[0], "watch") {
		return text
	}
	return "watch " + text
}

// watch asks until ctx ends, which is how a watch is meant to end.
func (a *app) watch(ctx context.Context, q *question, text string) error {
	out, err := q.seeking.writer(q.format, a.stdout)
	if err != nil {
		return err
	}
	c, err := q.dial(ctx)
	if err != nil {
		return interrupted(ctx, err)
	}
	defer c.Close()
	note := newNote(a)
	defer note.clear()
	for f, err := range c.Query(ctx, text, q.values) {
		switch {
		case ctx.Err() != nil && (err != nil || f.Type == reportd.TypeEnd):
			return out.end()
		case err != nil:
			return err
		}
		if err := a.showFrame(f, text, out, note); err != nil {
			return err
		}
	}
	return nil
}
