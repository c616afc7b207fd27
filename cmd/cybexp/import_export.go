package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/tahoe"
)

// An export is taken in as uploads of the format tahoe, of some thousand documents of one organisation each. The name of an upload is made of what is in it, so that
// the server knows again what it has, and whoever sends a file again goes on where it broke off.
const (
	documentsPart   = 4 << 20 // bytes of an upload
	documentsLines  = 2000    // of an upload
	documentsAhead  = 4       // uploads that are on their way into the graph
	documentsFaults = 20      // that are told one by one
)

// documentsImport is the import of exports into a platform that runs.
type documentsImport struct {
	app   *app
	o     *importOptions
	note  *note
	begun time.Time

	salt   string                 // makes the same documents other uploads
	orgs   map[string]bool        // hashes of the organisations that the importer administers
	parts  map[string]*importPart // by organisation, that are gathered
	ahead  []importPart           // on their way into the graph
	sent   int
	status ingest.Status // of all that are there
	faults int           // documents that were not taken
	absent map[string]int
}

// importPart is some documents of an organisation.
type importPart struct {
	org, file string
	text      bytes.Buffer
	lines     []int // where in the file each of them stood
	id        string
}

// importDocuments takes files of TAHOE documents in.
func (a *app) importDocuments(ctx context.Context, o *importOptions, files []string) error {
	if err := o.resolve(); err != nil {
		return err
	}
	in, err := openInputs(a, files)
	if err != nil {
		return err
	}
	defer in.close()
	m := &documentsImport{app: a, o: o, note: newNote(a), begun: time.Now(), orgs: map[string]bool{}, parts: map[string]*importPart{}, absent: map[string]int{}}
	defer m.note.clear()
	if err := m.who(ctx); err != nil {
		return err
	}
	for _, f := range in {
		if err := m.file(ctx, f); err != nil {
			m.note.clear()
			fmt.Fprintf(a.stderr, "%s of documents are safe; the same command again goes on behind them\n", counted(m.sent, "upload"))
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	if err := m.settle(ctx, 0); err != nil {
		return err
	}
	return m.tell()
}

// who finds out for which organisations the importer may upload.
func (m *documentsImport) who(ctx context.Context) error {
	var admin struct{ Orgs []struct{ Hash, Name string } }
	if err := m.o.do(ctx, http.MethodGet, "/api/v1/orgs?role=admin", nil, nil, &admin); err != nil {
		return err
	}
	if m.o.again {
		m.salt = time.Now().String()
	}
	for _, o := range admin.Orgs {
		m.orgs[o.Hash] = true
		if m.o.org == o.Name {
			m.o.org = o.Hash
		}
	}
	if m.o.org != "" && !m.orgs[m.o.org] {
		return fmt.Errorf("you administer no organisation %q", m.o.org)
	}
	return nil
}

// file sends the documents of one file.
func (m *documentsImport) file(ctx context.Context, f *input) error {
	in := newLines(f)
	for {
		line, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if err := m.line(ctx, f.name, in.n, line); err != nil {
			return err
		}
		m.note.show(fmt.Sprintf("%s: line %d%s, %s in the graph", f.name, in.n, inputs{f}.share(), counted(m.status.Processed(), "document")))
	}
	for _, org := range slices.Sorted(maps.Keys(m.parts)) {
		if err := m.send(ctx, m.parts[org]); err != nil {
			return err
		}
	}
	return nil
}

// line puts a document to those of its organisation.
func (m *documentsImport) line(ctx context.Context, file string, n int, line []byte) error {
	var doc struct {
		Kind tahoe.Kind `json:"itype"`
		Org  string     `json:"orgid"`
	}
	switch err := json.Unmarshal(line, &doc); {
	case err != nil:
		m.fault(file, n, "is no JSON: "+err.Error())
		return nil
	case doc.Kind != tahoe.KindRaw && doc.Kind != tahoe.KindEvent:
		m.fault(file, n, fmt.Sprintf("has the itype %q: only raws and events can be taken in, with all that they hold", doc.Kind))
		return nil
	}
	if m.o.org != "" {
		doc.Org = m.o.org
	}
	if !m.orgs[doc.Org] {
		m.absent[doc.Org]++
		return nil
	}
	p := m.parts[doc.Org]
	if p == nil {
		p = &importPart{org: doc.Org, file: file}
		m.parts[doc.Org] = p
	}
	p.text.Write(append(line, '\n'))
	p.lines = append(p.lines, n)
	if p.text.Len() < documentsPart && len(p.lines) < documentsLines {
		return nil
	}
	return m.send(ctx, p)
}

// send uploads a part. When the server is full it waits.
func (m *documentsImport) send(ctx context.Context, p *importPart) error {
	delete(m.parts, p.org)
	sum := sha256.Sum256(slices.Concat([]byte(m.salt+"\n"+p.org+"\n"), p.text.Bytes()))
	key := hex.EncodeToString(sum[:])
	q := url.Values{"typetag": {documentsTag}, "org": {p.org}, "name": {filepath.Base(p.file)}}
	header := http.Header{"Content-Type": {"application/x-ndjson"}, "Idempotency-Key": {key}, "Expect": {"100-continue"}}
	var receipt ingest.Receipt
	for {
		err := m.o.do(ctx, http.MethodPost, "/api/v1/raw?"+q.Encode(), header, bytes.NewReader(p.text.Bytes()), &receipt)
		var no *refusal
		if !errors.As(err, &no) {
			if err != nil {
				return err
			}
			break
		}
		wait, later := no.later()
		if !later {
			return err
		}
		m.note.show(no.text + " Waiting.")
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
	p.id, p.text = receipt.ID, bytes.Buffer{}
	m.sent++
	m.ahead = append(m.ahead, *p)
	return m.settle(ctx, documentsAhead)
}

// settle waits until at most so many parts are on their way, and accounts for the others.
func (m *documentsImport) settle(ctx context.Context, left int) error {
	for len(m.ahead) > left {
		p := m.ahead[0]
		var s ingest.Status
		err := poll(ctx, 100*time.Millisecond, func() (bool, error) {
			s = ingest.Status{}
			err := m.o.do(ctx, http.MethodGet, "/api/v1/uploads/"+p.id, nil, nil, &s)
			return s.Done, err
		})
		if err != nil {
			return err
		}
		m.ahead = m.ahead[1:]
		m.account(p, s)
	}
	return nil
}

// account adds up what became of a part.
func (m *documentsImport) account(p importPart, s ingest.Status) {
	sum := &m.status
	sum.Received, sum.Mapped, sum.Kept = sum.Received+s.Received, sum.Mapped+s.Mapped, sum.Kept+s.Kept
	sum.NotSupported, sum.Invalid, sum.Dead = sum.NotSupported+s.NotSupported, sum.Invalid+s.Invalid, sum.Dead+s.Dead
	sum.Events, sum.Rejected, sum.Parts = sum.Events+s.Events, sum.Rejected+s.Rejected, sum.Parts+s.Parts
	told := 0
	for _, problem := range s.Problems {
		if problem.Record && problem.Line > 0 && problem.Line <= len(p.lines) {
			m.fault(p.file, p.lines[problem.Line-1], problem.Message)
			told++
		}
	}
	for _, r := range s.Reasons {
		if r.Record {
			told -= r.Count
		}
	}
	m.faults -= min(told, 0) // those that the server only counts
}

// fault tells of a document that was not taken.
func (m *documentsImport) fault(file string, line int, text string) {
	if m.faults++; m.faults <= documentsFaults {
		m.note.clear()
		fmt.Fprintf(m.app.stderr, "%s:%d: %s\n", file, line, printable(text))
	}
}

// tell says what became of all, and fails if something was not taken.
func (m *documentsImport) tell() error {
	m.note.clear()
	if more := m.faults - documentsFaults; more > 0 {
		fmt.Fprintf(m.app.stderr, "and %s not taken\n", counted(more, "more document"))
	}
	var errs []string
	for _, org := range slices.Sorted(maps.Keys(m.absent)) {
		errs = append(errs, fmt.Sprintf("%s of the organisation %s, which you do not administer here: make one of the same name (`cybexp org create`), or give --org", counted(m.absent[org], "document"), org))
	}
	if m.faults > 0 {
		errs = append(errs, counted(m.faults, "document")+" that could not be used")
	}
	if m.status.Dead > 0 {
		errs = append(errs, counted(m.status.Dead, "document")+" that the graph refused (`cybexp ingest dead list`)")
	}
	s := m.status
	fmt.Fprintf(m.app.stderr, "%s with %s in the graph, in %s\n", counted(s.Processed(), "document"), counted(s.Events, "event"), time.Since(m.begun).Round(time.Second/10))
	if err := m.app.forPrograms(map[string]int{
		"documents": s.Processed(), "events": s.Events, "mapped": s.Mapped, "kept": s.Kept, "not_supported": s.NotSupported, "invalid": s.Invalid,
		"dead": s.Dead, "not_taken": m.faults,
	}); err != nil {
		return err
	}
	if len(errs) > 0 {
		return errors.New("not taken: " + strings.Join(errs, "; "))
	}
	return nil
}
