package tdql

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cybexp/cybexp/tahoe"
)

// record is a vertex as the database tells it.
type record struct {
	UID       string   `json:"uid"`
	Hash      string   `json:"hash"`
	IType     string   `json:"itype"`
	SubType   string   `json:"sub_type"`
	Data      string   `json:"data"`
	Brief     string   `json:"brief"` // of an event, from which the fields are filled that it has
	Timestamp string   `json:"timestamp"`
	Category  string   `json:"category"`
	OrgID     string   `json:"orgid"`
	StartTime string   `json:"start_time"`
	EndTime   string   `json:"end_time"`
	Duration  *float64 `json:"duration"`
	Timezone  string   `json:"timezone"`
	State     string   `json:"state"`
	N         uint64   `json:"n"`
	G         uint64   `json:"g"`
	V         probe    `json:"v"`
	W         []struct {
		W probe `json:"w"`
	} `json:"w"`
	at int64    // Timestamp in microseconds, where it is needed; of a record without one, which stands for N of them
	D0 dataList `json:"d0"`
	D1 dataList `json:"d1"`
	D2 dataList `json:"d2"`
	D3 dataList `json:"d3"`
}

// probe holds a vertex when there is one that the caller may see.
type probe []struct{}

// dataList are the values of the attributes of one sub-type.
type dataList []struct {
	Data string `json:"data"`
}

// visible says whether a probe found something.
func (r *record) visible() bool {
	if len(r.V) > 0 {
		return true
	}
	for _, session := range r.W {
		if len(session.W) > 0 {
			return true
		}
	}
	return false
}

// decode reads an answer; an empty one has no records.
func decode(body []byte) ([]record, error) {
	if len(body) == 0 {
		return nil, nil
	}
	var answer struct {
		R []record `json:"r"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("decode answer: %w", err)
	}
	for i := range answer.R {
		if err := answer.R[i].unfold(); err != nil {
			return nil, fmt.Errorf("decode answer: %w", err)
		}
	}
	return answer.R, nil
}

// unfold fills in what an event has in brief.
func (r *record) unfold() error {
	if r.Brief == "" {
		return nil
	}
	b, err := tahoe.ParseBrief(r.Brief)
	if err != nil {
		return err
	}
	r.IType, r.Hash, r.SubType, r.OrgID, r.Data, r.Brief = string(tahoe.KindEvent), b.Hash, b.SubType, b.OrgID, b.Data, ""
	r.Timestamp = tahoe.UnixTime(b.Timestamp).Format(time.RFC3339Nano)
	return nil
}

// rowWriter writes one row, member by member.
type rowWriter struct{ buf []byte }

func newRow(fields int) *rowWriter { return &rowWriter{buf: append(make([]byte, 0, 48*fields), '{')} }

func (w *rowWriter) key(name string) {
	if len(w.buf) > 1 {
		w.buf = append(w.buf, ',')
	}
	w.buf = append(w.buf, '"')
	w.buf = append(w.buf, name...)
	w.buf = append(w.buf, '"', ':')
}

// text writes a string, null if it is empty.
func (w *rowWriter) text(name, s string) *rowWriter {
	w.key(name)
	if s == "" {
		w.buf = append(w.buf, "null"...)
		return w
	}
	w.buf = tahoe.String(s).AppendJSON(w.buf)
	return w
}

// json writes JSON text as it is; null if it is none.
func (w *rowWriter) json(name, text string) *rowWriter {
	w.key(name)
	if !json.Valid([]byte(text)) {
		text = "null"
	}
	w.buf = append(w.buf, text...)
	return w
}

func (w *rowWriter) number(name string, n uint64) *rowWriter {
	w.key(name)
	w.buf = strconv.AppendUint(w.buf, n, 10)
	return w
}

func (w *rowWriter) float(name string, f *float64) *rowWriter {
	w.key(name)
	if f == nil {
		w.buf = append(w.buf, "null"...)
		return w
	}
	w.buf = strconv.AppendFloat(w.buf, *f, 'f', -1, 64)
	return w
}

func (w *rowWriter) done() Row { return append(w.buf, '}') }

// column is the list of values of a column of a sub-type.
func (r *record) column(i int) dataList {
	return [...]dataList{r.D0, r.D1, r.D2, r.D3}[i]
}

// columnOf is where the values of a sub-type are in the records of the phase.
func (ph *phase) columnOf(subType string) int { return slices.Index(ph.values, subType) }

// text is an own field of a record that is a text.
func (p *Program) text(name string, r *record) string {
	switch name {
	case "hash":
		return r.Hash
	case "itype":
		return r.IType
	case "sub_type":
		return r.SubType
	case "category":
		return r.Category
	case "org":
		return r.OrgID
	case "org_name":
		return p.orgNames[r.OrgID]
	case "timestamp":
		return r.Timestamp
	case "start_time":
		return r.StartTime
	case "end_time":
		return r.EndTime
	case "timezone":
		return r.Timezone
	case "state":
		return r.State
	}
	return ""
}

// chosen makes a row of the columns that were chosen.
func (p *Program) chosen(ph *phase, r *record) Row {
	w := newRow(len(p.columns))
	for _, d := range p.columns {
		switch {
		case d.subType:
			values := make([]string, 0, 4)
			for _, v := range r.column(ph.columnOf(d.name)) {
				if json.Valid([]byte(v.Data)) {
					values = append(values, v.Data)
				}
			}
			slices.Sort(values)
			w.json(d.name, "["+strings.Join(values, ",")+"]")
		case d.name == "data":
			w.json(d.name, r.Data)
		case d.name == "duration":
			w.float(d.name, r.Duration)
		case d.name == "degree":
			w.number(d.name, r.G)
		case d.name == "level":
			w.number(d.name, uint64(max(1, ph.level)))
		default:
			w.text(d.name, p.text(d.name, r))
		}
	}
	return w.done()
}

// row makes the row of a record, with the fields of rowShape.
func (p *Program) row(ph *phase, r *record) Row {
	if p.columns != nil {
		return p.chosen(ph, r)
	}
	w := newRow(8).text("hash", r.Hash).text("itype", r.IType).text("sub_type", r.SubType)
	switch ph.kind {
	case tahoe.KindAttribute, tahoe.KindObject:
		return w.json("data", r.Data).done()
	case tahoe.KindSession:
		return w.json("data", r.Data).text("start_time", r.StartTime).text("end_time", r.EndTime).float("duration", r.Duration).done()
	case tahoe.KindRaw:
		return w.json("data", r.Data).text("timezone", r.Timezone).text("state", r.State).done()
	case tahoe.KindEvent:
	default:
		if w.key("level"); ph.level == 0 {
			w.buf = append(w.buf, '1')
		} else {
			w.buf = strconv.AppendInt(w.buf, int64(ph.level), 10)
		}
	}
	return w.text("timestamp", r.Timestamp).text("category", r.Category).
		text("org", r.OrgID).text("org_name", p.orgNames[r.OrgID]).json("data", r.Data).done()
}

// seedText lists vertices as a variable has them; what does not look like a vertex is left out.
func seedText(uids []string) string {
	var b strings.Builder
	b.WriteByte('[')
	for _, u := range uids {
		if len(u) < 3 || u[:2] != "0x" || strings.Trim(u[2:], "0123456789abcdef") != "" {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.WriteString(u)
	}
	b.WriteByte(']')
	return b.String()
}
