package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/ingest/filter"
	"github.com/cybexp/cybexp/private"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// hiding says what `cybexp send` keeps from the server.
type hiding struct {
	subTypes []string
	file     string
	keep     string // file that takes the values
	secrets  private.Secrets
	known    *private.Known // nil when nobody wants to know them
}

func (h *hiding) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&h.subTypes, "private", nil, "`SUB_TYPES` whose values are hidden: map the records here, and send events without these")
	f.StringVar(&h.file, "secret", "", "`FILE` with the secret that hides them, see `cybexp key secret`")
	f.StringVar(&h.keep, "known", "", "`FILE` of yours that takes the values that are hidden, for cybexp query --known")
	cmd.MarkFlagsRequiredTogether("private", "secret")
}

// on reads the secret, and tells whether something is to be hidden.
func (h *hiding) on() (bool, error) {
	if len(h.subTypes) == 0 {
		if h.keep != "" {
			return false, usageError{errors.New("--known is for what --private hides")}
		}
		return false, nil
	}
	for _, s := range h.subTypes {
		if err := tahoe.ValidSubType(s); err != nil {
			return false, usageError{fmt.Errorf("--private %q: %w", s, err)}
		}
	}
	var err error
	if h.secrets, err = private.Read(h.file); err != nil || h.keep == "" {
		return true, err
	}
	h.known, err = private.ReadKnown(h.keep)
	if errors.Is(err, fs.ErrNotExist) {
		h.known, err = &private.Known{}, nil
	}
	return true, err
}

// documentsTag is the typetag of TAHOE documents.
const documentsTag = "tahoe"

// hide maps records here and gives the events as TAHOE documents, a line each, without what is to be hidden. They wait in a temporary file without a
// name, so that they can be sent twice. The raw records stay here: they have the values.
func (a *app) hide(o *sendOptions, path string, in io.Reader) (*os.File, error) {
	if _, ok := filter.For(o.typetag); !ok {
		return nil, usageError{fmt.Errorf("no filter knows the typetag %q, so nothing can be hidden in it; there are: %s", o.typetag, strings.Join(filter.Typetags(), ", "))}
	}
	file, err := os.CreateTemp("", "cybexp-private-*")
	if err != nil {
		return nil, fmt.Errorf("hide values: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("hide values: %w", err), file.Close())
	}
	out := bufio.NewWriter(file)
	up := ingest.Upload{Typetag: o.typetag, Org: orgHash(o.org), Timezone: o.timezone, Marking: o.tlp}
	hidden := 0
	for outcome, err := range ingest.Try(up, time.Now(), in) {
		if err == nil {
			hidden, err = hidden+len(outcome.Record.Events), o.hiding.documents(out, outcome.Record)
		}
		if err != nil {
			return nil, errors.Join(err, file.Close())
		}
		for _, p := range outcome.Problems {
			fmt.Fprintf(a.stderr, "%s: line %s\n", path, p)
		}
	}
	if hidden == 0 {
		return nil, errors.Join(errors.New("there are no events in it to send"), file.Close())
	}
	if o.hiding.known != nil { // before anything is sent: afterwards nobody could tell
		if err := o.hiding.known.Append(o.hiding.keep); err != nil {
			return nil, errors.Join(err, file.Close())
		}
	}
	if err := out.Flush(); err != nil {
		return nil, errors.Join(fmt.Errorf("hide values: %w", err), file.Close())
	}
	if _, err = file.Seek(0, io.SeekStart); err != nil {
		return nil, errors.Join(fmt.Errorf("hide values: %w", err), file.Close())
	}
	return file, nil
}

// documents writes the events of a record, each with the sessions that it belongs to.
func (h *hiding) documents(out io.Writer, r tahoe.Record) error {
	for _, e := range r.Events {
		hidden, err := h.secrets.Hide(e, h.subTypes)
		if err == nil {
			err = h.note(e.Children())
		}
		if err != nil {
			return err
		}
		text, err := tahoe.MarshalInstance(hidden)
		if err != nil {
			return err
		}
		var doc map[string]json.RawMessage
		if err := json.Unmarshal(text, &doc); err != nil {
			return fmt.Errorf("write document: %w", err)
		}
		if doc["sessions"], err = h.sessions(r, e); err != nil {
			return err
		}
		if text, err = json.Marshal(doc); err != nil {
			return fmt.Errorf("write document: %w", err)
		}
		if _, err := fmt.Fprintf(out, "%s\n", text); err != nil {
			return fmt.Errorf("write document: %w", err)
		}
	}
	return nil
}

// sessions are the documents of those that an event belongs to, which do not name events.
func (h *hiding) sessions(r tahoe.Record, e *tahoe.Event) (json.RawMessage, error) {
	docs := []json.RawMessage{}
	for _, s := range r.Sessions {
		if !slices.ContainsFunc(s.Events(), func(o *tahoe.Event) bool { return o.Hash() == e.Hash() }) {
			continue
		}
		children, err := h.secrets.HideNodes(s.Children(), h.subTypes)
		if err == nil {
			err = h.note(s.Children())
		}
		if err != nil {
			return nil, err
		}
		hidden, err := tahoe.NewSession(s.SubType(), children...)
		if err != nil {
			return nil, fmt.Errorf("hide attributes: %w", err)
		}
		hidden.StartTime, hidden.EndTime, hidden.Duration = s.StartTime, s.EndTime, s.Duration
		text, err := tahoe.MarshalInstance(hidden)
		if err != nil {
			return nil, err
		}
		docs = append(docs, text)
	}
	return json.Marshal(docs)
}

// note keeps the values that are hidden of nodes, if somebody wants to know them.
func (h *hiding) note(nodes []tahoe.Node) error {
	if h.known == nil {
		return nil
	}
	return h.known.AddNodes(nodes, h.subTypes)
}

// seeking says how a question finds what was hidden, and shows of it what its asker knows.
type seeking struct {
	file, values string
	only         bool
	secrets      private.Secrets
	known        *private.Known
}

func (s *seeking) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.file, "secret", "", "`FILE` with secrets: ask for what was sent with them too, see `cybexp key secret`")
	f.StringVar(&s.values, "known", "", "with --secret: `FILE` of values, as send --known keeps them, that are shown in place of their private forms")
	f.BoolVar(&s.only, "only-private", false, "with --secret: ask for private values only, so that the server does not learn what is asked for")
}

// expand puts private forms into a query, beside the values that it names, or in their place.
func (s *seeking) expand(text string, params map[string]tahoe.Value) (string, error) {
	if s.file == "" {
		if s.only || s.values != "" {
			return "", usageError{errors.New("--only-private and --known need --secret")}
		}
		return text, nil
	}
	var err error
	if s.secrets, err = private.Read(s.file); err != nil {
		return "", err
	}
	s.known = &private.Known{}
	if s.values != "" {
		if s.known, err = private.ReadKnown(s.values); err != nil {
			return "", err
		}
	}
	q, err := tdql.Parse(text)
	if err != nil {
		return text, nil //nolint:nilerr // the server tells what is wrong, and where
	}
	if s.only && q.Any() {
		return "", usageError{errors.New("--only-private: the query names values after any, which would go to the server as they are: name their sub-type")}
	}
	q, err = q.Expand(params, func(subType string, v tahoe.Value) ([]tahoe.Value, error) {
		if err := s.known.Add(subType, v); err != nil { // who names a value knows it
			return nil, err
		}
		forms, err := s.secrets.Forms(subType, v)
		if s.only || err != nil {
			return forms, err
		}
		return append([]tahoe.Value{v}, forms...), nil
	})
	if err != nil {
		return "", err
	}
	return q.String(), nil
}

// writer shows rows with the values that the asker knows in place of their private forms.
func (s *seeking) writer(format string, w io.Writer) (rowWriter, error) {
	out, err := newRowWriter(format, w)
	if err != nil || s.known == nil {
		return out, err
	}
	return &revealingWriter{out, s}, nil
}

type revealingWriter struct {
	rowWriter

	seeking *seeking
}

func (w *revealingWriter) rows(rows []json.RawMessage) error {
	shown := make([]json.RawMessage, len(rows))
	for i, r := range rows {
		shown[i] = w.seeking.secrets.Reveal(r, w.seeking.known)
	}
	return w.rowWriter.rows(shown)
}

func (a *app) keySecretCommand() *cobra.Command {
	var rotate bool
	cmd := &cobra.Command{
		Use:   "secret FILE",
		Short: "Make a secret that hides attributes from all who do not have it",
		Long: "The secret is for `cybexp send --private` and `cybexp query --secret`, and never goes to a server. Give the file to those who shall find\n" +
			"what you hide. With --rotate a new secret is put before the others: what is sent from then on is found with the new one only.",
		Example: "  cybexp key secret unr.secret\n  cybexp send cowrie.json --typetag cowrie --org unr --private ipv4,username --secret unr.secret\n" +
			"  cybexp query --secret unr.secret 'count ipv4 192.0.2.1'",
		Args: exactArgs("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			if _, err := os.Stat(args[0]); err == nil && !rotate {
				return fmt.Errorf("%s exists already; --rotate adds a new secret to it", args[0])
			}
			n, err := private.Add(args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "a new secret hides; %s in the file\n", counted(n, "secret"))
			return err
		},
	}
	cmd.Flags().BoolVar(&rotate, "rotate", false, "add a new secret to the file")
	return cmd
}
