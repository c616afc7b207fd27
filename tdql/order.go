package tdql

import (
	"slices"
	"strings"

	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql/dql"
)

// column is a member of rows: an own field of the instances, or the values of a sub-type that events include.
type column struct {
	name    string
	subType bool
}

func (d column) text() string {
	if d.subType && slices.Contains(ownColumns, strings.ToLower(d.name)) {
		return "`" + d.name + "`"
	}
	if d.subType {
		return nameText(d.name)
	}
	return d.name
}

// ownColumns are the names of all own fields of rows.
var ownColumns = []string{"hash", "itype", "sub_type", "data", "timestamp", "category", "org", "org_name", "tlp", "start_time", "end_time", "duration",
	"timezone", "state", "level", "degree"}

// order sorts the set.
type order struct{ by []sortBy }

// sortBy is one key of a sort.
type sortBy struct {
	column
	desc bool
}

// project shows only some columns.
type project struct{ columns []column }

func (o *order) describe() string   { return describe("order", o) }
func (j *project) describe() string { return describe("show", j) }

func (o *order) spell(p *printer) {
	p.word("sort")
	for i, k := range o.by {
		if i > 0 {
			p.comma()
		}
		p.word(k.text())
		if k.desc {
			p.word("desc")
		}
	}
}

func (j *project) spell(p *printer) {
	p.word("fields")
	for i, d := range j.columns {
		if i > 0 {
			p.comma()
		}
		p.word(d.text())
	}
}

// columnNames checks the spelling of columns.
func (s shaper) columnNames(list ...*word) {
	for _, w := range list {
		switch key := w.key(); {
		case slices.Contains(ownColumns, key):
			w.Text = key
		case key == "":
			s.names(&name{leaf{w.at, strings.Trim(w.Text, "`")}})
		case isReserved(key) || !isIdentifier(key):
			s.add(CodeSyntax, w.at, didYouMean(w.Text, ownColumns), "%s is not a field", quote(w.Text))
		}
	}
}

func (s shaper) sortKeys(list []*sortKey) {
	for _, k := range list {
		s.columnNames(k.Field)
	}
}

// sort adds a sort.
func (c *checker) sort(keys []*sortKey, at span) {
	o := &order{}
	for _, k := range keys {
		d := c.column(k.Field)
		if slices.ContainsFunc(o.by, func(b sortBy) bool { return b.column == d }) {
			c.add(CodeMeaning, k.Field.at, "", "%q is given twice", d.name)
		}
		o.by = append(o.by, sortBy{d, k.Desc})
	}
	if c.kind == kindRelated || c.kind == kindInstance {
		c.add(CodeMeaning, at, "as in | events | sort timestamp", `"sort" needs instances of one kind`)
	}
	c.push(o, c.kind)
}

// fields adds the choice of columns.
func (c *checker) fields(list []*word) {
	j := &project{}
	for _, w := range list {
		d := c.column(w)
		if slices.Contains(j.columns, d) {
			c.add(CodeMeaning, w.at, "", "%q is given twice", d.name)
		}
		j.columns = append(j.columns, d)
	}
	c.push(j, c.kind)
	c.done, c.cuttable = "fields", true
}

// maxValueColumns is how many sub-types can be columns of one query.
const maxValueColumns = 4

// column finds out what a name means for the set.
func (c *checker) column(w *word) column {
	d := column{name: strings.Trim(w.Text, "`"), subType: w.key() == "" || !slices.Contains(ownColumns, w.key())}
	_, own := rowShape(c.kind)
	if c.kind != kindRelated && c.kind != kindInstance {
		own = append(own, "degree")
	}
	switch {
	case c.kind == "":
	case d.subType && c.kind != tahoe.KindEvent:
		c.add(CodeMeaning, w.at, didYouMean(d.name, own), "%ss have no field %q; they have %s", c.kind, d.name, oneOf(own))
	case d.subType:
		c.seen(tahoe.KindAttribute, leaf{w.at, d.name}, own)
		if !slices.Contains(c.columns, d.name) {
			c.columns = append(c.columns, d.name)
		}
		if len(c.columns) == maxValueColumns+1 {
			c.add(CodeLimit, w.at, "", "a query has at most %d sub-types as fields", maxValueColumns)
		}
	case !slices.Contains(own, d.name):
		c.add(CodeMeaning, w.at, didYouMean(d.name, own), "%ss have no field %q; they have %s", c.kind, d.name, oneOf(own))
	}
	return d
}

// extraFields asks for what the columns of a sort or a choice need besides the usual fields.
func (c *compiler) extraFields(kind tahoe.Kind, columns []column) []dql.Field {
	var list []dql.Field
	for i, name := range valueColumns(columns) {
		list = append(list, c.valuesField(i, name))
	}
	if slices.Contains(columns, column{name: "degree"}) {
		list = append(list, c.degreeField(kind, "", "g"))
	}
	return list
}

// columns are all that the sort and the choice need.
func (c *compiler) columns() []column {
	var list []column
	if c.order != nil {
		for _, k := range c.order.by {
			list = append(list, k.column)
		}
	}
	if c.project != nil {
		list = append(list, c.project.columns...)
	}
	return list
}

// valueColumns are the sub-types among the columns, each once.
func valueColumns(columns []column) []string {
	var list []string
	for _, d := range columns {
		if d.subType && !slices.Contains(list, d.name) {
			list = append(list, d.name)
		}
	}
	return list
}
