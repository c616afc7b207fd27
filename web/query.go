package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// textType is the type of a query that is text; the classic types are count, related and threatrank.
const textType = "tdql"

// A classicQuestion is the body of POST /query: either Type and Data, or TDQL and Params.
type classicQuestion struct {
	Type   string
	Data   json.RawMessage
	TDQL   string
	Params map[string]tahoe.Value
	Redo   bool
}

// queryBody is the body of POST /query, in either form.
type queryBody struct {
	Type   *string                `json:"type,omitzero"`
	Data   json.RawMessage        `json:"data,omitzero"`
	TDQL   *string                `json:"tdql,omitzero"`
	Params map[string]tahoe.Value `json:"params,omitzero"`
	Redo   bool                   `json:"redo,omitzero"`
}

// decodeClassic reads the body of POST /query. Like the original it looks over members that it does not know.
func decodeClassic(body []byte) (classicQuestion, error) {
	var q queryBody
	if err := json.Unmarshal(body, &q); err != nil {
		return classicQuestion{}, badRequest("Invalid query format! " + jsonFault(err))
	}
	switch {
	case q.TDQL != nil && (q.Type != nil || q.Data != nil):
		return classicQuestion{}, badRequest("Invalid query format! Either 'tdql' or 'type' and 'data'.")
	case q.TDQL != nil:
		return classicQuestion{Type: textType, TDQL: *q.TDQL, Params: q.Params, Redo: q.Redo}, nil
	case q.Type == nil:
		return classicQuestion{}, badRequest("Invalid query format! KeyError('type')'type'")
	case q.Data == nil:
		return classicQuestion{}, badRequest("Invalid query format! KeyError('data')'data'")
	}
	return classicQuestion{Type: *q.Type, Data: q.Data, Redo: q.Redo}, nil
}

// request is the question as reportd takes it.
func (q classicQuestion) request() reportd.Request {
	r := reportd.Request{TDQL: q.TDQL, Params: q.Params, Shared: true, Redo: q.Redo}
	if q.TDQL == "" && q.Data != nil {
		r.Classic = &reportd.Classic{Type: q.Type, Data: q.Data}
	}
	return r
}

// classicQuery is POST /query: 201 with the report, or 202 when it is not ready in time. The same question within the hour is the
// same report, so a client asks again until it is there.
func (s *Server) classicQuery(c echo.Context) error {
	body, err := s.readBody(c)
	if err != nil {
		return err
	}
	q, err := decodeClassic(body)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	who, err := s.asker(ctx, caller(c))
	if err != nil {
		return err
	}
	report, err := s.cfg.Reports.Submit(ctx, who, q.request())
	var faults tdql.Errors
	if errors.As(err, &faults) && q.Type != textType {
		return s.failedDocument(c, q, reportd.Report{User: who.ID, Created: time.Now()}, faultText(faults))
	}
	if err != nil {
		return fmt.Errorf("submit report: %w", err)
	}
	if report, err = s.await(ctx, who, report); err != nil {
		return err
	}
	switch report.Status {
	case reportd.StatusReady:
		return s.document(c, q, report, http.StatusCreated)
	case reportd.StatusFailed, reportd.StatusCancelled:
		return s.failedDocument(c, q, report, failureText(report))
	case reportd.StatusInvalid, reportd.StatusWait, reportd.StatusProcessing:
	}
	return c.JSON(http.StatusAccepted, map[string]string{"message": "check back later", "status": "processing", "report": report.ID})
}

// await waits for a report to end, but not for long, and returns what has become of it.
func (s *Server) await(ctx context.Context, who reportd.Caller, report reportd.Report) (reportd.Report, error) {
	if report.Status.Ended() {
		return report, nil
	}
	patience, cancel := context.WithTimeout(ctx, s.cfg.Patience)
	defer cancel()
	for frame, err := range s.cfg.Reports.Frames(patience, who, report.ID, 0) {
		if err != nil && patience.Err() == nil {
			return report, fmt.Errorf("await report: %w", err)
		}
		if err != nil || frame.Last() {
			break
		}
	}
	report, err := s.cfg.Reports.Report(ctx, who, report.ID)
	if err != nil {
		return report, fmt.Errorf("load report: %w", err)
	}
	return report, nil
}

// failureText says why a report has no data, in its data, where classic clients look for it.
func failureText(r reportd.Report) string {
	switch {
	case r.Error == nil:
		return "The report was cancelled."
	case len(r.Error.Errors) > 0:
		return faultText(r.Error.Errors)
	}
	return r.Error.Message
}

func faultText(faults tdql.Errors) string {
	texts := make([]string, len(faults))
	for i, f := range faults {
		texts[i] = f.Message
		if f.Hint != "" {
			texts[i] += " (" + f.Hint + ")"
		}
	}
	return strings.Join(texts, "; ")
}

// A reportDocument is a report as POST /query answers with it.
type reportDocument struct {
	IType       string     `json:"itype"`
	SubType     string     `json:"sub_type"`
	UserID      string     `json:"userid"`
	Timestamp   float64    `json:"timestamp"`
	Hash        tahoe.Hash `json:"_hash"`
	Report      string     `json:"report,omitempty"` // its id in the current API
	Status      string     `json:"status"`
	Data        any        `json:"data"`
	CurrentPage int        `json:"current_page"`
	NextPage    int        `json:"next_page"` // 1 after the last page, which is empty
}

func newDocument(q classicQuestion, r reportd.Report) reportDocument {
	asked := float64(r.Created.UnixMicro()) / 1e6
	return reportDocument{
		IType: "report", SubType: q.Type, UserID: r.User, Timestamp: asked, Report: r.ID, Status: string(r.Status),
		Hash: tahoe.QueryHash(q.Type, q.hash(r), r.User, asked), CurrentPage: q.options().Page, NextPage: 1,
	}
}

// hash is the part of the report's identity that the question gives it.
func (q classicQuestion) hash(r reportd.Report) string {
	text := r.Canonical
	if v, err := tahoe.ParseValue(q.Data); err == nil {
		if canonical, err := tahoe.Canonical(v); err == nil {
			text = canonical
		}
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// classicOptions are the members of a classic query's data that shape the answer. That they are well is tdql's to check.
type classicOptions struct {
	Page    int   `json:"page"`
	Summary *bool `json:"summary"`
	Graph   bool  `json:"summary_graph"`

	paged bool // whether a page was asked for: without, the answer is whole
}

func (q classicQuestion) options() classicOptions {
	var o classicOptions
	if json.Unmarshal(q.Data, &o) == nil && o.Page > 0 {
		o.paged = !o.Graph
	} else {
		o.Page = 1
	}
	return o
}

// summarised says whether the answer to a related query is the values by sub-type, which it is unless the asker wants instances.
func (q classicQuestion) summarised() bool {
	o := q.options()
	return q.Type == "related" && (o.Summary == nil || *o.Summary)
}

// failedDocument answers with a report that failed. Classic clients expect it as they expect any report, with a text for data.
func (s *Server) failedDocument(c echo.Context, q classicQuestion, r reportd.Report, text string) error {
	switch {
	case q.Type == textType && r.Error != nil:
		return reportFailed(*r.Error)
	case q.Type == textType:
		return refuse(http.StatusConflict, "report-"+string(r.Status), text)
	}
	r.Status = reportd.StatusFailed
	doc := newDocument(q, r)
	doc.Data = text
	return c.JSON(http.StatusCreated, doc)
}

// kept is a report as a document, whoever asked in which way.
func (s *Server) kept(ctx context.Context, c echo.Context) error {
	r, err := s.cfg.Reports.Report(ctx, owner(c), c.Param("id"))
	if err != nil {
		return fmt.Errorf("load report: %w", err)
	}
	q := classicQuestion{Type: textType}
	if r.Classic != nil {
		q = classicQuestion{Type: r.Classic.Type, Data: r.Classic.Data}
	}
	return s.document(c, q, r, http.StatusOK)
}

// document answers with a report, when it is ready.
func (s *Server) document(c echo.Context, q classicQuestion, r reportd.Report, status int) error {
	ctx, done := s.streaming(c.Request().Context())
	defer done()
	r.Status = reportd.StatusReady // or there is no document
	doc := newDocument(q, r)
	paged := q.options().paged
	var format rowFormat = &listDocument{doc: doc, w: c.Response(), paged: paged}
	if q.Type == "count" || q.summarised() {
		format = &valueDocument{doc: doc, w: c.Response(), paged: paged}
	}
	out := newRowStream(c, mediaJSON, format)
	if out.status = status; status == http.StatusOK {
		out.media = mediaReport
	}
	return s.stream(ctx, out, reportd.Caller{ID: r.User}, r.ID, 0)
}

// valueDocument is a report whose data is one value: that of the one member of its one row. Unless it is paged it is whole on its
// first page, so that the next is empty.
type valueDocument struct {
	doc   reportDocument
	w     *echo.Response
	name  string
	paged bool
}

func (d *valueDocument) header(fields []string) error {
	if len(fields) != 1 {
		return fmt.Errorf("rows have %d members, not one", len(fields))
	}
	d.name = fields[0]
	return nil
}

func (d *valueDocument) row(row json.RawMessage) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(row, &members); err != nil {
		return fmt.Errorf("read row: %w", err)
	}
	d.doc.Data = members[d.name]
	return nil
}

func (d *valueDocument) end() error {
	data, _ := d.doc.Data.(json.RawMessage)
	switch {
	case d.paged && d.doc.SubType == "related" && string(data) != "{}":
		d.doc.NextPage = d.doc.CurrentPage + 1
	case !d.paged && d.doc.CurrentPage > 1:
		d.doc.Data = struct{}{}
	}
	return json.NewEncoder(d.w).Encode(d.doc)
}

// listDocument is a report whose data are its rows, written as they come.
type listDocument struct {
	doc  reportDocument
	w    *echo.Response
	rows jsonRows

	paged bool
}

func (d *listDocument) header([]string) error {
	d.rows.w = d.w
	head, _, err := d.around()
	if err != nil {
		return err
	}
	_, err = d.w.Write(head)
	return err
}

func (d *listDocument) row(row json.RawMessage) error { return d.rows.row(row) }

func (d *listDocument) end() error {
	if err := d.rows.end(); err != nil {
		return err
	}
	if d.rows.any && d.paged && d.doc.SubType == "related" {
		d.doc.NextPage = d.doc.CurrentPage + 1
	}
	_, tail, err := d.around()
	if err != nil {
		return err
	}
	_, err = d.w.Write(append(tail, '\n'))
	return err
}

// around is what stands before and after the rows. No string can hold the mark between, because its quotes would be escaped.
func (d *listDocument) around() (head, tail []byte, err error) {
	text, err := json.Marshal(d.doc)
	if err != nil {
		return nil, nil, err
	}
	head, tail, ok := bytes.Cut(text, []byte(`"data":null`))
	if !ok {
		return nil, nil, errors.New("document has data already")
	}
	return append(head, `"data":`...), tail, nil
}
