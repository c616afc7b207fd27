package tdql

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql/dql"
)

// record is a vertex as the database tells it.
type record struct {
	UID       uint64
	Hash      string
	IType     string
	SubType   string
	Data      string
	Timestamp string
	Category  string
	Marking   string
	OrgID     string
	StartTime string
	EndTime   string
	Duration  *float64
	Timezone  string
	State     string
	Audiences []string
	Uploads   []string
	N         uint64
	G         uint64
	at        int64 // Timestamp in microseconds, where it is needed; of a record without one, which stands for N of them
	visible   bool  // a probe found something that the caller may see
	values    [maxColumns][]string
}

// maxColumns is how many sub-types a row may have columns of.
const maxColumns = 4

// decode reads an answer; an empty one has no records.
func decode(body []byte) ([]record, error) {
	if len(body) == 0 {
		return nil, nil
	}
	var list []record
	var err error
	a := dql.NewAnswer(body)
	a.Object(func(name []byte) {
		if string(name) != "r" {
			a.Skip()
			return
		}
		a.List(func() {
			var r record
			if wrong := r.read(a); wrong != nil && err == nil {
				err = wrong
			}
			list = append(list, r)
		})
	})
	if err = cmp.Or(a.Err(), err); err != nil {
		return nil, fmt.Errorf("decode answer: %w", err)
	}
	return list, nil
}

// read reads a record.
func (r *record) read(a *dql.Answer) error {
	var brief string
	a.Object(func(name []byte) {
		switch string(name) {
		case "uid":
			r.UID = a.UID()
		case "hash":
			r.Hash = a.Text()
		case "itype":
			r.IType = a.Text()
		case "sub_type":
			r.SubType = a.Text()
		case "data":
			r.Data = a.Text()
		case "brief": // of an event, from which the fields are filled that it has
			brief = a.Text()
		case "timestamp":
			r.Timestamp = a.Text()
		case "category":
			r.Category = a.Text()
		case "tlp":
			r.Marking = a.Text()
		case "audience":
			r.OrgID, _ = tahoe.ParseAudience(a.Text())
		case "t":
			r.readSpans(a)
		case "timezone":
			r.Timezone = a.Text()
		case "state":
			r.State = a.Text()
		case "audiences":
			a.List(func() { r.Audiences = append(r.Audiences, a.Text()) })
		case "uploads":
			a.List(func() { r.Uploads = append(r.Uploads, a.Text()) })
		case "n":
			r.N = a.Uint()
		case "g":
			r.G = a.Uint()
		case "v":
			a.List(func() { r.visible = true; a.Skip() })
		case "w": // sessions, each with its probe
			a.List(func() {
				a.Object(func([]byte) { a.List(func() { r.visible = true; a.Skip() }) })
			})
		case "d0", "d1", "d2", "d3":
			of := &r.values[name[1]-'0']
			a.List(func() {
				a.Object(func([]byte) { *of = append(*of, a.Text()) })
			})
		default:
			a.Skip()
		}
	})
	if brief == "" {
		return nil
	}
	return r.unfold(brief)
}

// hear leaves of what organisations said with a raw that which is for some audiences.
func (r *record) hear(mine []string) {
	seen := map[string]bool{}
	for _, a := range r.Audiences {
		if org, _ := tahoe.ParseAudience(a); slices.Contains(mine, a) {
			seen[org] = true
		}
	}
	if len(seen) == len(r.Audiences) && len(r.Uploads) == 0 {
		return
	}
	var said []tahoe.RawUpload // none when an older version did not note who said what
	for _, text := range r.Uploads {
		if u := tahoe.ParseRawUpload(text); seen[u.Org] {
			said = append(said, u)
		}
	}
	state, timezone := tahoe.MergeRawUploads(said)
	r.State, r.Timezone = string(state), timezone
}

// unfold fills in what an event has in brief.
func (r *record) unfold(brief string) error {
	b, err := tahoe.ParseBrief(brief)
	if err != nil {
		return err
	}
	at := tahoe.UnixTime(b.Timestamp)
	r.IType, r.Hash, r.SubType, r.OrgID, r.Data = string(tahoe.KindEvent), b.Hash, b.SubType, b.OrgID, b.Data
	r.Timestamp, r.at = at.Format(time.RFC3339Nano), at.UnixMicro()
	return nil
}

// tlp is the marking of an event; others have none.
func (r *record) tlp() string {
	if r.IType != string(tahoe.KindEvent) {
		return ""
	}
	return string(tahoe.Marking(r.Marking).Or())
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
	case "tlp":
		return r.tlp()
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
			for _, text := range r.values[ph.columnOf(d.name)] {
				if json.Valid([]byte(text)) {
					values = append(values, text)
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
		text("org", r.OrgID).text("org_name", p.orgNames[r.OrgID]).text("tlp", r.tlp()).json("data", r.Data).done()
}
